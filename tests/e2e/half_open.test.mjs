// Peers that vanish without a FIN, as when a cable is pulled: the real kernel's probes and repeats,
// over a link of a network namespace that is taken down.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runInNamespace } from './unshare.mjs';

test('watchers whose link is cut are removed, quiet ones that answer stay', async () => {
  const output = await runInNamespace('half_open_scenario.mjs', { ms: 120_000 });
  assert.match(output, /^half-open peers are removed$/m);
});
