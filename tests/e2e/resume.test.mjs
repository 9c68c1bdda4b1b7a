// Watchers whose connections are cut again and again, in every way a network has, and who go on
// with the token of their last `ready`: none of them ever holds what was not there.
//
// NUNC_RESUME_CLIENTS, NUNC_RESUME_CUTS (of each) and NUNC_RESUME_WRITES (a second) say how much,
// NUNC_SEED fixes the writes, the ways and the moments, as far as the machine lets it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import WebSocket from 'ws';
import { randomOf } from './crash_disk.mjs';
import { FaultyRelay } from './faulty_relay.mjs';
import {
  createDatabase,
  startServer,
  stopCleanly,
  TcpClient,
  track,
  until,
} from './harness.mjs';

const kClients = Number(process.env.NUNC_RESUME_CLIENTS ?? 50);
const kCuts = Number(process.env.NUNC_RESUME_CUTS ?? 4);
const kWritesPerSecond = Number(process.env.NUNC_RESUME_WRITES ?? 2000);
const kSeed = Number(process.env.NUNC_SEED ?? Date.now() % 1e9);

const kPrefixes = 100; // each client watches one
const kKeysPerPrefix = 20;
const kCutsPerSecond = 500; // of all clients together
const kHoldMs = 1000;
const kBatchMs = 10;

/** The only one who writes: what its Nth write did is known, and that it has revision base + N. */
class Writer {
  writes = []; // [key, value or null, version]
  perPrefix = Array.from({ length: kPrefixes }, () => []); // numbers of writes
  #versions = new Map();
  #acknowledged = 0;

  constructor(client, base, random, tally) {
    Object.assign(this, { client, base, random, tally });
  }

  #make() {
    const prefix = Math.floor(this.random() * kPrefixes);
    const key = `p${prefix}/${Math.floor(this.random() * kKeysPerPrefix)}`;
    this.perPrefix[prefix].push(this.writes.length);
    if (this.random() < 0.2) {
      this.#versions.delete(key);
      this.writes.push([key, null, 0]);
      return `remove ${key}\n`;
    }
    const version = (this.#versions.get(key) ?? -1) + 1;
    this.#versions.set(key, version);
    this.writes.push([key, `${this.writes.length}`, version]);
    return `set ${key} ${this.writes.length - 1}\n`;
  }

  begin() {
    const began = Date.now();
    this.timer = setInterval(() => {
      this.#takeStatuses();
      const due = ((Date.now() - began) / 1000) * kWritesPerSecond - this.writes.length;
      const room = kWritesPerSecond - (this.writes.length - this.#acknowledged);
      let batch = '';
      for (let i = 0; i < Math.min(due, room); i += 1) batch += this.#make();
      if (batch) this.client.send(batch);
    }, kBatchMs);
  }

  #takeStatuses() {
    for (const status of this.client.inbox.drain()) {
      if (status !== 'ok ') this.tally.violations.push(`a write was answered ${status}`);
      this.#acknowledged += 1;
    }
  }

  stop() {
    clearInterval(this.timer);
  }

  async end() {
    this.stop();
    await until(() => {
      this.#takeStatuses();
      return this.#acknowledged === this.writes.length;
    }, 'all writes to be acknowledged');
  }
}

/** One watcher: what it holds is what it was told, over all its connections. */
class Watcher {
  held = new Map();
  atReady = new Map(); // what it held at its last `ready`
  token = '0';
  connections = 0;
  started = { snapshot: 0, delta: 0, current: 0 };
  #expected = new Map(); // as of the first #folded writes of the prefix
  #folded = 0;
  #revision = 0;
  #told = null; // key to the number of the write, of this connection

  constructor(number, writer, tally) {
    this.prefix = number % kPrefixes;
    Object.assign(this, { writer, tally });
  }

  get pattern() {
    return `p${this.prefix}/*`;
  }

  /** Through the relay as often as it is to be cut, then past it. */
  connect(database, relay, server) {
    const cut = this.connections < kCuts;
    this.connections += 1;
    this.#told = new Map();
    this.ready = false;
    this.pongs = 0;
    this.held = new Map(this.atReady); // what came after the token comes again
    this.socket = new WebSocket(`ws://${cut ? relay.address : server.ws}/`, {
      perMessageDeflate: false,
    });
    track(this.socket);
    this.socket.on('open', () => {
      const since = `watch ${this.pattern} since ${this.token}`;
      this.socket.send(`use-db ${database} ${database};${since}`);
    });
    this.socket.on('message', (data) => this.#hear(data.toString().trimEnd()));
    this.socket.on('error', () => {}); // `close` follows
    this.socket.on('close', () => {
      if (this.tally.ended) return;
      if (cut) this.connect(database, relay, server);
      else this.#violated('the last connection was closed');
    });
  }

  #violated(what) {
    this.tally.violations.push(`${this.pattern}, connection ${this.connections}: ${what}`);
  }

