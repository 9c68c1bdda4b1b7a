// Clients of a cluster that write and read all the time, and remember what they were told and when;
// and watchers that remember what was pushed to them. history_model.mjs says what a call is.
import { until } from './harness.mjs';
import { kWrites, show } from './history_model.mjs';
import { JsonClient } from './json_client.mjs';

export const kDatabase = 'history';
const kRegisters = ['r0', 'r1', 'r2'];
const kCounters = ['c0', 'c1'];
// Then come others: the search for an order of one key's calls takes long with many unknown ones.
const kCallsPerKeys = 2000;
const kProbe = 'h/probe';
const kAnswerMs = 8000; // longer than --forward-timeout and --quorum-timeout together
const kHandshakeMs = 1000; // a process that is stopped takes connections, and answers nothing
const kPaceMs = 4; // between two calls of a client, at most
const kRetryMs = 10;

// Of what a client does, by how often.
const kRegisterKinds = ['get', 'get', 'set', 'set', 'put', 'put', 'set-safe', 'remove'];
const kCounterKinds = ['get', 'increment', 'increment'];

const kNotDone = new Set(['not-primary', 'behind']);
const kRefusals = new Set(['version-differs', 'key-absent', 'invalid-version']);

export const now = () => Number(process.hrtime.bigint());
export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const pick = (list, random) => list[Math.floor(random() * list.length)];
const valueOf = ({ text, value }) => text ?? `${value}`;

async function connect(address) {
  const client = await JsonClient.connect(address, { handshakeTimeout: kHandshakeMs });
  await client.ok({ op: 'use-db', db: kDatabase, token: kDatabase });
  return client;
}

function requestOf({ kind, key, value, by, expected, linear }) {
  switch (kind) {
    case 'get': {
      const read = { op: 'get', key };
      return linear ? { op: 'batch', requests: [{ op: 'wait', token: 'linear' }, read] } : read;
    }
    case 'put':
      return { op: 'put', key, text: value, 'if-version': expected };
    case 'set-safe':
      return { op: 'set-safe', key, text: value, version: expected };
    case 'increment':
      return { op: 'increment', key, by };
    case 'set':
      return { op: 'set', key, text: value };
    default:
      return { op: kind, key };
  }
}

function settleError(call, { code, message }) {
  if (kRefusals.has(code)) return Object.assign(call, { outcome: 'refused', code });
  if (kNotDone.has(code)) return Object.assign(call, { outcome: 'failed' });
  if (code === 'unknown-outcome')
    return Object.assign(call, { outcome: 'unknown', return: Infinity });
  throw new Error(`${call.kind} ${call.key}: ${code}: ${message}`);
}

function settle(call, { ok, error }) {
  if (error) return settleError(call, error);
  if (ok.replies) {
    const [waited, read] = ok.replies;
    return settle(call, waited.error ? waited : read);
  }
  const { revision, version, value } = ok;
  Object.assign(call, { outcome: 'ok', revision });
  if (call.kind === 'get') call.found = ok.found ? { value: valueOf(ok), version } : null;
  else call.version = version;
  if (call.kind === 'increment') call.sum = `${value}`;
  return call;
}

class Client {
  #connection = null;
  #versions = new Map(); // by key: the newest that it knows

  /** `nodes` gives [id, address] of those it may go to. */
  constructor(load, number, nodes) {
    this.load = load;
    this.number = number;
    this.nodes = nodes;
    this.turn = number; // of the nodes that it goes to, one after the other
    this.connections = 0;
  }

  async #connected() {
    if (this.#connection) return true;
    const nodes = this.nodes();
    const [id, address] = nodes[(this.turn += 1) % nodes.length];
    try {
      this.#connection = await connect(address);
      this.node = id;
      this.connections += 1;
      return true;
    } catch {
      await pause(kRetryMs);
      return false;
    }
  }

