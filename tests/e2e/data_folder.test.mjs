// Data folders that are damaged, foreign, taken, not ours to write or full.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import {
  createDatabase,
  kBinary,
  kExit,
  launch,
  makeFolder,
  openAdmin,
  removeFolder,
  startArguments,
  startServer,
  stopCleanly,
  TcpClient,
  until,
  within,
} from './harness.mjs';

const kSeal = path.join(path.dirname(kBinary), 'nunc_seal');
const kMiB = 1 << 20;
const kSegmentHeaderBytes = 128;
const status = async (client, line) => (await client.command(line)).at(-1).trimEnd();
const filesIn = (data, form) => readdirSync(data).filter((name) => form.test(name)).sort();
const newestOf = (data, kind) =>
  path.join(data, filesIn(data, new RegExp(`^${kind}-\\d{20}$`)).at(-1));

/** What a refused start may not change. */
function hashes(data) {
  const names = filesIn(data, /^(?!LOCK$)/);
  return names.map((name) => {
    const bytes = readFileSync(path.join(data, name));
    return `${name} ${bytes.length} ${createHash('sha256').update(bytes).digest('hex')}`;
  });
}

async function refusedStart(data, { wrap = [], args = [] } = {}) {
  const [command, ...rest] = [...wrap, kBinary, ...startArguments({}, args, data)];
  const run = launch(command, rest);
  run.child.stdin.end();
  try {
    const ended = await within(run.exited, 'a start to be refused');
    assert.equal(ended.output, '');
    assert.match(ended.errors, /^nunc: .*$/m);
    return { code: ended.code, message: /^nunc: (.*)$/m.exec(ended.errors)[1] };
  } finally {
    run.child.kill('SIGKILL');
  }
}

async function expectDamage(data, file, pattern) {
  const kept = hashes(data);
  const { code, message } = await refusedStart(data);
  assert.equal(code, kExit.damaged, message);
  assert.ok(message.includes(file), `${message} should name ${file}`);
  assert.match(message, pattern);
  assert.deepEqual(hashes(data), kept, 'nothing may change');
}

function flip(file, at) {
  const bytes = readFileSync(file);
  bytes[at] ^= 0x40;
  writeFileSync(file, bytes);
}

/** Writes a field of a file, and its checksum behind `length` bytes. */
function patch(file, at, value, from, length) {
  const bytes = readFileSync(file);
  bytes.writeUInt32LE(value, at);
  writeFileSync(file, bytes);
  execFileSync(kSeal, [file, String(from), String(length)]);
}

// Where each record of a segment begins, as docs/formats.md describes it.
function recordsOf(file) {
  const bytes = readFileSync(file);
  const records = [];
  let revision = bytes.readBigUInt64LE(32);
  for (let at = kSegmentHeaderBytes; at + 64 <= bytes.length; revision += 1n) {
    const length = bytes.readUInt32LE(at);
    if (length < 64 || bytes.readBigUInt64LE(at + 24) !== revision) break;
    records.push({ at, length, revision });
    at += length;
  }
  return records;
}

function durableMark(data) {
  const bytes = readFileSync(path.join(data, 'meta'));
  const slots = [0, 4096].map((at) => bytes.subarray(at)).filter((slot) => slot[0] !== 0);
  const counter = (slot) => slot.readBigUInt64LE(16);
  return slots.sort((a, b) => Number(counter(b) - counter(a)))[0].readBigUInt64LE(72);
}

async function stoppedWith(data, values, { signal = 'SIGTERM', snapshots = [] } = {}) {
  const server = await startServer({ data });
  const admin = await openAdmin(server);
  await admin.expectOk('use-db demo demo');
  for (const [index, value] of values.entries()) {
    await admin.expectOk(`set k${index} ${value}`);
    if (snapshots.includes(index)) await admin.expectOk('snapshot');
  }
  await server.stop(signal);
}

async function expectValues(data, values) {
  const server = await startServer({ data });
  const client = await TcpClient.open(server.tcp, 'demo');
  for (const [index, value] of values.entries()) {
    assert.deepEqual(await client.expectOk(`get k${index}`), [`value ${value}`]);
  }
  await client.close();
  await stopCleanly(server);
}

