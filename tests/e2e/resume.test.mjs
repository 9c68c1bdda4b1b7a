// Watchers whose connections are cut again and again, in every way a network has, and who go on
// with the token of their last `ready`, half of them over each protocol. What they were told is
// held against the op log: none of them ever holds what was not there.
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
  makeFolder,
  removeFolder,
  startServer,
  stopCleanly,
  TcpClient,
  track,
  until,
} from './harness.mjs';
import { kProtocol } from './json_client.mjs';
import { WatchJournal } from './watch_journal.mjs';

const kClients = Number(process.env.NUNC_RESUME_CLIENTS ?? 50);
const kCuts = Number(process.env.NUNC_RESUME_CUTS ?? 4);
const kWritesPerSecond = Number(process.env.NUNC_RESUME_WRITES ?? 2000);
const kSeed = Number(process.env.NUNC_SEED ?? Date.now() % 1e9);

const kPrefixes = 100; // each client watches one
const kKeysPerPrefix = 20;
const kCutsPerSecond = 500; // of all clients together
const kHoldMs = 1000;
const kBatchMs = 10;
const kTtlMs = 30; // of some keys
const kEveryMs = 20;
const kLast = 'last';

/** Writes all the time, as fast as it is answered. */
class Writer {
  written = 0;
  #acknowledged = 0;

  constructor(client, random, tally) {
    Object.assign(this, { client, random, tally });
  }

  #make() {
    const prefix = Math.floor(this.random() * kPrefixes);
    const first = Math.floor(this.random() * kKeysPerPrefix);
    const change = (i = 0) => {
      const key = `p${prefix}/${(first + i) % kKeysPerPrefix}`;
      this.written += 1;
      return this.random() < 0.2 ? `remove ${key}\n` : `set ${key} ${this.written}\n`;
    };
    const what = this.random();
    if (what < 0.8) return change();
    this.written += 1;
    if (what < 0.9) return `put p${prefix}/0 ttl ${kTtlMs} : ${this.written}\n`;
    this.written += 1;
    return `multi\n${change(0)}${change(1)}${change(2)}exec\n`;
  }

  begin() {
    const began = Date.now();
    this.timer = setInterval(() => {
      this.#takeStatuses();
      const due = ((Date.now() - began) / 1000) * kWritesPerSecond - this.written;
      const room = kWritesPerSecond - (this.written - this.#acknowledged);
      let batch = '';
      for (let i = 0; i < Math.min(due, room); i += 1) batch += this.#make();
      if (batch) this.client.send(batch);
    }, kBatchMs);
  }

  #takeStatuses() {
    for (const line of this.client.inbox.drain()) {
      if (line.startsWith('error ')) this.tally.violations.push(`a write was answered ${line}`);
      if (line === 'ok ') this.#acknowledged += 1;
    }
  }

  stop() {
    clearInterval(this.timer);
  }

  /** No key has an end any more, and then comes what every watcher is told last. */
  async end() {
    this.stop();
    const set = (key) => {
      this.written += 1;
      this.client.send(`set ${key} ${this.written}\n`);
    };
    for (let prefix = 0; prefix < kPrefixes; prefix += 1) {
      set(`p${prefix}/0`);
      set(`p${prefix}/${kLast}`);
    }
    await until(() => {
      this.#takeStatuses();
      return this.#acknowledged === this.written;
    }, 'all writes to be acknowledged');
  }
}

/** One watcher, over all its connections. */
class Watcher {
  token = '0';
  connections = 0;
  started = { snapshot: 0, delta: 0, current: 0 };
  ended = false; // it has been told the last write

  constructor(number, journal, tally) {
    this.pattern = `p${number % kPrefixes}/*`;
    this.json = number % 2 === 1;
    this.policy = ['latest', 'all', 'every'][number % 3];
    this.journal = journal.watcher(`${number}`);
    this.tally = tally;
  }

  /** Through the relay as often as it is to be cut, then past it. */
  connect(database, relay, server) {
    const cut = this.connections < kCuts;
    this.connections += 1;
    this.ready = false;
    this.pongs = 0;
    const address = `ws://${cut ? relay.address : server.ws}/`;
    const protocols = this.json ? [kProtocol] : [];
    this.socket = new WebSocket(address, protocols, { perMessageDeflate: false });
    track(this.socket);
    this.socket.on('open', () => {
      this.journal.watch(this.pattern, this.token, this.policy);
      this.#begin(database);
    });
    this.socket.on('message', (data) => {
      const text = data.toString();
      this.journal.told(text);
      this.#hear(this.json ? JSON.parse(text) : pushOf(text.trimEnd()));
    });
    this.socket.on('error', () => {}); // `close` follows
    this.socket.on('close', () => {
      this.journal.cut();
      if (this.tally.ended) return;
      if (cut) this.connect(database, relay, server);
      else this.#violated('the last connection was closed');
    });
  }

