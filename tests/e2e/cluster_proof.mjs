// A cluster under the load of histories.mjs with a watcher at each node, and what must hold of it
// when the faults are over.
import assert from 'node:assert/strict';
import { ClusterNodes } from './cluster_nodes.mjs';
import { randomOf } from './crash_disk.mjs';
import { JsonClient } from './json_client.mjs';
import { kAdmin, nunc, until, within } from './harness.mjs';
import { HistoryLoad, kDatabase, Watcher } from './histories.mjs';
import { checkLinearizable } from './linearizable.mjs';
import { checkWatcher, checkWitness } from './witness.mjs';

export const kSeed = Number(process.env.NUNC_SEED ?? Date.now() % 1e9);
export const kFailoverMs = 5000; // that a new primary takes to acknowledge a write, at most
const kShownMax = 10; // of what is found wrong

export const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];

export class ProvenCluster {
  watchers = new Map();
  expectedCuts = new Map(); // by id: how often the node itself ended

  constructor({ count = 3, cluster = new ClusterNodes(), args = [], seed = kSeed } = {}) {
    this.cluster = cluster;
    this.args = args;
    this.ids = Array.from({ length: count }, (_, index) => index + 1);
    this.random = randomOf(seed);
    this.load = new HistoryLoad(() => cluster.addresses('ws'), this.random);
  }

  async begin() {
    for (const id of this.ids) await this.cluster.start(id, { args: this.args });
    await this.settled();
    const admin = await this.#admin(this.ids[0]);
    await admin.ok({ op: 'create-db', name: kDatabase, token: kDatabase, ack: 'quorum' });
    await admin.close();
    for (const id of this.ids) await this.watch(id);
    this.load.start();
  }

  async #admin(id) {
    const client = await JsonClient.connect(this.cluster.nodes.get(id).ws);
    await client.ok({ op: 'auth', user: kAdmin.user, password: kAdmin.password });
    return client;
  }

  /** What the node knows of the cluster. */
  async state(id) {
    const admin = await this.#admin(id);
    const { cluster } = await admin.ok({ op: 'cluster-state', form: 'json' });
    admin.ws.socket.terminate();
    return cluster;
  }

  /** The id of the primary, once all of these nodes know the same one. */
  primary(ids = [...this.cluster.nodes.keys()]) {
    return until(async () => {
      const states = await Promise.all(ids.map((id) => this.state(id)));
      const [{ primary }] = states;
      const agreed = states.every((state) => state.primary === primary && primary !== null);
      return agreed && ids.includes(primary) && primary;
    }, 'one primary');
  }

  /** Until all that were started are voters, and have what the primary has. */
  settled({ lagMax = 100 } = {}) {
    return until(async () => {
      const { members } = await this.state(await this.primary());
      const here = members.filter(({ id }) => this.cluster.nodes.has(id));
      return (
        here.length === this.cluster.nodes.size &&
        here.every(({ standing, linked, lag }) => standing === 'voter' && linked && lag <= lagMax)
      );
    }, 'all nodes to be there');
  }

  async watch(id) {
    const watcher = this.watchers.get(id) ?? new Watcher();
    this.watchers.set(id, watcher);
    const { ws } = this.cluster.nodes.get(id);
    await until(
      () =>
        watcher.open(ws).then(
          () => true,
          () => false,
        ),
      `a watcher at node ${id}`,
    );
  }

  #ends(id) {
    this.expectedCuts.set(id, (this.expectedCuts.get(id) ?? 0) + 1);
  }

  async kill(id) {
    this.#ends(id);
    await this.cluster.kill(id);
  }

  async terminate(id) {
    this.#ends(id);
    const server = this.cluster.nodes.get(id);
    this.cluster.nodes.delete(id);
    assert.equal((await server.stop('SIGTERM')).code, 0);
  }

  async restart(id) {
    await this.cluster.start(id, { args: this.args });
    await this.watch(id);
  }

  signal(id, name) {
    process.kill(this.cluster.nodes.get(id).pid, name);
  }

  /** The log of each node that runs, behind its last write, all on their disks. */
  async #logs() {
    await this.load.acknowledged(kFailoverMs);
    await this.load.stop();
    await this.settled({ lagMax: 0 });
    const last = this.load.calls.at(-1).revision;
    for (const [id, watcher] of this.watchers) {
      await until(() => watcher.newest >= last, `the last write at the watcher of node ${id}`);
      watcher.close();
    }
    const ids = [...this.cluster.nodes.keys()];
    for (const id of ids) await this.cluster.kill(id);
    const logs = new Map();
    for (const id of ids) {
      const { code, output, errors } = await nunc(['oplog', 'dump', this.cluster.folderOf(id)], {
        ms: 60_000,
      });
      assert.equal(code, 0, errors);
      logs.set(id, output.trimEnd().split('\n'));
    }
    return { logs, last };
  }

  /** Ends all, and checks everything that was seen. */
  async verify() {
    const { logs, last } = await this.#logs();
    const [longest] = [...logs.values()].sort((a, b) => b.length - a.length);
    for (const [id, log] of logs) {
      assert.ok(JSON.parse(log.at(-1)).revision >= last, `the log of node ${id} is too short`);
      const place = log.findIndex((line, index) => line !== longest[index]);
      assert.equal(place, -1, `node ${id}: ${log[place]}, another has ${longest[place]}`);
    }
    const records = longest.map((line) => JSON.parse(line));
    const { database } = records.find(({ name }) => name === kDatabase);
    const log = records.filter((record) => record.database === database && record.key);
    const { calls } = this.load;
    const wrong = [...checkWitness(calls, log), ...checkLinearizable(calls)];
    for (const [id, watcher] of this.watchers) {
      const alive = watcher.cuts === 0;
      const found = checkWatcher(watcher.told, log, { alive });
      if (watcher.cuts !== (this.expectedCuts.get(id) ?? 0))
        found.push(`cut ${watcher.cuts} times`);
      wrong.push(...found.map((line) => `the watcher of node ${id}: ${line}`));
    }
    assert.equal(wrong.length, 0, `seed ${kSeed}:\n${wrong.slice(0, kShownMax).join('\n')}`);
    return log;
  }

  /** In one line, for the eyes of people. */
  summary() {
    const { ok, refused, failed, unknown } = this.load.outcomes;
    const linear = this.load.calls.filter((call) => call.linear).length;
    return (
      `seed ${kSeed}: ${ok} done, ${refused} refused, ${failed} not done, ${unknown} unknown, ` +
      `${linear} reads at the primary`
    );
  }

  async end() {
    this.load.stopped = true;
    for (const watcher of this.watchers.values()) watcher.close();
    await this.cluster.stopAll();
  }
}

/** Runs `scenario` on a fresh cluster, checks all of it, and ends it in any case. */
export async function proven(options, scenario) {
  const proof = new ProvenCluster(options);
  try {
    await proof.begin();
    await scenario(proof);
    await within(proof.verify(), 'the checks', 300_000);
    console.log(proof.summary());
  } finally {
    await proof.end();
  }
}