  #draw() {
    const { random, lastId } = this.load;
    const counter = random() < 0.4;
    const name = pick(counter ? kCounters : kRegisters, random);
    const key = `h/${Math.floor(lastId / kCallsPerKeys)}/${name}`;
    const kind = pick(counter ? kCounterKinds : kRegisterKinds, random);
    return { kind, key };
  }

  /** One call from its beginning to what is known of it; what it was given is kept. */
  async make({ kind, key }) {
    while (!(await this.#connected())) if (this.load.stopped) return null;
    const id = (this.load.lastId += 1);
    const connection = `${this.number}.${this.connections}`;
    const call = { client: this.number, connection, kind, key, node: this.node };
    if (kind === 'get') call.linear = this.load.random() < 0.5;
    if (kind === 'increment') call.by = id;
    else if (kind !== 'get' && kind !== 'remove') call.value = `v${id}`;
    if (kind === 'put' || kind === 'set-safe') call.expected = this.#versions.get(key) ?? 0;
    this.load.calls.push(call);
    const answer = await this.#ask(call, { id, ...requestOf(call) });
    if (answer) settle(call, answer);
    else Object.assign(call, { outcome: 'unknown', return: Infinity, broken: now() });
    const version = call.found?.version ?? call.version;
    if (version !== undefined) this.#versions.set(key, version);
    return call;
  }

  /** Null when the connection broke, or nothing came. */
  async #ask(call, request) {
    call.call = now();
    try {
      this.#connection.send(request);
      const answer = await this.#connection.ws.inbox.next('an answer', kAnswerMs);
      call.return = now();
      return JSON.parse(answer);
    } catch {
      this.leave();
      return null;
    }
  }

  leave() {
    this.#connection?.ws.socket.terminate();
    this.#connection = null;
  }

  async run() {
    while (!this.load.stopped) {
      await this.make(this.#draw());
      await pause(this.load.random() * kPaceMs);
    }
    this.leave();
  }
}

/**
 * `nodes` gives [id, address] of all nodes, by WebSocket, some of which may be down; `live` gives
 * those that are not.
 */
export class HistoryLoad {
  calls = [];
  lastId = 0;
  stopped = false;

  constructor(nodes, live, random, { clients = 4 } = {}) {
    this.random = random;
    this.clients = Array.from({ length: clients }, (_, index) => new Client(this, index, nodes));
    this.prober = new Client(this, clients, live);
  }

  start() {
    this.running = Promise.all(this.clients.map((client) => client.run()));
    this.running.catch(() => {}); // `stop` tells of it
  }

  async stop() {
    this.stopped = true;
    await this.running;
    this.prober.leave();
  }

  /** Milliseconds until a client of a live node, or of the next, has a write acknowledged. */
  async acknowledged(ms) {
    const begun = now();
    this.prober.leave();
    await until(
      async () => {
        const call = await this.prober.make({ kind: 'set', key: kProbe });
        if (call.outcome !== 'ok') this.prober.leave();
        return call.outcome === 'ok';
      },
      'an acknowledged write',
      ms,
    );
    return (now() - begun) / 1e6;
  }

  /** Writes at these nodes that began as call number `from` or later, and were acknowledged. */
  confirmed(from, nodes) {
    return this.calls
      .slice(from)
      .filter(({ kind, outcome }) => kWrites.has(kind) && outcome === 'ok')
      .filter(({ node }) => nodes.includes(node))
      .map(show);
  }

  /** How many calls ended how. */
  get outcomes() {
    const counts = { ok: 0, refused: 0, failed: 0, unknown: 0 };
    for (const { outcome } of this.calls) if (outcome) counts[outcome] += 1;
    return counts;
  }
}

/** One that is told of all keys of the load at one node, over any number of connections. */
export class Watcher {
  told = [];
  newest = 0; // revision
  cuts = 0;
  #client = null;

  async open(address) {
    const client = await connect(address);
    const since = this.told.findLast(({ push }) => push === 'ready')?.token ?? '0';
    this.told.push({ connected: true });
    const waiting = client.ws.inbox;
    client.ws.inbox = {
      push: (text) => this.#take(JSON.parse(text)),
      end: () => {
        if (this.#client === client) this.cuts += 1;
        this.#client = null;
      },
    };
    this.#client = client;
    for (const text of waiting.drain()) client.ws.inbox.push(text);
    client.send({ id: 1, op: 'watch', key: 'h/*', since });
  }

  #take({ push, key, revision, token, with: beginning, error, ...rest }) {
    if (error) throw new Error(`a watcher was refused: ${JSON.stringify(error)}`);
    if (!push) return;
    const value = push === 'set' ? valueOf(rest) : undefined;
    this.told.push({ push, key, value, revision, token, with: beginning });
    this.newest = Math.max(this.newest, revision ?? 0);
  }

  close() {
    const client = this.#client;
    this.#client = null;
    client?.ws.socket.terminate();
  }
}