const kWaysOn = /repair --keep-prefix.*restore a backup/;

describe('damage', () => {
  let data;
  const kValues = ['one', 'two', 'three', 'four'];
  before(() => {
    data = makeFolder('damage');
  });
  after(() => removeFolder(data));
  const fresh = () => {
    rmSync(data, { recursive: true });
    mkdirSync(data);
  };

  test('a torn tail above the durable mark is cut, and the rest is there', async () => {
    // The mark follows within a second, so it may have come too early.
    await until(
      async () => {
        fresh();
        await stoppedWith(data, kValues, { signal: 'SIGKILL' });
        const newest = recordsOf(newestOf(data, 'oplog')).at(-1);
        return newest.revision > durableMark(data);
      },
      'a kill before the mark has followed',
      60_000,
    );
    const file = newestOf(data, 'oplog');
    const { at, length } = recordsOf(file).at(-1);
    truncateSync(file, at + length - 3);
    const server = await startServer({ data });
    const client = await TcpClient.open(server.tcp, 'demo');
    assert.deepEqual(await client.expectOk('get k2'), ['value three']);
    assert.deepEqual(await client.expectOk('get k3'), ['value <Empty>']);
    await client.expectOk('set k3 four');
    await client.close();
    await stopCleanly(server);
    await expectValues(data, kValues);
  });

  test('a flipped bit below the mark is refused with the file named, nothing changes', async () => {
    fresh();
    await stoppedWith(data, kValues);
    const file = newestOf(data, 'oplog');
    for (const { at, length } of recordsOf(file)) {
      flip(file, at + length - 1);
      await expectDamage(data, file, kWaysOn);
      flip(file, at + length - 1);
    }
    await expectValues(data, kValues);
  });

  test('a log that ends below the mark, no log and no meta file are refused', async () => {
    fresh();
    await stoppedWith(data, kValues);
    const file = newestOf(data, 'oplog');
    const meta = path.join(data, 'meta');
    const aside = (name) => path.join(data, `aside-${name}`);
    copyFileSync(file, aside('log'));
    truncateSync(file, recordsOf(file).at(-2).at);
    await expectDamage(data, file, /below the durable mark.*repair --keep-prefix/);
    rmSync(file);
    await expectDamage(data, path.basename(file), /the op log is missing.*repair --keep-prefix/);
    renameSync(aside('log'), file);
    renameSync(meta, aside('meta'));
    await expectDamage(data, meta, /is missing, but the folder holds data.*restore a backup/);
    renameSync(aside('meta'), meta);
    const bytes = readFileSync(meta);
    writeFileSync(meta, Buffer.alloc(bytes.length));
    await expectDamage(data, meta, /neither half is whole.*repair --keep-prefix/);
    writeFileSync(meta, bytes);
    await expectValues(data, kValues);
  });

  test('a damaged newest snapshot is passed over for the one before', async () => {
    fresh();
    await stoppedWith(data, kValues, { snapshots: [1, 2] });
    const file = newestOf(data, 'snapshot');
    for (const at of [20, 100, readFileSync(file).length - 1]) {
      flip(file, at);
      await expectValues(data, kValues);
      assert.ok(!existsSync(file), 'it is no snapshot any more');
      renameSync(path.join(data, `damaged-${path.basename(file)}`), file);
      flip(file, at);
    }
    truncateSync(file, 150);
    await expectValues(data, kValues);
  });

  test('a file that is not ours under the name of a snapshot is refused', async () => {
    fresh();
    await stoppedWith(data, kValues, { snapshots: [1] });
    const file = path.join(data, `snapshot-${'9'.padStart(20, '0')}`);
    writeFileSync(file, 'a diary\n'.repeat(100));
    await expectDamage(data, file, /not a snapshot or backup of Nunc/);
    rmSync(file);
    await expectValues(data, kValues);
  });

  test('a file that is not ours in the place of a segment is refused', async () => {
    fresh();
    await stoppedWith(data, kValues);
    const file = newestOf(data, 'oplog');
    const ours = readFileSync(file);
    writeFileSync(file, 'a diary\n'.repeat(100));
    await expectDamage(data, file, /not a segment of the op log.*repair --keep-prefix/);
    writeFileSync(file, ours);
    await expectValues(data, kValues);
  });

  test('a file that is not ours, named like a later segment, is refused', async () => {
    fresh();
    await stoppedWith(data, kValues);
    const file = path.join(data, `oplog-${'99'.padStart(20, '0')}`);
    writeFileSync(file, 'a diary\n'.repeat(100));
    await expectDamage(data, file, /is none; move it out of the folder/);
    const checked = spawnSync(kBinary, ['check', data], { encoding: 'utf8' });
    assert.match(checked.stderr, /oplog-0+99: not a segment of the op log/);
    rmSync(file);
    await expectValues(data, kValues);
  });

  test('newer versions of each file are refused by name', async () => {
    fresh();
    await stoppedWith(data, kValues, { snapshots: [1] });
    const meta = path.join(data, 'meta');
    const segment = newestOf(data, 'oplog');
    const snapshot = newestOf(data, 'snapshot');
    const headBytes = readFileSync(snapshot).readUInt32LE(12);
    for (const [file, length] of [
      [segment, kSegmentHeaderBytes - 8],
      [snapshot, headBytes - 8],
      [meta, 4096 - 8],
    ]) {
      const bytes = readFileSync(file);
      patch(file, 8, 2, 0, length);
      await expectDamage(data, file, /version 2/);
      // It is the version alone that was refused.
      patch(file, 8, 1, 0, length);
      assert.deepEqual(readFileSync(file), bytes, file);
    }
    await expectValues(data, kValues);
  });

  test('a segment of another cluster is refused, and other files are left alone', async () => {
    fresh();
    await stoppedWith(data, kValues);
    const file = newestOf(data, 'oplog');
    const bytes = readFileSync(file);
    patch(file, 16, 0x12345678, 0, kSegmentHeaderBytes - 8);
    await expectDamage(data, file, /belongs to another cluster/);
    writeFileSync(file, bytes);
    const foreign = path.join(data, 'oplog-notes.txt');
    writeFileSync(foreign, 'mine');
    await expectValues(data, kValues);
    assert.equal(readFileSync(foreign, 'utf8'), 'mine');
  });
});

