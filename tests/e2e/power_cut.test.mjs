// Power cuts under the built binary: the server runs on a shim that notes what it asks of the disk,
// is killed, and goes on with a folder that a power cut at that moment may have left. Nothing that
// was acknowledged at level `disk` may be missing; at `written` the newest may.
//
// NUNC_POWER_CUTS says how often, NUNC_SEED fixes what survives.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { rmSync } from 'node:fs';
import path from 'node:path';
import { CrashDisk, randomOf } from './crash_disk.mjs';
import { kShim, makeFolder, removeFolder, startServer } from './harness.mjs';
import { Load } from './load.mjs';

const kCuts = Number(process.env.NUNC_POWER_CUTS ?? 5);
const kSeed = Number(process.env.NUNC_SEED ?? Date.now() % 1e9);
const kArguments = ['--snapshot-every', '2MiB', '--oplog-keep', '64MiB', '--oplog-max', '64MiB'];

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

class Host {
  #folder = makeFolder('power');
  #life = 0;
  cuts = [];

  get data() {
    return path.join(this.#folder, `data${this.#life}`);
  }

  get #trace() {
    return path.join(this.#folder, `trace${this.#life}`);
  }

  constructor(random, forget = '') {
    this.random = random;
    this.forget = forget;
    this.disk = CrashDisk.empty(this.data);
  }

  async start() {
    this.server = await startServer({
      data: this.data,
      args: kArguments,
      env: {
        LD_PRELOAD: kShim,
        NUNC_SHIM_FOLDER: this.data,
        NUNC_SHIM_TRACE: this.#trace,
        NUNC_SHIM_FORGET: this.forget,
      },
    });
    return this.server;
  }

  async cut() {
    await this.server.stop('SIGKILL');
    this.disk.replay(this.#trace);
    const { syncs } = this.disk;
    const old = [this.data, this.#trace];
    this.#life += 1;
    this.cuts.push(this.disk.crash(this.data, this.random));
    for (const left of old) rmSync(left, { recursive: true });
    this.disk = new CrashDisk(this.data);
    return syncs;
  }

  end() {
    removeFolder(this.#folder);
  }
}

/** So many power cuts under load; ends with an error at the first that lost something. */
async function powerCuts(count, seed, forget = '') {
  const host = new Host(randomOf(seed), forget);
  const load = new Load();
  const sum = { acked: 0, syncs: 0 };
  try {
    for (let cycle = 1; cycle <= count + 1; cycle += 1) {
      const server = await host.start();
      await load.check(server, { lost: ['written'] });
      if (cycle > count) {
        await server.stop();
        break;
      }
      const before = load.acked;
      await load.start(server);
      await pause(30 + host.random() * 500);
      sum.syncs += await host.cut();
      await load.ended();
      sum.acked += load.acked - before;
    }
  } catch (error) {
    const cuts = `seed ${seed}, after ${host.cuts.length} cuts, the last with ${host.cuts.at(-1)}`;
    throw new Error(`${cuts}: ${error.message}`, { cause: error });
  } finally {
    await host.server?.stop('SIGKILL');
    host.end();
  }
  return sum;
}

describe('a power cut', () => {
  test(`${kCuts} times, seed ${kSeed}: nothing of level disk is lost`, async () => {
    const { acked, syncs } = await powerCuts(kCuts, kSeed);
    assert.ok(syncs > kCuts * 3, `only ${syncs} syncs were seen: that shows little`);
    console.log(`seed ${kSeed}: ${acked} acknowledged changes, ${syncs} syncs, ${kCuts} cuts`);
  });

  // What the checker is worth: it must notice a server that does not sync. Several seeds, for a cut
  // that happens to keep everything shows nothing.
  for (const forget of ['files', 'folder']) {
    test(`without the syncs of ${forget} changes are lost, and that is noticed`, async () => {
      const noticed = [];
      for (let seed = 1; seed <= 6 && noticed.length < 2; seed += 1) {
        await powerCuts(2, seed, forget).catch((error) => noticed.push(error.message));
      }
      assert.ok(noticed.length > 0, 'no loss was found');
      for (const message of noticed) {
        assert.match(message, /lost or wrong|extra\d+ is|nunc ready|not a valid database/i);
      }
    });
  }
});
