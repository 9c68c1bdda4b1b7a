// Other faults of a cluster than a killed primary, while clients write at every node.
//
// NUNC_CLUSTER_ROUNDS says how often each is repeated, NUNC_SEED fixes the moments.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClusterNodes } from './cluster_nodes.mjs';
import { randomOf } from './crash_disk.mjs';
import { FaultyRelay } from './faulty_relay.mjs';
import { kFailoverMs, kSeed, proven } from './cluster_proof.mjs';
import { pause } from './histories.mjs';

const kLinkMs = 1500; // that a link lives, at most
const kSilentMs = 1500; // and is silent before it breaks
const kBrokenMs = 5000;
const kCalmMs = 1e9;
const kRounds = Number(process.env.NUNC_CLUSTER_ROUNDS ?? 2);

async function rounds(act) {
  for (let round = 1; round <= kRounds; round += 1) await act();
}

test(`a primary that is stopped and goes on does not answer as one, seed ${kSeed}`, async () => {
  await proven({}, async (proof) => {
    await rounds(async () => {
      const primary = await proof.primary();
      const { term } = await proof.state(primary);
      const waiting = await proof.admin(primary);
      proof.freeze(primary);
      // It finds these when it goes on, before it has heard of anybody.
      waiting.send({ id: 'role', op: 'cluster-state', form: 'json' });
      await proof.load.acknowledged(kFailoverMs);
      await pause(2000 + proof.random() * 2000);
      proof.thaw(primary);
      const { ok } = JSON.parse(await waiting.ws.inbox.next('the role of the stopped one'));
      assert.ok(ok.cluster.role !== 'primary' || ok.cluster.term > term, JSON.stringify(ok));
      waiting.ws.socket.terminate();
      await proof.load.acknowledged(kFailoverMs);
      await proof.settled();
    });
  });
});

test(`each node is stopped and started in turn: no write is refused, seed ${kSeed}`, async () => {
  await proven({}, async (proof) => {
    await rounds(async () => {
      for (const id of proof.ids) {
        await pause(proof.random() * 500);
        await proof.terminate(id);
        await proof.load.acknowledged(kFailoverMs);
        await proof.restart(id);
        await proof.settled();
      }
    });
    assert.equal(proof.load.outcomes.failed, 0);
  });
});

test(`a node leaves, and another one joins with an empty folder, seed ${kSeed}`, async () => {
  await proven({}, async (proof) => {
    await rounds(async () => {
      const leaves = proof.ids[Math.floor(proof.random() * proof.ids.length)];
      const joins = Math.max(...proof.ids) + 1;
      await proof.leave(leaves);
      await proof.load.acknowledged(kFailoverMs);
      await proof.join(joins);
      await proof.settled();
      await proof.load.acknowledged(kFailoverMs);
    });
  });
});

test(`two of three are down: nothing is confirmed until one is back, seed ${kSeed}`, async () => {
  await proven({}, async (proof) => {
    await rounds(async () => {
      await pause(proof.random() * 500);
      const first = await proof.primary();
      const second = proof.ids.find((id) => id !== first);
      await Promise.all([proof.kill(first), proof.kill(second)]);
      const from = proof.load.calls.length;
      await pause(1000 + proof.random() * 2000);
      assert.deepEqual(proof.load.confirmed(from, proof.ids), []);
      await proof.restart(second);
      await proof.load.acknowledged(kFailoverMs);
      await proof.restart(first);
      await proof.settled();
    });
  });
});

test(`links between nodes break or fall silent all the time, seed ${kSeed}`, async () => {
  const cluster = new ClusterNodes();
  const random = randomOf(kSeed);
  const relays = new Map();
  for (const id of [1, 2, 3]) {
    const target = () => cluster.addressOf(id, 'peers');
    relays.set(id, new FaultyRelay(target, random, { lifeMs: kLinkMs, holdMs: kSilentMs }));
    await relays.get(id).listen();
  }
  try {
    const argsOf = (id) => ['--advertise', relays.get(id).address];
    await proven({ cluster, argsOf }, async (proof) => {
      await rounds(async () => {
        await pause(kBrokenMs);
        await proof.load.acknowledged(kFailoverMs);
      });
      for (const relay of relays.values()) relay.lifeMs = kCalmMs;
      const cuts = [...relays.values()].flatMap((relay) => Object.values(relay.cuts));
      const sum = cuts.reduce((all, count) => all + count, 0);
      assert.ok(sum > 0);
      console.log(`links between nodes were cut ${sum} times`);
    });
  } finally {
    for (const relay of relays.values()) relay.close();
  }
});