test('a token of a copy of the folder is not taken for one of here', async () => {
  const data = makeFolder('copied');
  const first = await startServer({ data });
  await createDatabase(first, 'db');
  await stopCleanly(first);
  const copy = makeFolder('copy');
  cpSync(data, copy, { recursive: true });
  const tokens = [];
  const clients = [];
  const servers = await Promise.all([data, copy].map((folder) => startServer({ data: folder })));
  for (const [i, server] of servers.entries()) {
    const client = await TcpClient.open(server.tcp, 'db');
    await client.expectOk(`set k ${i}`);
    await client.expectOk('watch k since 0');
    const lines = await client.inbox.takeThrough((line) => line.startsWith('ready '), 'ready');
    tokens.push(lines.at(-1).trimEnd().split(' ').at(-1));
    clients.push(client);
  }
  assert.equal(new Set(tokens.map((token) => token.split('.').slice(1).join('.'))).size, 1);
  for (const [i, client] of clients.entries()) {
    const [answer] = await client.command(`watch k since ${tokens[1 - i]}`);
    if (answer.startsWith('ok')) {
      const lines = await client.inbox.takeThrough((line) => line.startsWith('ready '), 'ready');
      assert.match(lines[0], /^started k rewind /);
      assert.equal(lines[1].trimEnd(), `changed k ${i}`);
    } else {
      assert.match(answer, /^error no place of this database to go on from/);
    }
    await client.close();
    await stopCleanly(servers[i]);
  }
});

test('a second server on the folder is refused, and the first is unharmed', async () => {
  const data = makeFolder('taken');
  const server = await startServer({ data });
  const client = await TcpClient.open(server.tcp, 'demo');
  await client.expectOk('set k before');
  const { code, message } = await refusedStart(data);
  assert.equal(code, kExit.cannotBind);
  assert.match(message, new RegExp(`${data} is in use by process ${server.pid}`));
  await client.expectOk('set k after');
  await client.close();
  await server.stop('SIGKILL');
  // A lock of a dead process holds nobody up.
  const next = await startServer({ data });
  const reader = await TcpClient.open(next.tcp, 'demo');
  assert.deepEqual(await reader.expectOk('get k'), ['value after']);
  await reader.close();
  await stopCleanly(next);
  removeFolder(data);
});

