// Clusters whose nodes are each in a network namespace, with partitions between them:
// cluster_net_scenario.mjs, which runs in a namespace that is made here and goes with it.
//
// NUNC_CLUSTER_NODES says how many nodes, NUNC_CLUSTER_ROUNDS how often all is repeated, and
// NUNC_SEED fixes the moments.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runInNamespace } from './unshare.mjs';

const kScenarioMs = 840_000;

test('partitions, silent links and links that lose one way', async () => {
  const asked = Object.entries(process.env).filter(([name]) => /^NUNC_(CLUSTER_|SEED)/.test(name));
  const output = await runInNamespace('cluster_net_scenario.mjs', {
    env: Object.fromEntries(asked),
    probe: ['ip', 'link', 'add', 'probe', 'type', 'bridge'],
    ms: kScenarioMs,
  });
  assert.match(output, /^all partitions are over$/m);
  console.log(output.trimEnd());
});
