// Run by half_open.test.mjs in a network namespace of its own, as root of it. The server gets
// another one, and two links lie between: one is cut, the other stays.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  createDatabase,
  startServer,
  stopCleanly,
  TcpClient,
  until,
  WsClient,
} from './harness.mjs';

// Addresses for tests between networks (RFC 2544), so that no route of the machine is meant.
const kLinks = {
  cut: { near: '198.18.1.2', far: '198.18.1.1' },
  kept: { near: '198.18.2.2', far: '198.18.2.1' },
};
const kPingIntervalMs = 500;
const kFoundMs = 60_000; // about 4 s on an idle machine: a keepalive after 1 s, three more

const kSendQueue = 1; // column of `ss` without a header
const run = (program, ...args) =>
  execFileSync(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });

/** In the server's namespace. */
const runFar = (pid, ...args) => run('nsenter', '--target', `${pid}`, '--net', ...args);

function connectNamespaces(pid) {
  const far = (...args) => runFar(pid, 'ip', ...args);
  for (const [name, link] of Object.entries(kLinks)) {
    const [nearEnd, farEnd] = [`near-${name}`, `far-${name}`];
    run('ip', 'link', 'add', nearEnd, 'type', 'veth', 'peer', farEnd, 'netns', `${pid}`);
    run('ip', 'address', 'add', `${link.near}/24`, 'dev', nearEnd);
    run('ip', 'link', 'set', nearEnd, 'up');
    far('address', 'add', `${link.far}/24`, 'dev', farEnd);
    far('link', 'set', farEnd, 'up');
  }
}

const kAnywhere = '0.0.0.0:0';
const server = await startServer({
  wrap: ['unshare', '--net', '--'],
  addresses: { tcp: kAnywhere, ws: kAnywhere, http: kAnywhere },
  args: ['--insecure-default-credentials', '--ping-interval-ms', `${kPingIntervalMs}`],
});
connectNamespaces(server.pid);
const by = (link, door) => server[door].replace('0.0.0.0', kLinks[link].far);
const db = await createDatabase({ http: by('kept', 'http') }, 'half-open');

const watcher = await TcpClient.open(by('kept', 'tcp'), db);
await watcher.expectOk('watch $connections');
const count = (number) =>
  watcher.inbox.takeThrough(
    (line) => line === `changed $connections ${number}`,
    `${number} connections`,
    kFoundMs,
  );
const quiet = [
  await TcpClient.open(by('kept', 'tcp'), db),
  await WsClient.open(by('kept', 'ws'), db),
];
for (const client of quiet) await client.expectOk('watch key');
await count(3);

// One has a change to acknowledge when its link is cut, where keepalive is silent; the others not.
const told = await TcpClient.open(by('cut', 'tcp'), db);
const untold = [
  await TcpClient.open(by('cut', 'tcp'), db),
  await WsClient.open(by('cut', 'ws'), db),
];
await told.expectOk('watch news');
for (const client of untold) await client.expectOk('watch key');
await count(6);
// The last replies must be acknowledged, which takes the other side a moment.
await until(() => {
  const sockets = runFar(server.pid, 'ss', '-Htn', 'state', 'established').toString().trim();
  return sockets.split('\n').every((socket) => socket.split(/\s+/)[kSendQueue] === '0');
}, 'all to be acknowledged');

// The other side keeps its carrier, as when the fault is somewhere on the way: packets get lost.
run('ip', 'address', 'delete', `${kLinks.cut.near}/24`, 'dev', 'near-cut');
await watcher.expectOk('set news gone');
await count(3);

// Longer than it took to find the others, and many intervals: the quiet ones are still there.
await new Promise((resolve) => setTimeout(resolve, 10 * kPingIntervalMs));
assert.equal((await watcher.expectOk('get $connections')).at(-1), 'value 3');
await watcher.expectOk('set key still-here');
for (const client of quiet) {
  assert.equal((await client.inbox.next('the change')).trim(), 'changed key still-here');
}
for (const { socket } of [told, ...untold]) (socket.terminate ?? socket.destroy).call(socket);
for (const client of [watcher, ...quiet]) await client.close();
await stopCleanly(server);
console.log('half-open peers are removed');
