// Starts the real server for a test, and the clients that talk to it.
//
// The server always gets port 0 and says on stdout which ports it has. What a test starts is ended
// with it: `stop()`, or at the latest when this process ends, however it ends.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import WebSocket from 'ws';
import { Inbox, kDeadlineMs, within } from './inbox.mjs';

export { Inbox, kDeadlineMs, until, within } from './inbox.mjs';

export const kRepository = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
export const kBinary = process.env.NUNC_BINARY ?? path.join(kRepository, 'build/dev/nunc');
/** Of the program: docs/operations.md. */
export const kExit = { ok: 0, usage: 1, unreachable: 2, cannotBind: 3, fault: 4, damaged: 5 };
/** Preloaded by tests of the disk; it is not there in sanitizer builds. */
export const kShim = path.join(path.dirname(kBinary), 'power_cut_shim.so');
export const kAdmin = { user: 'admin', password: 'admin-pwd' };
const kAuth = `auth ${kAdmin.user} ${kAdmin.password}`;

const children = new Set();
const sockets = new Set();
const folders = new Set();
function endAll() {
  for (const child of children) child.kill('SIGKILL');
  for (const socket of sockets) (socket.terminate ?? socket.destroy).call(socket);
  for (const folder of folders) removeFolder(folder);
}

/** A fresh folder, which is gone with this test file at the latest. */
export function makeFolder(name) {
  const folder = mkdtempSync(path.join(os.tmpdir(), `nunc-${name}-`));
  folders.add(folder);
  return folder;
}

export function removeFolder(folder) {
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  folders.delete(folder);
}
process.on('exit', endAll);
// What a failed test left behind must not keep the process from ending. The files' own hooks, which
// stop servers in order, run after this one; so it only sets a time for them.
after(() => setTimeout(endAll, kDeadlineMs + 5000).unref());
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => process.exit(1));
}

/** Ends this socket with the test file at the latest. */
export function track(socket) {
  sockets.add(socket);
  socket.on('close', () => sockets.delete(socket));
}

// A test runner that is killed itself cannot clean up, so the kernel is asked to.
const kSetpriv = '/usr/bin/setpriv';
const kPrefix = existsSync(kSetpriv) ? [kSetpriv, '--pdeathsig', 'KILL', '--'] : [];

// The caller's own settings must not reach the server under test.
function cleanEnvironment(extra) {
  const kept = Object.entries(process.env).filter(([name]) => !/^NUNC?_/.test(name));
  return { ...Object.fromEntries(kept), ...extra };
}

/** Runs a program; `output` and `errors` grow while it runs, `exited` gives code and signal. */
export function launch(command, args, { env = {}, cwd } = {}) {
  const [program, ...rest] = [...kPrefix, command, ...args];
  const child = spawn(program, rest, { env: cleanEnvironment(env), cwd });
  children.add(child);
  const run = {
    child,
    pid: child.pid,
    output: '',
    errors: '',
    lines: new Inbox(`stdout of ${path.basename(command)}`),
  };
  let partial = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    run.output += text;
    partial += text;
    const parts = partial.split('\n');
    partial = parts.pop();
    for (const line of parts) run.lines.push(line);
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    run.errors += text;
  });
  child.stdin.on('error', () => {}); // the program may end before it has read
  run.exited = new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      children.delete(child);
      run.lines.end(`ended with ${code ?? signal}, stderr: ${run.errors.slice(-2000)}`);
      resolve({ code, signal, output: run.output, errors: run.errors });
    });
  });
  return run;
}

/** Runs the `nunc` binary with these arguments to its end. */
export async function nunc(args, { env = {}, cwd, ms = kDeadlineMs } = {}) {
  const run = launch(kBinary, args, { env, cwd });
  run.child.stdin.end();
  try {
    return await within(run.exited, `nunc ${args.join(' ')} to end`, ms);
  } finally {
    run.child.kill('SIGKILL');
  }
}

/** Without `data` the server keeps nothing. */
export function startArguments(addresses = {}, args = [], data = null) {
  const at = (door) => addresses[door] ?? '127.0.0.1:0';
  const doors = ['-w', at('ws'), '-h', at('http'), '-t', at('tcp')];
  if (data === null) return ['start', '--memory', ...doors, ...args];
  // The smallest segments there are: hundreds of servers are started, each with two of them.
  const segment = args.includes('--segment') ? [] : ['--segment', '32MiB'];
  return ['start', '--data', data, ...segment, ...doors, ...args];
}

/**
 * Starts a server and waits until it is ready. `addresses` fixes some of its ports (to those of an
 * earlier server), `wrap` is a program to start it under, such as ['prlimit', '--nofile=64'].
 * `data` is its folder; without one it gets a fresh one that goes when it ends.
 *
 * With NUNC_E2E_AT=secondary one without any wish is a node that is not primary.
 */