const kNobody = 65534; // a user without anything of its own
const kIsRoot = process.getuid() === 0;

test('what is no folder, or cannot become one, is refused as such', async () => {
  const folder = makeFolder('no-folder');
  const file = path.join(folder, 'file');
  writeFileSync(file, 'mine');
  for (const data of [file, path.join(folder, 'missing', 'deep')]) {
    const { code, message } = await refusedStart(data);
    assert.equal(code, kExit.cannotBind, message);
    assert.ok(message.includes(data), message);
  }
  assert.equal(readFileSync(file, 'utf8'), 'mine');
});

describe('folders of others', { skip: kIsRoot ? false : 'only root can act for another' }, () => {
  const ids = ['--reuid', `${kNobody}`, '--regid', `${kNobody}`, '--clear-groups'];
  const wrap = ['/usr/bin/setpriv', ...ids];
  let data;
  before(() => {
    data = makeFolder('owner');
    chmodSync(data, 0o755);
  });
  after(() => removeFolder(data));

  test('another owner is named, with the two ways out', async () => {
    const { code, message } = await refusedStart(data, { wrap });
    assert.equal(code, kExit.cannotBind);
    assert.match(message, /belongs to user 0 .*run it as the owner.*chown -R 65534/);
    assert.deepEqual(readdirSync(data), []);
  });

  test('a folder that its owner may not write is named with its mode', async () => {
    const folder = path.join(data, 'read-only');
    mkdirSync(folder);
    chownSync(folder, kNobody, kNobody);
    chmodSync(folder, 0o500);
    const { code, message } = await refusedStart(folder, { wrap });
    assert.equal(code, kExit.cannotBind);
    assert.match(message, /its mode is 0500.*chmod u\+rwX/);
  });

  test('files of another owner in it are refused, and work again when they are given', async () => {
    const folder = path.join(data, 'given');
    await stoppedWith(folder, ['value']);
    chownSync(folder, kNobody, kNobody);
    const { code, message } = await refusedStart(folder, { wrap });
    assert.equal(code, kExit.cannotBind);
    assert.match(message, /LOCK.*belongs to user 0/);
    for (const name of readdirSync(folder)) chownSync(path.join(folder, name), kNobody, kNobody);
    const server = await startServer({ data: folder, wrap });
    await stopCleanly(server);
  });
});

/** A small file system of its own, which processes see that are started with `wrap`. */
class SmallDisk {
  static kWays = [
    { unshare: ['unshare', '--mount'], enter: ['--mount'] },
    {
      unshare: ['unshare', '--user', '--map-root-user', '--mount'],
      enter: ['--user', '--preserve-credentials', '--mount'],
    },
  ];

  static get way() {
    return SmallDisk.kWays.find(({ unshare: [command, ...args] }) => {
      const script = 'mount -t tmpfs tmpfs /mnt';
      return spawnSync(command, [...args, 'sh', '-c', script]).status === 0;
    });
  }

  static async make(size) {
    const disk = new SmallDisk();
    const { unshare, enter } = SmallDisk.way;
    disk.mount = makeFolder('disk');
    const script = `mount -t tmpfs -o size=${size} tmpfs "$0" && echo mounted && exec sleep 600`;
    const [command, ...args] = unshare;
    disk.holder = launch(command, [...args, 'sh', '-c', script, disk.mount]);
    await disk.holder.lines.takeThrough((line) => line === 'mounted', 'the mount');
    disk.wrap = ['nsenter', ...enter, '--target', String(disk.holder.pid), '--wd=/', '--'];
    disk.inside = `/proc/${disk.holder.pid}/root${disk.mount}`;
    disk.data = path.join(disk.mount, 'data');
    return disk;
  }

