// Run by cluster_net.test.mjs in a network namespace of its own, as root of it.
import assert from 'node:assert/strict';
import { ClusterNodes } from './cluster_nodes.mjs';
import { kFailoverMs, median, proven } from './cluster_proof.mjs';
import { within } from './harness.mjs';
import { pause } from './histories.mjs';
import { Network } from './namespaces.mjs';

const kCount = Number(process.env.NUNC_CLUSTER_NODES ?? 3);
const kRounds = Number(process.env.NUNC_CLUSTER_ROUNDS ?? 1);
const kFaultMs = 1500; // how much longer a fault stays once the others go on, at most

// The test that runs this holds the other end: when it is gone, however it ended, so is this.
process.stdin.resume().on('close', () => process.exit(1));

const network = new Network();
const ids = Array.from({ length: kCount }, (_, index) => index + 1);
for (const id of ids) await network.add(id);

/** `lonely` have no majority: while `fault` lasts they confirm nothing, and the others go on. */
async function without(proof, times, lonely, fault) {
  const { load } = proof;
  fault();
  const from = load.calls.length;
  for (const id of lonely) proof.away(id);
  times.gone.push(await load.acknowledged(kFailoverMs));
  await pause(proof.random() * kFaultMs);
  assert.deepEqual(load.confirmed(from, lonely), [], 'confirmed without a majority');
  network.heal();
  for (const id of lonely) proof.back(id);
  const healed = performance.now();
  await within(proof.primary(), 'one primary', kFailoverMs);
  times.healed.push(performance.now() - healed);
  await load.acknowledged(kFailoverMs);
  await proof.settled();
}

async function partitions(proof, times) {
  const others = (id) => ids.filter((other) => other !== id);
  const run = (lonely, fault) => without(proof, times, lonely, fault);
  // Half of the nodes, rounded down: once with the primary, once without.
  const half = Math.floor((kCount - 1) / 2);
  const first = await proof.primary();
  const few = [first, ...others(first)].slice(0, half);
  await run(few, () => network.partition(few));
  const second = await proof.primary();
  const rest = others(second).slice(0, half);
  await run(rest, () => network.partition(rest));
  for (const id of ids) await run([id], () => network.unplug(id));
  const deaf = await proof.primary();
  await run([deaf], () => others(deaf).forEach((id) => network.lose(id, deaf)));
  const mute = await proof.primary();
  await run([mute], () => others(mute).forEach((id) => network.lose(mute, id)));
}

const cluster = new ClusterNodes({ placeOf: (id) => network.placeOf(id) });
const argsOf = () => ['--insecure-default-credentials'];
await proven({ count: kCount, cluster, argsOf }, async (proof) => {
  const times = { gone: [], healed: [] };
  for (let round = 1; round <= kRounds; round += 1) await partitions(proof, times);
  for (const [what, list] of Object.entries(times)) {
    const [middle, most] = [median(list), Math.max(...list)].map(Math.round);
    console.log(`${what}: ${list.length} times, ${middle} ms (median), ${most} ms at most`);
  }
});
console.log('all partitions are over');
process.exit(0);
