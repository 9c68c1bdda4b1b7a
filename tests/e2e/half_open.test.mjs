// Peers that vanish without a FIN, as when a cable is pulled: the real kernel's probes and repeats,
// over a link of a network namespace that is taken down.
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { kBinary, launch, within } from './harness.mjs';

const kScenario = path.join(path.dirname(fileURLToPath(import.meta.url)), 'half_open_scenario.mjs');
// Who is not root may still be root of a namespace of users.
const kUnshare = ['--net', ...(process.getuid() === 0 ? [] : ['--user', '--map-root-user']), '--'];

test('watchers whose link is cut are removed, quiet ones that answer stay', async () => {
  const probe = launch('unshare', [...kUnshare, 'true']);
  const { code, errors } = await within(probe.exited, 'unshare to end');
  assert.equal(code, 0, `this test must make network namespaces, as root can: ${errors}`);
  const env = { NUNC_BINARY: kBinary };
  const run = launch('unshare', [...kUnshare, process.execPath, kScenario], { env });
  const ended = await within(run.exited, 'the scenario', 120_000);
  assert.equal(ended.code, 0, `${ended.output}\n${ended.errors}`);
  assert.match(ended.output, /^half-open peers are removed$/m);
});