  /** Leaves nothing free, and nobody who would give something back: a spare that finds no place. */
  async fill() {
    const data = path.join(this.inside, 'data');
    await until(async () => filesIn(data, /^spare-\d+$/).length > 0, 'a spare to be whole');
    const ballast = path.join(this.inside, 'ballast');
    for (const bytes of [kMiB, 4096]) {
      for (;;) {
        try {
          writeFileSync(ballast, Buffer.alloc(bytes), { flag: 'a' });
        } catch (error) {
          assert.equal(error.code, 'ENOSPC');
          break;
        }
      }
    }
  }

  free() {
    rmSync(path.join(this.inside, 'ballast'));
  }

  async end() {
    this.holder.child.kill('SIGKILL');
    await this.holder.exited;
    removeFolder(this.mount);
  }
}

describe('a full disk', { skip: SmallDisk.way ? false : 'no mount namespace here' }, () => {
  const kDiskFull = /^error the disk is full: nothing can be written until there is space/;
  let disk;
  beforeEach(async () => {
    disk = await SmallDisk.make('160m');
  });
  afterEach(() => disk.end());

  // Large ones first, then what still finds a place: afterwards there is room for nothing.
  async function writeUntilRefused(client) {
    const acked = [];
    for (const bytes of [kMiB, 16_384, 1]) {
      for (;;) {
        const [key, value] = [`k${acked.length}`, `${acked.length}-${'x'.repeat(bytes)}`];
        const answer = await status(client, `set ${key} ${value}`);
        if (answer !== 'ok') {
          assert.match(answer, kDiskFull);
          break;
        }
        acked.push([key, value]);
      }
    }
    return acked;
  }

  test('refuses writes and nothing else, comes back by itself, and loses nothing', async () => {
    const { data, wrap } = disk;
    let server = await startServer({ data, wrap });
    const db = await createDatabase(server, 'full', { more: ['set first value'] });
    const [client, watcher] = [
      await TcpClient.open(server.tcp, db),
      await TcpClient.open(server.tcp, db),
    ];
    await watcher.expectOk('watch $connections');
    const admin = await openAdmin(server);
    await disk.fill();
    const acked = await writeUntilRefused(client);
    assert.ok(acked.length > 100, `only ${acked.length} writes found their place`);
    for (const line of ['set small 1', 'remove first', 'increment n']) {
      assert.match(await status(client, line), kDiskFull, line);
    }
    assert.match(await status(admin, 'create-db other other'), kDiskFull);
    assert.match(await status(admin, 'drop-db full'), kDiskFull);
    await admin.expectOk('use-db full full');
    assert.match(await status(admin, 'snapshot'), /^error .*No space left/);
    // Reading and pushes go on.
    assert.deepEqual(await client.expectOk('get first'), ['value value']);
    await watcher.inbox.takeThrough((line) => line === 'changed $connections 3', 'a push');
    disk.free();
    await until(async () => (await status(client, 'set small 1')) === 'ok', 'service to return');
    await admin.expectOk('snapshot');
    await client.expectOk('set last value');
    await server.stop('SIGKILL');
    server = await startServer({ data, wrap });
    const reader = await TcpClient.open(server.tcp, db);
    for (const [key, value] of [...acked, ['small', '1'], ['last', 'value'], ['first', 'value']]) {
      assert.deepEqual(await reader.expectOk(`get ${key}`), [`value ${value}`]);
    }
    await reader.close();
    await stopCleanly(server);
  });

  test('kill -9 on a full disk loses nothing, and a start that lacks space says so', async () => {
    const { data, wrap } = disk;
    let server = await startServer({ data, wrap });
    await createDatabase(server, 'full');
    const client = await TcpClient.open(server.tcp, 'full');
    await disk.fill();
    const acked = await writeUntilRefused(client);
    await server.stop('SIGKILL');
    const { code, message } = await refusedStart(data, { wrap });
    assert.equal(code, kExit.fault);
    assert.match(message, /No space left on device/);
    disk.free();
    server = await startServer({ data, wrap });
    const reader = await TcpClient.open(server.tcp, 'full');
    for (const [key, value] of acked) {
      assert.deepEqual(await reader.expectOk(`get ${key}`), [`value ${value}`]);
    }
    await reader.close();
    await stopCleanly(server);
  });
});
