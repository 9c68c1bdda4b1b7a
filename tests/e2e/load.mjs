// Clients that write all the time, and what must be there after the server has died under them.
//
// What a client sends is a fixed sequence: operation N is a function of N. So what is found after a
// restart must be the state after some number of operations, at least of those that were
// acknowledged and at most of those that were sent. A single wrong, missing or revived value fits
// no such number.
import assert from 'node:assert/strict';
import net from 'node:net';
import { hostAndPort, openAdmin, TcpClient, track, within } from './harness.mjs';

const kKeys = 6;
const kCycle = 16; // operations until the kinds repeat

function operation(client, number) {
  const kind = number % kCycle;
  if (kind === 7) return { line: 'increment shared', shared: true };
  if (kind === 3 || kind === 11) return { line: `increment ${client}-count`, count: true };
  const key = `${client}-k${number % kKeys}`;
  if (kind === 5) return { line: `remove ${key}`, key, value: null };
  const padding = number % 64 === 0 ? 30_000 : (number * 7919) % 997;
  const value = `${number}-${'.'.repeat(padding)}`;
  return { line: `set ${key} ${value}`, key, value };
}

class State {
  constructor(client, from = null) {
    this.client = client;
    this.values = new Map(from?.values);
    this.count = from?.count ?? 0;
    this.shared = 0; // since the last check
  }

  apply(number) {
    const { key, value, count, shared } = operation(this.client, number);
    if (shared) this.shared += 1;
    else if (count) this.count += 1;
    else if (value === null) this.values.delete(key);
    else this.values.set(key, value);
  }

  equals(other) {
    if (this.count !== other.count || this.values.size !== other.values.size) return false;
    return [...this.values].every(([key, value]) => other.values.get(key) === value);
  }

  toString() {
    const short = [...this.values].map(([key, value]) => `${key}=${value.split('-')[0]}`);
    return `count=${this.count} ${short.sort().join(' ')}`;
  }
}

const kMissing = 'value <Empty>';

async function read(client, key) {
  const [line] = await client.expectOk(`get ${key}`);
  return line === kMissing ? null : line.slice('value '.length);
}

class Writer {
  constructor(name, window) {
    this.name = name;
    this.window = window;
    this.state = new State(name);
    this.begun = 0; // the last operation of the life before
    this.sent = 0;
    this.acked = 0;
  }

  async start(server, database) {
    const socket = net.connect(hostAndPort(server.tcp));
    track(socket);
    socket.setNoDelay(true).setEncoding('utf8');
    this.failure = null;
    this.ended = new Promise((resolve) => socket.on('close', resolve));
    socket.on('error', () => {}); // the server is killed
    let skip = 2; // the greeting and `use-db`
    let partial = '';
    socket.write(`use-db ${database} ${database}\n`);
    socket.on('data', (text) => {
      const lines = (partial + text).split('\n');
      partial = lines.pop();
      for (const line of lines) {
        if (line !== 'ok ') this.failure ??= `${this.name}: ${JSON.stringify(line)}`;
        else if (skip > 0) skip -= 1;
        else this.acked += 1;
      }
      this.#send(socket);
    });
    this.stop = () => socket.destroy();
  }

  #send(socket) {
    let text = '';
    while (this.sent - this.acked < this.window) {
      this.sent += 1;
      text += `${operation(this.name, this.sent).line}\n`;
    }
    if (text) socket.write(text);
  }

  /** The least and the most of the shared increments that fit what is found. */
  async check(client, keepsAcked) {
    assert.equal(this.failure, null);
    const found = new State(this.name);
    for (let key = 0; key < kKeys; key += 1) {
      const value = await read(client, `${this.name}-k${key}`);
      if (value !== null) found.values.set(`${this.name}-k${key}`, value);
    }
    found.count = Number((await read(client, `${this.name}-count`)) ?? 0);
    const least = keepsAcked ? this.acked : this.begun;
    const state = new State(this.name, this.state);
    const fitting = [];
    for (let number = this.begun; number <= this.sent; number += 1) {
      if (number > this.begun) state.apply(number);
      if (number >= least && state.equals(found)) fitting.push(state.shared);
    }
    assert.ok(
      fitting.length > 0,
      `${this.name}: lost or wrong; ${least} to ${this.sent} operations were to be there ` +
        `(${this.acked} acknowledged), found ${found}`,
    );
    this.state = found;
    this.begun = this.sent;
    this.acked = this.sent;
    return { least: fitting[0], most: fitting.at(-1) };
  }
}