  #hear(line) {
    const [word, key, ...rest] = line.split(' ');
    switch (word) {
      case 'changed-version':
        return this.#onChange(key, ...rest);
      case 'removed':
        this.tally.events += 1;
        this.held.delete(key);
        return undefined;
      case 'started':
        return this.#onStarted(rest[0]);
      case 'ready':
        return this.#onReady(rest[0]);
      case 'pong':
        this.pongs += 1;
        return undefined;
      case 'changed': // told again with its version
      case 'ok':
        return undefined;
      default:
        return this.#violated(`told ${line}`);
    }
  }

  #onStarted(what) {
    this.started[what] += 1;
    if ((what === 'snapshot') !== (this.token === '0')) {
      this.#violated(`started ${what} from ${this.token}`);
    }
    if (what === 'snapshot') this.held.clear();
  }

  #onChange(key, version, value) {
    this.tally.events += 1;
    const number = Number(value);
    const [wroteKey, , wroteVersion] = this.writer.writes[number] ?? [];
    if (wroteKey !== key || wroteVersion !== Number(version)) {
      this.#violated(`told ${key} ${version} ${value}, which never was`);
    }
    if (number <= (this.#told.get(key) ?? -1)) {
      this.#violated(`told ${key} ${value} after ${this.#told.get(key)}`);
    }
    this.#told.set(key, number);
    this.held.set(key, value);
  }

  #onReady(token) {
    const revision = Number(token.split('.')[1]);
    if (revision < this.#revision) this.#violated(`ready ${revision} after ${this.#revision}`);
    this.#revision = revision;
    this.token = token;
    this.ready = true;
    this.tally.readies += 1;
    this.checkAt(revision - this.writer.base, `at ${token}`);
    this.atReady = new Map(this.held);
  }

  /** What is held against the first `count` writes. */
  checkAt(count, when) {
    const difference = this.#differenceAt(count);
    if (difference) this.#violated(`${when}: ${difference}`);
  }

  holdsAllOf(count) {
    return !this.#differenceAt(count);
  }

  #differenceAt(count) {
    const numbers = this.writer.perPrefix[this.prefix];
    for (; numbers[this.#folded] < count; this.#folded += 1) {
      const [key, value] = this.writer.writes[numbers[this.#folded]];
      if (value === null) this.#expected.delete(key);
      else this.#expected.set(key, value);
    }
    for (const [key, value] of this.#expected) {
      if (this.held.get(key) !== value) return `${key} is ${value}, not ${this.held.get(key)}`;
    }
    const more = [...this.held.keys()].find((key) => !this.#expected.has(key));
    return more && `${more} does not exist`;
  }
}

/** The revision of the newest record. */
async function newestRevision(server, database) {
  const client = await TcpClient.open(server.tcp, database);
  await client.expectOk('watch nothing/* since 0');
  const told = await client.inbox.takeThrough((line) => line.startsWith('ready '), 'ready');
  await client.close();
  return Number(told.at(-1).split(' ')[2].split('.')[1]);
}

const title = `${kClients} watchers, each cut ${kCuts} times, are never told wrong, seed ${kSeed}`;

const sum = (numbers) => numbers.reduce((all, number) => all + number, 0);

/** Until all have been cut as often as they are to be, and then have been told everything. */
async function watchThroughCuts({ watchers, writer, tally, longestMs }) {
  const every = (holds) => () => watchers.every(holds) || tally.violations.length > 0;
  await until(every((w) => w.connections > kCuts && w.ready), 'all to be cut', longestMs);
  assert.deepEqual(tally.violations.slice(0, 5), []);
  await writer.end();
  const count = writer.writes.length;
  // Who never gets there is told of below.
  await until(every((w) => w.holdsAllOf(count)), 'all to hold all', 60_000).catch(() => {});
  for (const watcher of watchers) watcher.checkAt(count, 'at the end');
  assert.deepEqual(tally.violations.slice(0, 5), []);
  for (const { socket } of watchers) socket.send('ping');
  await until(every((w) => w.pongs === 1), 'nothing more to come', 60_000);
  for (const watcher of watchers) watcher.checkAt(count, 'after the end');
}

function report(seconds, { watchers, writer, tally, relay }) {
  const started = (how) => `${sum(watchers.map((w) => w.started[how]))} ${how}`;
  console.log(
    `seed ${kSeed}: ${seconds.toFixed(1)} s, ${writer.writes.length} writes, ` +
      `cuts ${JSON.stringify(relay.cuts)}, ${tally.events} changes told, ` +
      `${tally.readies} readies checked, started ${started('snapshot')}, ${started('delta')}, ` +
      `${started('current')}, ${tally.violations.length} violations`,
  );
}

test(title, async () => {
  const began = Date.now();
  const tally = { events: 0, readies: 0, violations: [], ended: false };
  const server = await startServer();
  const database = await createDatabase(server, 'resume');
  const client = await TcpClient.open(server.tcp, database);
  const base = await newestRevision(server, database);
  const writer = new Writer(client, base, randomOf(kSeed + 1), tally);
  const lifeMs = Math.max(200, (2 * 1000 * kClients) / kCutsPerSecond);
  const relay = new FaultyRelay(() => server.ws, randomOf(kSeed), { lifeMs, holdMs: kHoldMs });
  await relay.listen();
  const watchers = Array.from({ length: kClients }, (_, i) => new Watcher(i, writer, tally));
  const longestMs = 60_000 + 20 * kCuts * (lifeMs + kHoldMs);
  try {
    writer.begin();
    for (const watcher of watchers) watcher.connect(database, relay, server);
    await watchThroughCuts({ watchers, writer, tally, longestMs });
  } finally {
    tally.ended = true;
    writer.stop();
    for (const { socket } of watchers) socket.terminate();
    relay.close();
    report((Date.now() - began) / 1000, { watchers, writer, tally, relay });
  }
  assert.deepEqual(tally.violations.slice(0, 5), []);
  const cuts = Object.values(relay.cuts);
  assert.ok(cuts.every((count) => count > 0));
  assert.equal(sum(cuts), kClients * kCuts);
  await client.close();
  await stopCleanly(server);
});