  #begin(database) {
    if (!this.json) {
      const words = { latest: '', all: ' all', every: ` every ${kEveryMs}` };
      const since = `watch ${this.pattern} since ${this.token}${words[this.policy]}`;
      return this.socket.send(`use-db ${database} ${database};${since}`);
    }
    this.#ask({ op: 'use-db', db: database, token: database });
    const told = this.policy === 'every' ? { every: kEveryMs } : { policy: this.policy };
    return this.#ask({ op: 'watch', key: this.pattern, since: this.token, ...told });
  }

  #ask(request) {
    this.socket.send(JSON.stringify({ id: request.op, ...request }));
  }

  ping() {
    if (this.json) this.#ask({ op: 'ping' });
    else this.socket.send('ping');
  }

  #violated(what) {
    this.tally.violations.push(`${this.pattern}, connection ${this.connections}: ${what}`);
  }

  #hear(message) {
    if (message.error) this.#violated(`refused: ${JSON.stringify(message.error)}`);
    if (message.id === 'ping') this.pongs += 1;
    switch (message.push) {
      case 'set':
        this.ended ||= message.key.endsWith(`/${kLast}`);
        return;
      case 'started':
        this.#onStarted(message.with);
        return;
      case 'ready':
        this.token = message.token;
        this.ready = true;
        return;
      default:
    }
  }

  #onStarted(what) {
    this.ready = false;
    this.started[what] += 1;
    if ((what === 'snapshot') !== (this.token === '0')) {
      this.#violated(`started ${what} from ${this.token}`);
    }
  }
}

/** What a line of the text protocol says, as nunc.1 says it. */
function pushOf(line) {
  const [word, key, rest] = line.split(' ');
  switch (word) {
    case 'changed':
      return { push: 'set', key };
    case 'started':
      return { push: 'started', with: rest };
    case 'ready':
      return { push: 'ready', token: rest };
    case 'pong':
      return { id: 'ping' };
    case 'error':
      return { error: line };
    default:
      return {};
  }
}

const title = `${kClients} watchers, each cut ${kCuts} times, are never told wrong, seed ${kSeed}`;

const sum = (numbers) => numbers.reduce((all, number) => all + number, 0);

/** Until all have been cut as often as they are to be, and then have been told everything. */
async function watchThroughCuts({ watchers, writer, tally, longestMs }) {
  const every = (holds) => () => watchers.every(holds) || tally.violations.length > 0;
  await until(every((w) => w.connections > kCuts && w.ready), 'all to be cut', longestMs);
  await writer.end();
  // What one that never gets there has missed is told by the check.
  const ended = every((w) => w.ended && w.ready);
  await until(ended, 'all to be told the last', 60_000).catch(() => {});
  for (const watcher of watchers) watcher.ping();
  await until(every((w) => w.pongs === 1), 'nothing more to come', 60_000);
  assert.deepEqual(tally.violations.slice(0, 5), []);
  for (const { journal } of watchers) journal.rest();
}

function report(seconds, { watchers, writer, relay, checked }) {
  const started = (how) => `${sum(watchers.map((w) => w.started[how]))} ${how}`;
  console.log(
    `seed ${kSeed}: ${seconds.toFixed(1)} s, ${writer.written} writes, ` +
      `cuts ${JSON.stringify(relay.cuts)}, started ${started('snapshot')}, ` +
      `${started('delta')}, ${started('current')}; ${checked}`,
  );
}

test(title, async () => {
  const began = Date.now();
  const tally = { violations: [], ended: false };
  const data = makeFolder('resume');
  const server = await startServer({ data });
  const database = await createDatabase(server, 'resume');
  const journal = new WatchJournal(database);
  const client = await TcpClient.open(server.tcp, database);
  const writer = new Writer(client, randomOf(kSeed + 1), tally);
  const lifeMs = Math.max(200, (2 * 1000 * kClients) / kCutsPerSecond);
  const relay = new FaultyRelay(() => server.ws, randomOf(kSeed), { lifeMs, holdMs: kHoldMs });
  await relay.listen();
  const watchers = Array.from({ length: kClients }, (_, i) => new Watcher(i, journal, tally));
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
  }
  await client.close();
  await stopCleanly(server);
  const checked = await journal.check(data);
  report((Date.now() - began) / 1000, { watchers, writer, relay, checked });
  const cuts = Object.values(relay.cuts);
  assert.ok(cuts.every((count) => count > 0));
  assert.equal(sum(cuts), kClients * kCuts);
  removeFolder(data);
});
