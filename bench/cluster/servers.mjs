// Three nodes of each kind on loopback, and one client's view of them: a write that is confirmed by
// a majority, and a watch at another node than the one that takes the write.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { Etcd3 } from 'etcd3';
import { connect as connectNats } from 'nats';

const kStartMs = 20_000;

export async function until(condition, what, ms = kStartMs) {
  for (const end = Date.now() + ms; Date.now() < end; ) {
    const found = await condition().catch(() => null);
    if (found) return found;
    await sleep(20);
  }
  throw new Error(`waited in vain for ${what}`);
}

async function freePorts(count) {
  const servers = Array.from({ length: count }, () => net.createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => new Promise((done) => server.once('listening', done))));
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}

/** Processes that end with this one, in a folder that goes with them. */
class Processes {
  folder = mkdtempSync(path.join(os.tmpdir(), 'nunc-bench-'));
  running = [];

  constructor() {
    process.once('exit', () => this.running.forEach((child) => child.kill('SIGKILL')));
  }

  start(command, args) {
    const child = spawn(command, args, { stdio: 'ignore' });
    this.running.push(child);
    return child;
  }

  async stop() {
    await Promise.all(
      this.running.map((child) => {
        if (child.exitCode !== null || child.signalCode !== null) return null;
        const ended = new Promise((done) => child.once('exit', done));
        child.kill('SIGKILL');
        return ended;
      }),
    );
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Lines over TCP; each command ends in one status line. */
class NuncClient {
  #waiting = [];
  #told = null;

  static async open(address, lines) {
    const client = new NuncClient();
    const [host, port] = address.split(':');
    client.socket = net.connect({ host, port: Number(port) });
    client.socket.setNoDelay(true);
    client.socket.on('error', () => {});
    await new Promise((done, fail) => {
      client.socket.once('connect', done);
      client.socket.once('close', () => fail(new Error('closed')));
    });
    client.socket.on('close', () => {
      for (const { fail } of client.#waiting.splice(0)) fail(new Error('closed'));
    });
    const greeting = new Promise((done) => client.#waiting.push({ done, data: [] }));
    createInterface({ input: client.socket }).on('line', (line) => client.#take(line));
    await greeting;
    for (const line of lines) await client.run(line);
    return client;
  }

  #take(line) {
    if (line !== 'ok ' && !line.startsWith('error ')) {
      if (line.startsWith('changed ') && this.#told) this.#told(line);
      else this.#waiting[0]?.data.push(line);
      return;
    }
    const { done, fail, data } = this.#waiting.shift();
    if (line === 'ok ') done(data);
    else fail(new Error(line));
  }

  run(line) {
    return new Promise((done, fail) => {
      this.#waiting.push({ done, fail, data: [] });
      this.socket.write(`${line}\n`);
    });
  }

  async watch(key, told) {
    this.#told = (line) => told(line.slice(`changed ${key} `.length).trimEnd());
    await this.run(`watch ${key}`);
  }
}

export class NuncCluster {
  name = 'nunc';
  #processes = new Processes();
  #nodes = [];

  constructor(binary, level) {
    this.binary = binary;
    this.level = level;
  }

  async start() {
    const ports = await freePorts(12);
    const secret = path.join(this.#processes.folder, 'secret');
    writeFileSync(secret, '0123456789abcdef0123456789abcdef');
    for (let i = 0; i < 3; ++i) {
      const own = ports.slice(4 * i, 4 * i + 4);
      const [ws, http, tcp, peers] = own.map((port) => `127.0.0.1:${port}`);
      const child = this.#processes.start(this.binary, [
        ...['start', '--id', String(i + 1), '--data', path.join(this.#processes.folder, `${i}`)],
        ...['-w', ws, '-h', http, '-t', tcp, '--listen', peers, '--cluster-secret-file', secret],
        ...(i === 0 ? ['--bootstrap'] : ['--join', this.#nodes[0].peers]),
      ]);
      this.#nodes.push({ child, tcp, peers });
      await until(() => NuncClient.open(tcp, ['ping']).then(() => true, () => false), `node ${i}`);
    }
    // With all voters the highest priority takes over; then nothing moves any more.
    await until(async () => (await this.#leader()) === 2, 'node 3 to be primary');
    const admin = await this.#admin(2);
    await admin.run(`create-db bench token none ack ${this.level}`);
    this.writer = await this.#open(2);
    this.reader = await until(() => this.#open(0), 'the database at node 1');
  }

  #admin = (index) => NuncClient.open(this.#nodes[index].tcp, ['auth admin admin-pwd']);
  #open = (index) => NuncClient.open(this.#nodes[index].tcp, ['use-db bench token']);

  async #leader() {
    for (const [index, { child }] of this.#nodes.entries()) {
      if (child.signalCode !== null) continue;
      const admin = await this.#admin(index);
      const [line] = await admin.run('cluster-state json');
      admin.socket.destroy();
      if (JSON.parse(line.slice('cluster-state '.length)).role === 'primary') return index;
    }
    return null;
  }

  write = (key, value) => this.writer.run(`set ${key} ${value}`);
  watch = (key, told) => this.reader.watch(key, told);

  /** Milliseconds from the kill to the first confirmed write, at a node that stays. */
  async killLeader() {
    const index = await until(async () => (await this.#leader()) ?? -1, 'a primary');
    const other = await this.#open((index + 1) % 3);
    const began = performance.now();
    this.#nodes[index].child.kill('SIGKILL');
    await until(() => other.run('set killed 1').then(() => true), 'a write');
    return performance.now() - began;
  }

  stop = () => this.#processes.stop();
}

export class EtcdCluster {
  name = 'etcd';
  #processes = new Processes();

  async start() {
    const ports = await freePorts(6);
    const peer = (i) => `http://127.0.0.1:${ports[2 * i]}`;
    const client = (i) => `http://127.0.0.1:${ports[2 * i + 1]}`;
    const all = [0, 1, 2].map((i) => `n${i}=${peer(i)}`).join(',');
    this.children = [0, 1, 2].map((i) =>
      this.#processes.start('etcd', [
        ...['--name', `n${i}`, '--data-dir', path.join(this.#processes.folder, `${i}`)],
        ...['--listen-peer-urls', peer(i), '--initial-advertise-peer-urls', peer(i)],
        ...['--listen-client-urls', client(i), '--advertise-client-urls', client(i)],
        ...['--initial-cluster', all, '--initial-cluster-state', 'new', '--log-level', 'error'],
      ]),
    );
    this.clients = [0, 1, 2].map((i) => new Etcd3({ hosts: client(i) }));
    await until(() => this.clients[0].put('ready').value('1').exec(), 'etcd to be ready');
    this.leader = await this.#leader();
    this.other = (this.leader + 1) % 3;
  }

  async #leader() {
    const states = await Promise.all(
      this.clients.map((client) => client.maintenance.status().catch(() => null)),
    );
    return states.findIndex((state) => state && state.header.member_id === state.leader);
  }

  write = (key, value) => this.clients[this.leader].put(key).value(value).exec();
  async watch(key, told) {
    const watcher = await this.clients[this.other].watch().key(key).create();
    watcher.on('put', (item) => told(item.value.toString()));
  }

  async killLeader() {
    const began = performance.now();
    this.children[this.leader].kill('SIGKILL');
    await until(() => this.clients[this.other].put('killed').value('1').exec(), 'a write');
    return performance.now() - began;
  }

  async stop() {
    for (const client of this.clients) client.close();
    await this.#processes.stop();
  }
}

/** JetStream confirms without a sync of each write. */
export class NatsCluster {
  name = 'nats';
  #processes = new Processes();

  async start() {
    const ports = await freePorts(6);
    const routes = [0, 1, 2].map((i) => `nats://127.0.0.1:${ports[2 * i + 1]}`).join(',');
    for (let i = 0; i < 3; ++i) {
      this.#processes.start('nats-server', [
        ...['--server_name', `n${i}`, '--addr', '127.0.0.1', '--port', String(ports[2 * i])],
        ...['--jetstream', '--store_dir', path.join(this.#processes.folder, `${i}`)],
        ...['--cluster_name', 'c', '--cluster', `nats://127.0.0.1:${ports[2 * i + 1]}`],
        ...['--routes', routes],
      ]);
    }
    this.clients = [];
    for (let i = 0; i < 3; ++i) {
      this.clients.push(
        await until(() => connectNats({ servers: `127.0.0.1:${ports[2 * i]}` }), `nats ${i}`),
      );
    }
    this.buckets = [];
    for (const client of this.clients) {
      const kv = () => client.jetstream().views.kv('bench', { replicas: 3 });
      this.buckets.push(await until(kv, 'the bucket'));
    }
    await until(() => this.buckets[0].put('ready', '1'), 'a first write');
  }

  write = (key, value) => this.buckets[0].put(key, value);
  async watch(key, told) {
    const iterator = await this.buckets[1].watch({ key });
    (async () => {
      for await (const entry of iterator) told(entry.string());
    })();
  }

  async stop() {
    for (const client of this.clients) await client.close();
    await this.#processes.stop();
  }
}
