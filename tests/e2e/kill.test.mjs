// The server is killed at random moments while clients write, again and again on one folder. Every
// acknowledged change is there afterwards, at both levels: the operating system goes on living.
//
// NUNC_KILL_CYCLES says how often, NUNC_SEED fixes the moments.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomOf } from './crash_disk.mjs';
import {
  kBinary,
  launch,
  makeFolder,
  removeFolder,
  startArguments,
  startServer,
  within,
} from './harness.mjs';
import { Load } from './load.mjs';

const kCycles = Number(process.env.NUNC_KILL_CYCLES ?? 25);
const kSeed = Number(process.env.NUNC_SEED ?? Date.now() % 1e9);

// Small, so that snapshots, new segments and cleaning are under way when the end comes.
const kArguments = ['--snapshot-every', '2MiB', '--oplog-keep', '64MiB', '--oplog-max', '64MiB'];

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function killWhileStarting(data, ms) {
  const run = launch(kBinary, startArguments({}, kArguments, data));
  await pause(ms);
  run.child.kill('SIGKILL');
  await within(run.exited, 'the end of a start that was killed');
}

test(`${kCycles} kills, seed ${kSeed}: every acknowledged change is there`, async () => {
  const random = randomOf(kSeed);
  const data = makeFolder('kill');
  const load = new Load();
  let acked = 0;
  for (let cycle = 1; cycle <= kCycles; cycle += 1) {
    if (random() < 0.2) await killWhileStarting(data, random() * 150);
    const server = await startServer({ data, args: kArguments });
    await load.check(server).catch((error) => {
      throw new Error(`seed ${kSeed}, cycle ${cycle}: ${error.message}`, { cause: error });
    });
    const before = load.acked;
    await load.start(server);
    await pause(20 + random() * 400);
    await server.stop('SIGKILL');
    await load.ended();
    acked += load.acked - before;
  }
  const server = await startServer({ data, args: kArguments });
  await load.check(server);
  assert.equal((await server.stop()).code, 0);
  assert.ok(acked > kCycles * 10, `only ${acked} changes were acknowledged: that shows little`);
  console.log(`seed ${kSeed}: ${acked} acknowledged changes over ${kCycles} kills`);
  removeFolder(data);
});
