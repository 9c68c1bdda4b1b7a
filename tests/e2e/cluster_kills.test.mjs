// The primary is killed again and again while clients write at every node. Each time another one
// takes writes; in the end nothing that was answered or pushed was wrong.
//
// NUNC_CLUSTER_CYCLES says how often, NUNC_SEED fixes the moments.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kFailoverMs, kSeed, median, proven } from './cluster_proof.mjs';
import { pause } from './histories.mjs';

const kCycles = Number(process.env.NUNC_CLUSTER_CYCLES ?? 10);

test(`${kCycles} kills of the primary, seed ${kSeed}`, async () => {
  await proven({}, async (proof) => {
    const times = [];
    for (let cycle = 1; cycle <= kCycles; cycle += 1) {
      await pause(proof.random() * 500);
      const primary = await proof.primary();
      await proof.kill(primary);
      times.push(await proof.load.acknowledged(kFailoverMs));
      await pause(proof.random() * 300);
      await proof.restart(primary);
      await proof.settled();
    }
    assert.equal(times.length, kCycles);
    const [middle, most] = [median(times), Math.max(...times)].map(Math.round);
    console.log(`a write is acknowledged ${middle} ms after a kill (median), ${most} ms at most`);
  });
});
