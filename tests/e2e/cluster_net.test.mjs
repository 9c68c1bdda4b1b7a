// Clusters whose nodes are each in a network namespace, with partitions between them:
// cluster_net_scenario.mjs, which runs in a namespace that is made here and goes with it.
//
// NUNC_CLUSTER_NODES says how many nodes, NUNC_CLUSTER_ROUNDS how often all is repeated, and
// NUNC_SEED fixes the moments.
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { kBinary, launch, within } from './harness.mjs';

const kScenario = path.join(
  path.dirname(fileURLToPath(import.meta.url)),
  'cluster_net_scenario.mjs',
);
// Who is not root may still be root of a namespace of users.
const kUnshare = ['--net', ...(process.getuid() === 0 ? [] : ['--user', '--map-root-user']), '--'];
const kScenarioMs = 840_000;

test('partitions, silent links and links that lose one way', async () => {
  const bridge = ['ip', 'link', 'add', 'probe', 'type', 'bridge'];
  const probe = launch('unshare', [...kUnshare, ...bridge]);
  const { code, errors } = await within(probe.exited, 'unshare to end');
  assert.equal(
    code,
    0,
    `this test must make network namespaces and bridges, as root can: ${errors}`,
  );
  const asked = Object.entries(process.env).filter(([name]) => /^NUNC_(CLUSTER_|SEED)/.test(name));
  const env = { NUNC_BINARY: kBinary, ...Object.fromEntries(asked) };
  const run = launch('unshare', [...kUnshare, process.execPath, kScenario], { env });
  const ended = await within(run.exited, 'the scenario', kScenarioMs);
  assert.equal(ended.code, 0, `${ended.output}\n${ended.errors}`.slice(-6000));
  assert.match(ended.output, /^all partitions are over$/m);
  console.log(ended.output.trimEnd());
});