export async function startServer(wishes) {
  if (wishes === undefined && process.env.NUNC_E2E_AT === 'secondary') {
    const { startSecondary } = await import('./secondary.mjs');
    return startSecondary();
  }
  const { args = [], env = {}, addresses = {}, wrap = [], data = null } = wishes ?? {};
  const folder = data ?? makeFolder('data');
  const [command, ...rest] = [...wrap, kBinary, ...startArguments(addresses, args, folder)];
  const run = launch(command, rest, { env });
  if (data === null) run.exited.finally(() => removeFolder(folder)).catch(() => {});
  const server = { ...run, stop: (signal = 'SIGTERM') => stopServer(run, signal) };
  Object.defineProperty(server, 'errors', { get: () => run.errors });
  try {
    const said = await run.lines.takeThrough((line) => line.startsWith('nunc ready'), 'nunc ready');
    for (const line of said) {
      const [, door, address] = /^nunc (\w+) (.*)$/.exec(line) ?? [];
      if (door) server[door] = address;
    }
    for (const door of ['ws', 'http', 'tcp']) {
      if (!/^.+:[1-9][0-9]*$/.test(server[door] ?? '')) {
        throw new Error(`no usable ${door} address in ${JSON.stringify(said)}`);
      }
    }
  } catch (error) {
    run.child.kill('SIGKILL');
    throw new Error(`${error.message}\nstderr: ${run.errors}`);
  }
  return server;
}

async function stopServer(run, signal) {
  run.child.kill(signal);
  try {
    return await within(run.exited, `the server to end after ${signal}`);
  } catch (error) {
    run.child.kill('SIGKILL');
    throw new Error(`${error.message}\nstderr: ${run.errors.slice(-4000)}`);
  }
}

/** For `after` hooks: ends the server and fails if it did not end by itself and cleanly. */
export async function stopCleanly(server) {
  if (!server) return;
  const { code, signal, errors } = await server.stop();
  if (code !== 0)
    throw new Error(`the server ended with ${code ?? signal}\nstderr: ${errors.slice(-4000)}`);
}

export function hostAndPort(address) {
  const colon = address.lastIndexOf(':');
  return {
    host: address.slice(0, colon).replace(/^\[|\]$/g, ''),
    port: Number(address.slice(colon + 1)),
  };
}

// The status that ends a reply; two errors hold a line feed, so on TCP theirs is a lone space.
const isStatusLine = (line) => line === 'ok ' || line === ' ' || /^error .* $/.test(line);
const isStatusMessage = (message) => message === 'ok \n' || /^error [^]* \n$/.test(message);

export class TcpClient {
  inbox = new Inbox('tcp');
  #rest = [];

