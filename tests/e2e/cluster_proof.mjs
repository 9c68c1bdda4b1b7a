// A cluster under the load of histories.mjs with a watcher at each node, and what must hold of it
// when the faults are over.
import assert from 'node:assert/strict';
import { ClusterNodes } from './cluster_nodes.mjs';
import { randomOf } from './crash_disk.mjs';
import { JsonClient } from './json_client.mjs';
import { kAdmin, nunc, until, within } from './harness.mjs';
import { mayStand, show } from './history_model.mjs';
import { HistoryLoad, kDatabase, now, Watcher } from './histories.mjs';
import { checkLinearizable } from './linearizable.mjs';
import { checkWatcher, checkWitness } from './witness.mjs';

export const kSeed = Number(process.env.NUNC_SEED ?? Date.now() % 1e9);
export const kFailoverMs = 5000; // that a new primary takes to acknowledge a write, at most
const kShownMax = 10; // of what is found wrong

export const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];

export class ProvenCluster {
  watchers = new Map();
  faults = []; // { id, from, to } and whether its connections were cut: when a node was away

  constructor({ count = 3, cluster = new ClusterNodes(), argsOf = () => [], seed = kSeed } = {}) {
    this.cluster = cluster;
    this.argsOf = argsOf;
    this.ids = Array.from({ length: count }, (_, index) => index + 1);
    this.random = randomOf(seed);
    const nodes = () => cluster.addresses('ws');
    const live = () => nodes().filter(([id]) => cluster.nodes.has(id) && !this.#fault(id));
    this.load = new HistoryLoad(nodes, live, this.random);
  }

  async begin() {
    for (const id of this.ids) await this.cluster.start(id, { args: this.argsOf(id) });
    await this.settled();
    const admin = await this.admin(this.ids[0]);
    await admin.ok({ op: 'create-db', name: kDatabase, token: kDatabase, ack: 'quorum' });
    await admin.close();
    for (const id of this.ids) await this.watch(id);
    this.load.start();
  }

  async admin(id) {
    const client = await JsonClient.connect(this.cluster.nodes.get(id).ws);
    await client.ok({ op: 'auth', user: kAdmin.user, password: kAdmin.password });
    return client;
  }

  /** What the node knows of the cluster. */
  async state(id) {
    const admin = await this.admin(id);
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

  #fault(id) {
    return this.faults.find((fault) => fault.id === id && fault.to === Infinity);
  }

  /** From now on, until `back`, who is connected to the node need not be answered. */
  away(id, { cut = false } = {}) {
    this.faults.push({ id, cut, from: now(), to: Infinity });
  }

  back(id) {
    this.#fault(id).to = now();
  }

  async kill(id) {
    this.away(id, { cut: true });
    await this.cluster.kill(id);
  }

  async terminate(id) {
    this.away(id, { cut: true });
    const server = this.cluster.nodes.get(id);
    this.cluster.nodes.delete(id);
    assert.equal((await server.stop('SIGTERM')).code, 0);
  }

  async restart(id) {
    await this.cluster.start(id, { args: this.argsOf(id) });
    this.back(id);
    await this.watch(id);
  }

  /** Takes the node out of the cluster, and ends it. */
  async leave(id) {
    const admin = await this.admin(id);
    this.away(id, { cut: true });
    this.ids = this.ids.filter((other) => other !== id);
    await admin.ok({ op: 'leave', node: `${id}` });
    admin.ws.socket.terminate();
    await until(async () => {
      const { members } = await this.state(await this.primary(this.ids));
      return members.every((member) => member.id !== id);
    }, `node ${id} to have left`);
    const server = this.cluster.nodes.get(id);
    this.cluster.nodes.delete(id);
    assert.equal((await server.stop('SIGTERM')).code, 0);
  }

  async join(id) {
    this.ids.push(id);
    await this.cluster.start(id, { args: this.argsOf(id) });
    await this.watch(id);
  }

  /** Not one cycle of the processor for it. */
  freeze(id) {
    this.away(id);
    process.kill(this.cluster.nodes.get(id).pid, 'SIGSTOP');
  }

  thaw(id) {
    process.kill(this.cluster.nodes.get(id).pid, 'SIGCONT');
    this.back(id);
  }

  /** The log of each node that runs, behind its last write, all on their disks. */
  async #logs() {
    await this.load.acknowledged(kFailoverMs);
    await this.load.stop();
    await this.settled({ lagMax: 0 });
    const done = this.load.calls.filter((call) => mayStand(call) && call.outcome === 'ok');
    const last = done.reduce((newest, { revision }) => Math.max(newest, revision), 0);
    const ids = [...this.cluster.nodes.keys()];
    for (const id of ids) {
      const watcher = this.watchers.get(id);
      await until(() => watcher.newest >= last, `the last write at the watcher of node ${id}`);
      watcher.close();
    }
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

  /** Only a node that ends, or is away, breaks connections. */
  #checkCuts() {
    return this.load.calls
      .filter(
        ({ node, call, broken }) =>
          broken !== undefined &&
          !this.faults.some(({ id, from, to }) => id === node && from < broken && call < to),
      )
      .map((call) => `the connection to live node ${call.node} broke: ${show(call)}`);
  }

  #checkWatcher(id, watcher, log) {
    const wrong = checkWatcher(watcher.told, log, { alive: !this.#fault(id) });
    const ends = this.faults.filter((fault) => fault.id === id && fault.cut).length;
    if (watcher.cuts !== ends)
      wrong.push(`cut ${watcher.cuts} times, the node ended ${ends} times`);
    return wrong.map((line) => `the watcher of node ${id}: ${line}`);
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
    const wrong = [
      ...checkWitness(calls, log),
      ...checkLinearizable(calls),
      ...this.#checkCuts(),
      ...[...this.watchers].flatMap(([id, watcher]) => this.#checkWatcher(id, watcher, log)),
    ];
    assert.equal(wrong.length, 0, `seed ${kSeed}:\n${wrong.slice(0, kShownMax).join('\n')}`);
    return log;
  }

  /** In one line, for the eyes of people. */
  summary() {
    const { ok, refused, failed, unknown } = this.load.outcomes;
    const linear = this.load.calls.filter((call) => call.linear && call.outcome === 'ok').length;
    return (
      `seed ${kSeed}: ${ok} done, ${refused} refused, ${failed} not done, ${unknown} unknown, ` +
      `${linear} linear reads`
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