/** Databases and users, whose changes are always at level `disk`. */
class AdminWriter {
  known = new Map(); // name: [states that may be found]
  number = 0;

  async start(server) {
    this.ended = this.#run(await openAdmin(server)).catch((error) => {
      if (/^error|: \[/.test(error.message)) this.failure = error;
    });
  }

  async #run(client) {
    for (;;) {
      this.number += 1;
      const name = `extra${this.number}`;
      await this.#change(client, `create-db ${name} ${name} newer ack disk`, name, 'made');
      await client.expectOk(`use-db ${name} ${name}`);
      await this.#change(client, `create-user anna pwd${this.number}`, name, 'with user');
      if (this.number % 5 === 0) continue;
      await this.#change(client, `drop-db ${name}`, name, 'dropped');
    }
  }

  async #change(client, line, name, state) {
    const before = this.known.get(name) ?? ['dropped'];
    this.known.set(name, [...before, state]);
    await client.expectOk(line);
    this.known.set(name, [state]);
  }

  async #find(server, listed, name) {
    if (!listed.has(name)) return 'dropped';
    const client = await TcpClient.open(server.tcp);
    const token = await client.command(`use-db ${name} ${name}`);
    assert.equal(token.at(-1), 'ok ', `the token of ${name}`);
    const user = await client.command(`use-db ${name} anna pwd${name.slice('extra'.length)}`);
    await client.close();
    return user.at(-1) === 'ok ' ? 'with user' : 'made';
  }

  async check(server, admin) {
    if (this.failure) throw this.failure;
    const lines = await admin.expectOk('debug list-dbs');
    const listed = new Set(lines.map((line) => line.split(' : ')[0].trim()));
    for (const [name, states] of this.known) {
      const found = await this.#find(server, listed, name);
      assert.ok(states.includes(found), `${name} is ${found}, not ${states.join(' or ')}`);
      // What is settled need not be asked for again and again.
      if (found === 'dropped') this.known.delete(name);
      else this.known.set(name, [found]);
    }
    if (this.known.size > 50) this.known.delete(this.known.keys().next().value);
  }
}

/** Two databases, one of each level, with writers in each, and an admin beside them. */
export class Load {
  levels = ['written', 'disk'];
  shared = new Map(this.levels.map((level) => [level, 0]));
  admin = new AdminWriter();
  #made = false;

  constructor({ writers = 2, window = 64 } = {}) {
    this.writers = new Map(
      this.levels.map((level) => [
        level,
        Array.from({ length: writers }, (_, index) => new Writer(`${level}${index}`, window)),
      ]),
    );
  }

  get acked() {
    return [...this.writers.values()].flat().reduce((sum, { acked }) => sum + acked, 0);
  }

  async start(server) {
    if (!this.#made) {
      const admin = await openAdmin(server);
      for (const level of this.levels) {
        await admin.expectOk(`create-db ${level} ${level} none ack ${level}`);
      }
      this.#made = true;
      await admin.close();
    }
    for (const [level, writers] of this.writers) {
      for (const writer of writers) await writer.start(server, level);
    }
    await this.admin.start(server);
  }

  /** After the server is gone: until all that it has sent has been read. */
  async ended() {
    const all = [...this.writers.values()].flat().map((writer) => writer.ended);
    await within(Promise.all([...all, this.admin.ended]), 'the clients to see the end');
  }

  /** `lost`: levels whose acknowledged writes may be gone. */
  async check(server, { lost = [] } = {}) {
    if (!this.#made) return;
    for (const [level, writers] of this.writers) {
      const client = await TcpClient.open(server.tcp, level);
      let [least, most] = [this.shared.get(level), this.shared.get(level)];
      for (const writer of writers) {
        const fits = await writer.check(client, !lost.includes(level));
        least += fits.least;
        most += fits.most;
      }
      const shared = Number((await read(client, 'shared')) ?? 0);
      assert.ok(
        least <= shared && shared <= most,
        `${level}: shared is ${shared}, not ${least} to ${most}`,
      );
      this.shared.set(level, shared);
      await client.close();
    }
    const admin = await openAdmin(server);
    await this.admin.check(server, admin);
    await admin.close();
  }
}