  static async connect(address) {
    const client = new TcpClient();
    client.socket = net.connect(hostAndPort(address));
    client.socket.setNoDelay(true);
    track(client.socket);
    client.closed = new Promise((resolve) => client.socket.on('close', resolve));
    client.socket.on('data', (bytes) => client.#read(bytes));
    client.socket.on('error', (error) => client.inbox.end(error.message));
    client.socket.on('end', () => client.inbox.end('closed by the server'));
    const connected = new Promise((resolve, reject) => {
      client.socket.once('connect', resolve).once('error', reject);
    });
    await within(connected, `a connection to ${address}`);
    return client;
  }

  /** Connected, greeted, and in a database when one is given. */
  static async open(address, database, token = database) {
    const client = await TcpClient.connect(address);
    const greeting = await client.inbox.next('the greeting');
    if (greeting !== 'ok ') throw new Error(`greeting ${JSON.stringify(greeting)}`);
    if (database) await client.expectOk(`use-db ${database} ${token}`);
    return client;
  }

  #read(bytes) {
    let start = 0;
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, start)) {
      this.#rest.push(bytes.subarray(start, end));
      this.inbox.push(Buffer.concat(this.#rest).toString('utf8'));
      this.#rest = [];
      start = end + 1;
    }
    if (start < bytes.length) this.#rest.push(bytes.subarray(start));
  }

  /** Bytes that arrived after the last line feed. */
  get unfinished() {
    return Buffer.concat(this.#rest);
  }

  send(bytes) {
    this.socket.write(bytes);
  }

  /** One line; the reply's items, its status last. */
  async command(line, ms = kDeadlineMs) {
    this.send(`${line}\n`);
    return this.inbox.takeThrough(isStatusLine, `the status of ${line.slice(0, 60)}`, ms);
  }

  async expectOk(line) {
    const reply = await this.command(line);
    if (reply.at(-1) !== 'ok ') throw new Error(`${line.slice(0, 60)}: ${JSON.stringify(reply)}`);
    return reply.slice(0, -1);
  }

  /** Everything the server had queued for this connection before it read the `ping`. */
  async settle() {
    this.send('ping\n');
    const items = await this.inbox.takeThrough((line) => line === 'pong', 'pong');
    const status = await this.inbox.next('the status of ping');
    if (status !== 'ok ') throw new Error(`ping answered ${JSON.stringify(status)}`);
    return items.slice(0, -1);
  }

  async close() {
    this.socket.end();
    this.socket.resume();
    await within(this.closed, 'the connection to close');
  }
}

export class WsClient {
  inbox = new Inbox('websocket');

  /** `options` go to the `ws` package: perMessageDeflate, protocols, headers. */
  static async connect(address, { path: resource = '/', protocols = [], ...options } = {}) {
    const client = new WsClient();
    const settings = { perMessageDeflate: false, maxPayload: 1 << 28, ...options };
    client.socket = new WebSocket(`ws://${address}${resource}`, protocols, settings);
    track(client.socket);
    client.closed = new Promise((resolve) => {
      client.socket.on('close', (code, reason) => {
        client.inbox.end(`closed with ${code}`);
        resolve({ code, reason: reason.toString() });
      });
    });
    client.socket.on('message', (data, isBinary) => {
      client.inbox.push(isBinary ? { binary: data } : data.toString('utf8'));
    });
    const opened = new Promise((resolve, reject) => {
      client.socket.once('open', resolve).on('error', reject);
    });
    await within(opened, `a websocket to ${address}`);
    return client;
  }

  static async open(address, database, token = database, options = {}) {
    const client = await WsClient.connect(address, options);
    if (database) await client.expectOk(`use-db ${database} ${token}`);
    return client;
  }

  send(text, options) {
    this.socket.send(text, options);
  }

  /** One message in frames of at most `size` bytes, as the nun-db client sends large ones. */
  sendFragments(text, size = 16_384) {
    const bytes = Buffer.from(text);
    for (let start = 0; start === 0 || start < bytes.length; start += size) {
      const part = bytes.subarray(start, start + size);
      this.socket.send(part, { binary: false, fin: start + size >= bytes.length });
    }
  }

  async command(text, ms = kDeadlineMs) {
    this.sendFragments(text);
    return this.inbox.takeThrough(isStatusMessage, `the status of ${text.slice(0, 60)}`, ms);
  }

  async expectOk(text) {
    const reply = await this.command(text);
    if (reply.at(-1) !== 'ok \n') throw new Error(`${text.slice(0, 60)}: ${JSON.stringify(reply)}`);
    return reply.slice(0, -1);
  }

  async settle() {
    this.send('ping');
    const items = await this.inbox.takeThrough((message) => message === 'pong\n', 'pong');
    const status = await this.inbox.next('the status of ping');
    if (status !== 'ok \n') throw new Error(`ping answered ${JSON.stringify(status)}`);
    return items.slice(0, -1);
  }

  async close(code = 1000) {
    this.socket.close(code);
    return within(this.closed, 'the websocket to close');
  }
}

/** POST / with `body`; the status, the headers and the whole answer. */
export function httpPost(
  address,
  body,
  { headers = {}, method = 'POST', path: resource = '/' } = {},
) {
  const answered = new Promise((resolve, reject) => {
    const request = http.request(
      { ...hostAndPort(address), method, path: resource, headers, agent: false },
      (response) => {
        const parts = [];
        response.on('data', (part) => parts.push(part));
        response.on('error', reject);
        response.on('end', () =>
          resolve({
            status: response.statusCode,
            headers: response.headers,
            body: Buffer.concat(parts).toString('utf8'),
          }),
        );
      },
    );
    request.on('error', reject);
    request.end(body);
  });
  return within(answered, `an answer to ${method} ${resource}`);
}

export const httpGet = (address, resource, options = {}) =>
  httpPost(address, undefined, { ...options, method: 'GET', path: resource });

/** Creates a database whose token is its name, with `more` commands run in it as admin. */
export async function createDatabase(server, name, { strategy = 'none', more = [] } = {}) {
  const commands = [
    kAuth,
    `create-db ${name} ${name} ${strategy}`,
    `use-db ${name} ${name}`,
    ...more,
  ];
  const { body } = await httpPost(server.http, commands.join(';'));
  if (!body.startsWith('valid auth\n;create-db success\n;empty'))
    throw new Error(`${name}: ${body}`);
  return name;
}

export async function openAdmin(server, database) {
  const client = await TcpClient.open(server.tcp);
  await client.expectOk(kAuth);
  if (database) await client.expectOk(`use-db ${database} ${database}`);
  return client;
}

/**
 * The environment of a server whose memory is measured. AddressSanitizer keeps freed memory for a
 * while, by default far more than what is measured.
 */
export const kMeasuredMemory = {
  ASAN_OPTIONS: [process.env.ASAN_OPTIONS, 'quarantine_size_mb=4'].filter(Boolean).join(':'),
};

/** How much larger a sanitizer makes what is allocated. */
export function memoryFactor(pid) {
  return /lib[at]san/.test(readFileSync(`/proc/${pid}/maps`, 'utf8')) ? 4 : 1;
}

/** Resident memory and used processor time of a process. */
export function residentBytes(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)[1]) * 1024;
}

export function processorMs(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  const kTickMs = 10; // sysconf(_SC_CLK_TCK) is 100 on Linux
  return (Number(fields[11]) + Number(fields[12])) * kTickMs;
}
