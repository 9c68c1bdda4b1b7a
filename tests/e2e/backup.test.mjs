// Backup, restore and the tools for data folders, as docs/backup.md promises them.
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import {
  createDatabase,
  hostAndPort,
  httpGet,
  httpPost,
  kAdmin,
  nunc,
  openAdmin,
  startServer,
  stopCleanly,
  TcpClient,
  track,
  until,
} from './harness.mjs';

const kExit = { ok: 0, usage: 1, unreachable: 2, cannotBind: 3, fault: 4, damaged: 5 };
const kSegmentHeaderBytes = 128;

const root = mkdtempSync(path.join(os.tmpdir(), 'nunc-backup-'));
after(() => rmSync(root, { recursive: true, force: true }));
let folders = 0;
const newPath = (name) => path.join(root, `${name}-${++folders}`);

/** A server that keeps its data in `folder`. */
async function startIn(folder, args = []) {
  const server = await startServer({ args: ['--data', folder, '--no-demo', ...args] });
  const stop = server.stop;
  server.folder = folder;
  server.stop = async (signal = 'SIGTERM') => {
    const end = await stop(signal);
    if (signal === 'SIGTERM') assert.equal(end.code, 0, end.errors);
    return end;
  };
  return server;
}

const client = (server) => ['-h', `http://${server.http}`, '-u', kAdmin.user, '-p', kAdmin.password];

async function expectRun(args, code = kExit.ok, options = {}) {
  const run = await nunc(args, { ms: 60_000, ...options });
  assert.equal(run.code, code, `${args.join(' ')}: ${run.output}${run.errors}`);
  return run;
}

const segmentsOf = (folder) => readdirSync(folder).filter((name) => /^oplog-\d+$/.test(name)).sort();
const snapshotsOf = (folder) => readdirSync(folder).filter((name) => /^snapshot-\d+$/.test(name));

function flip(file, at) {
  const bytes = readFileSync(file);
  bytes[at] ^= 0x40;
  writeFileSync(file, bytes);
}

/** Where in a segment the records begin, by revision. */
function offsetsOf(file) {
  const bytes = readFileSync(file);
  const offsets = new Map();
  let expected = bytes.readBigUInt64LE(32);
  for (let at = kSegmentHeaderBytes; at + 64 <= bytes.length; ) {
    if (bytes.readBigUInt64LE(at + 24) !== expected) break;
    offsets.set(Number(expected), at);
    expected += 1n;
    at += bytes.readUInt32LE(at);
  }
  return offsets;
}

/** A stopped folder with database `shop` and `count` keys in it. */
async function filledFolder(count = 20) {
  const folder = newPath('data');
  const server = await startIn(folder);
  const sets = Array.from({ length: count }, (_, i) => `set key-${i} value-${i}`);
  await createDatabase(server, 'shop', { more: ['create-user bob secret-word', ...sets] });
  await server.stop();
  return folder;
}

describe('tools for folders', () => {
  test('oplog dump prints records as JSON without secrets, of a segment and of a folder', async () => {
    const folder = await filledFolder(3);
    const segment = path.join(folder, segmentsOf(folder)[0]);
    const whole = await expectRun(['oplog', 'dump', folder]);
    const alone = await expectRun(['oplog', 'dump', segment]);
    assert.equal(alone.output, whole.output);
    const records = whole.output.trim().split('\n').map((line) => JSON.parse(line));
    assert.deepEqual(records.map((record) => record.revision), records.map((_, i) => i + 1));
    assert.ok(records.some((r) => r.key === 'key-1' && r.value === 'value-1' && r.database_name === 'shop'));
    assert.ok(!whole.output.includes('secret-word'), 'tokens are masked');
    await expectRun(['oplog', 'dump', newPath('missing')], kExit.usage);
  });

  test('oplog dump ends at a damaged place and says where', async () => {
    const folder = await filledFolder(10);
    const segment = path.join(folder, segmentsOf(folder)[0]);
    const place = [...offsetsOf(segment).entries()].at(-3);
    flip(segment, place[1] + 70);
    const { output, errors } = await expectRun(['oplog', 'dump', segment], kExit.damaged);
    assert.equal(output.trim().split('\n').length, place[0] - 1);
    assert.ok(errors.includes(`offset ${place[1]}`), errors);
  });

  test('check finds nothing in a whole folder and leaves it as it is', async () => {
    const folder = await filledFolder();
    const before = readdirSync(folder).map((name) => [name, readFileSync(path.join(folder, name))]);
    const { output } = await expectRun(['check', folder]);
    assert.match(output, /^ok {7}meta: durable up to revision \d+/m);
    assert.match(output, /^ok {7}oplog-\d+: revision 1 to \d+$/m);
    assert.match(output, /^whole up to revision \d+ of /m);
    const later = readdirSync(folder).map((name) => [name, readFileSync(path.join(folder, name))]);
    assert.deepEqual(later, before);
  });

  test('check names a damaged meta file, snapshot, segment and index', async () => {
    for (const kind of ['meta', 'snapshot', 'segment', 'index']) {
      const folder = newPath('data');
      const server = await startIn(folder);
      await createDatabase(server, 'shop', { more: ['set a 1', 'snapshot false shop'] });
      await server.stop();
      const names = {
        meta: 'meta',
        snapshot: snapshotsOf(folder)[0],
        segment: segmentsOf(folder)[0],
        index: 'oplog-00000000000000000001.idx',
      };
      const file = path.join(folder, names[kind]);
      if (kind === 'index') writeFileSync(file, 'not an index');
      else if (kind === 'meta') writeFileSync(file, Buffer.alloc(8192));
      else flip(file, kind === 'segment' ? kSegmentHeaderBytes + 70 : 60);
      const { output, errors } = await expectRun(['check', folder], kExit.damaged);
      assert.match(output, new RegExp(`^damaged  .*${names[kind]}`, 'm'), kind);
      assert.match(errors, /damaged, see above/);
    }
  });

  test('check and repair refuse the folder of a running server', async () => {
    const server = await startIn(newPath('data'));
    for (const args of [['check'], ['repair', '--keep-prefix', '--yes']]) {
      const { errors } = await expectRun([...args, server.folder], kExit.cannotBind);
      assert.match(errors, new RegExp(`in use by process ${server.pid}`));
    }
    await server.stop();
  });

  test('repair has nothing to do in a whole folder', async () => {
    const folder = await filledFolder();
    const { output } = await expectRun(['repair', '--keep-prefix', folder]);
    assert.match(output, /is whole/);
    assert.ok(!readdirSync(folder).some((name) => name.startsWith('repair-')));
  });

  test('repair keeps the prefix of a damaged log, and a start serves it', async () => {
    const folder = await filledFolder(20);
    const segment = path.join(folder, segmentsOf(folder)[0]);
    const at = readFileSync(segment).indexOf('key-7value-7');
    flip(segment, at + 8);
    const refused = await nunc(['start', '--data', folder, '-w', '127.0.0.1:0', '-h', '127.0.0.1:0', '-t', '127.0.0.1:0']);
    assert.equal(refused.code, kExit.damaged);
    assert.match(refused.errors, /repair --keep-prefix/);

    const asked = await expectRun(['repair', '--keep-prefix', folder], kExit.usage);
    assert.match(asked.output, /^kept: everything up to revision \d+ of /m);
    assert.match(asked.output, /^given up: at least \d+ records, from revision \d+/m);
    assert.match(asked.errors, /--yes/);

    const { output } = await expectRun(['repair', '--keep-prefix', '--yes', folder]);
    const [, aside] = /^put aside: (repair-\d+-oplog-\d+)$/m.exec(output);
    assert.ok(existsSync(path.join(folder, aside)));
    const server = await startIn(folder);
    const admin = await openAdmin(server, 'shop');
    assert.deepEqual(await admin.expectOk('get key-6'), ['value value-6']);
    assert.deepEqual(await admin.expectOk('get key-7'), ['value <Empty>']);
    await admin.expectOk('set key-8 again');
    await admin.close();
    await server.stop();
    await expectRun(['check', folder]);
  });

  test('repair goes back to an older snapshot, or to a snapshot without its log', async () => {
    const folder = newPath('data');
    const server = await startIn(folder);
    await createDatabase(server, 'shop', { more: ['set a 1', 'snapshot false shop', 'set a 2'] });
    await server.stop();
    const [first] = snapshotsOf(folder);
    flip(path.join(folder, segmentsOf(folder)[0]), 100); // its header: nothing of it can be read
    await expectRun(['repair', '--keep-prefix', '--yes', folder]);
    assert.deepEqual(snapshotsOf(folder), [first]);
    const again = await startIn(folder);
    const admin = await openAdmin(again, 'shop');
    assert.deepEqual(await admin.expectOk('get a'), ['value 1']);
    await admin.close();
    await again.stop();
  });

  test('repair refuses where nothing is whole', async () => {
    const folder = await filledFolder();
    flip(path.join(folder, segmentsOf(folder)[0]), 100);
    const { errors } = await expectRun(['repair', '--keep-prefix', '--yes', folder], kExit.damaged);
    assert.match(errors, /nothing can be kept/);
  });
});

describe('the op log of a running server', () => {
  test('info, since and clean print plain lines', async () => {
    const server = await startIn(newPath('data'));
    await createDatabase(server, 'shop', { more: ['set a 1', 'set b 2'] });
    const info = await expectRun(['oplog', 'info', ...client(server)]);
    assert.match(info.output, /^segments: 1\n/);
    const since = await expectRun(['oplog', 'since', '1', 'shop', 'a', ...client(server)]);
    assert.deepEqual(since.output.trim().split('\n').map((line) => JSON.parse(line).value), ['1']);
    const clean = await expectRun(['oplog', 'clean', 'keep', '1GiB', ...client(server)]);
    assert.match(clean.output, /^freed_bytes: 0\n/);
    const wrong = await expectRun(['oplog', 'since', 'yesterday', ...client(server)], kExit.unreachable);
    assert.match(wrong.errors, /refused/);
    const stranger = ['-h', `http://${server.http}`, '-u', 'admin', '-p', 'wrong'];
    await expectRun(['oplog', 'info', ...stranger], kExit.unreachable);
    await server.stop();
  });

  test('create-db takes a level, drop-db removes the database', async () => {
    const server = await startIn(newPath('data'));
    const created = ['create-db', '-d', 'box', '-t', 'box', '--ack', 'disk', ...client(server)];
    await expectRun(created);
    const dump = await expectRun(['oplog', 'since', '1', ...client(server)]);
    assert.match(dump.output, /"name":"box".*"ack":"disk"/);
    await expectRun(['drop-db', '-d', 'box', ...client(server)]);
    const { body } = await httpPost(server.http, 'use-db box box');
    assert.match(body, /Not a valid database name/);
    await server.stop();
  });
});

// ---- backup and restore

const basic = (user, password) => ({
  Authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
});
const kBasic = basic(kAdmin.user, kAdmin.password);
const backupArgs = (server, file, ...more) => ['backup', file, ...more, ...client(server)];

/** All keys and versions of a database, as an admin sees them. */
async function contentOf(server, name, token = name) {
  const admin = await TcpClient.open(server.tcp);
  await admin.expectOk(`auth ${kAdmin.user} ${kAdmin.password}`);
  await admin.expectOk(`use-db ${name} ${token}`);
  const [line] = await admin.expectOk('keys');
  const keys = line.replace(/^keys ,?/, '').split(',');
  const content = {};
  for (const key of keys.filter((key) => key !== '$connections')) {
    [content[key]] = await admin.expectOk(`get-safe ${key}`);
  }
  await admin.close();
  return content;
}

/** Database `shop` with a user, permissions, removed keys, a large value and an open conflict. */
async function fillShop(server, valueBytes = 1 << 20) {
  await createDatabase(server, 'shop', {
    strategy: 'arbiter',
    more: [
      'create-user bob bobs-token',
      'set-permissions bob rw key*',
      ...Array.from({ length: 50 }, (_, i) => `set key-${i} value-${i}`),
      'set key-3 again',
      'remove key-4',
      `set large ${'x'.repeat(valueBytes)}`,
    ],
  });
  const arbiter = await openAdmin(server, 'shop');
  await arbiter.expectOk('arbiter');
  await arbiter.expectOk('set-safe key-5 5 five');
  arbiter.send('set-safe key-5 1 conflicting\n');
  await until(async () => {
    const other = await openAdmin(server, 'shop');
    const [line] = await other.expectOk('keys $conflicts_');
    await other.close();
    return line.includes('$conflicts_key-5');
  }, 'the conflict to be queued');
  await arbiter.close();
}

describe('backup and restore', () => {
  test('a backup brings everything back into an empty folder, as a new history', async () => {
    const server = await startIn(newPath('data'));
    await fillShop(server);
    await createDatabase(server, 'other', { more: ['set a 1'] });
    const before = await contentOf(server, 'shop');
    const file = newPath('backup');
    const made = await expectRun(backupArgs(server, file));
    assert.match(made.output, /^backup .*: 3 databases, \d+ entries/);
    assert.ok(!existsSync(`${file}.tmp`));
    await server.stop();

    const folder = newPath('restored');
    await expectRun(['restore', file, '--data', folder]);
    await expectRun(['check', folder]);
    const again = await startIn(folder);
    assert.deepEqual(await contentOf(again, 'shop'), before);
    assert.deepEqual(Object.keys(await contentOf(again, 'other')).sort(), ['$$token', 'a']);
    const bob = await TcpClient.open(again.tcp);
    await bob.expectOk('use-db shop bob bobs-token');
    assert.deepEqual(await bob.expectOk('get key-3'), ['value again']);
    await bob.close();
    const admin = await openAdmin(again, 'shop');
    const conflicts = await admin.expectOk('debug pending-conflicts');
    assert.ok(conflicts.some((line) => line.includes('conflicting')), conflicts.join('\n'));
    await admin.close();
    const { body } = await httpPost(
      again.http,
      `auth ${kAdmin.user} ${kAdmin.password}; create-db new new`,
    );
    assert.match(body, /create-db success/);
    await again.stop();

    const meta = (name) => readFileSync(path.join(name, 'meta'));
    assert.notDeepEqual(meta(folder).subarray(24, 40), meta(server.folder).subarray(24, 40));
  });

  test('a backup is of one revision while writers go on', async () => {
    const server = await startIn(newPath('data'));
    await createDatabase(server, 'pairs');
    const filler = 'y'.repeat(64 << 10);
    const fill = Array.from({ length: 60 }, (_, i) => `set fill-${i} ${filler}${i}`);
    await httpPost(server.http, ['use-db pairs pairs', ...fill].join(';'));
    const writer = await TcpClient.open(server.tcp, 'pairs');
    let on = true;
    const writing = (async () => {
      // In every state `first` is `second`, or one ahead.
      for (let i = 0; on; ++i) {
        await writer.expectOk(`set first ${i}`);
        await writer.expectOk(`set second ${i}`);
      }
    })();
    const files = [newPath('backup'), newPath('backup'), newPath('backup')];
    for (const file of files) await expectRun(backupArgs(server, file));
    on = false;
    await writing;
    await writer.close();
    await server.stop();
    for (const file of files) {
      const folder = newPath('restored');
      await expectRun(['restore', file, '--data', folder]);
      const again = await startIn(folder);
      const content = await contentOf(again, 'pairs');
      const number = (key) => Number(content[key]?.split(' ').at(-1) ?? -1);
      assert.ok([0, 1].includes(number('first') - number('second')), JSON.stringify(number('first')));
      await again.stop();
    }
  });

  test('one database is backed up alone, and restored under another name', async () => {
    const server = await startIn(newPath('data'));
    await fillShop(server, 8 << 20);
    await createDatabase(server, 'other', { more: ['set a 1'] });
    const before = await contentOf(server, 'shop');
    const file = newPath('backup');
    await expectRun(backupArgs(server, file, '--db', 'shop'));
    await expectRun(['restore', file, '--db', 'shop', '--as', 'copy', ...client(server)]);
    assert.deepEqual(await contentOf(server, 'copy', 'shop'), before);
    const admin = await TcpClient.open(server.tcp);
    await admin.expectOk(`auth ${kAdmin.user} ${kAdmin.password}`);
    await admin.expectOk('use-db copy shop');
    const conflicts = await admin.expectOk('debug pending-conflicts');
    assert.ok(conflicts.some((line) => line.includes('conflicting')));
    await admin.close();
    const taken = await expectRun(
      ['restore', file, '--db', 'shop', ...client(server)],
      kExit.unreachable,
    );
    assert.match(taken.errors, /already exists/);
    assert.deepEqual(await contentOf(server, 'shop'), before, 'what was there is untouched');
    const missing = await expectRun(
      ['restore', file, '--db', 'other', '--as', 'x', ...client(server)],
      kExit.usage,
    );
    assert.match(missing.errors, /no database other/);
    await server.stop('SIGKILL');

    const again = await startIn(server.folder);
    assert.deepEqual(await contentOf(again, 'copy', 'shop'), before, 'after a restart too');
    await again.stop();
  });

  test('a restore that fails takes the database away again', async () => {
    const server = await startIn(newPath('data'));
    await fillShop(server, 4 << 20);
    const file = newPath('backup');
    await expectRun(backupArgs(server, file));
    await server.stop();
    const small = await startIn(newPath('data'), ['--value-bytes-max', String(1 << 20)]);
    const run = await expectRun(['restore', file, '--db', 'shop', ...client(small)], kExit.unreachable);
    assert.match(run.errors, /was removed again/);
    const { body } = await httpPost(small.http, 'use-db shop shop');
    assert.match(body, /Not a valid database name/);
    await small.stop();
  });

  test('what is there is not overwritten, and what is not whole is refused', async () => {
    const server = await startIn(newPath('data'));
    await fillShop(server);
    const file = newPath('backup');
    await expectRun(backupArgs(server, file));
    const first = readFileSync(file);
    const refused = await expectRun(backupArgs(server, file), kExit.usage);
    assert.match(refused.errors, /--force/);
    assert.deepEqual(readFileSync(file), first);
    await expectRun(backupArgs(server, file, '--force'));
    const full = newPath('full');
    mkdirSync(full);
    writeFileSync(path.join(full, 'mine'), 'text');
    const busy = await expectRun(['restore', file, '--data', full], kExit.usage);
    assert.match(busy.errors, /is not empty/);
    assert.deepEqual(readdirSync(full).filter((name) => name !== 'LOCK'), ['mine']);
    for (const [name, bytes] of [
      ['cut', first.subarray(0, first.length - 1)],
      ['flipped', Buffer.from(first).fill(first[200] ^ 1, 200, 201)],
    ]) {
      const bad = newPath(name);
      writeFileSync(bad, bytes);
      const target = newPath('never');
      await expectRun(['restore', bad, '--data', target], kExit.damaged);
      assert.ok(!existsSync(target), 'nothing was made');
      await expectRun(['restore', bad, '--db', 'shop', '--as', 'x', ...client(server)], kExit.damaged);
    }
    writeFileSync(path.join(root, 'text'), 'not a backup, but longer than its head would be');
    await expectRun(['restore', path.join(root, 'text'), '--data', newPath('never')], kExit.usage);
    await server.stop();
  });

  test('only the admin gets a backup or restores, and the log says nothing secret', async () => {
    const server = await startIn(newPath('data'), ['--log-level', 'trace']);
    for (const headers of [{}, basic('admin', 'wrong'), { Authorization: 'Basic ###' }]) {
      const got = await httpGet(server.http, '/v1/backup', { headers });
      assert.equal(got.status, 401);
      assert.equal(got.headers['www-authenticate'], 'Basic realm="nunc"');
      const sent = await httpPost(server.http, 'x', { headers, path: '/v1/import?db=a' });
      assert.equal(sent.status, 401);
    }
    const unknown = await httpGet(server.http, '/v1/backup?db=nobody', { headers: kBasic });
    assert.equal(unknown.status, 404);
    const garbage = await httpPost(server.http, 'garbage', {
      headers: kBasic,
      path: '/v1/import?db=a',
    });
    assert.match(garbage.body, /no part of a backup/);
    const { errors } = await server.stop();
    assert.ok(!errors.includes(kAdmin.password) && !errors.includes(kBasic.Authorization.slice(6)));
  });

  test('a server without a log has no backup', async () => {
    const any = '127.0.0.1:0';
    const server = await startServer();
    const file = newPath('backup');
    const { errors } = await expectRun(backupArgs(server, file), kExit.unreachable);
    assert.match(errors, /--memory/);
    assert.ok(!existsSync(file) && !existsSync(`${file}.tmp`));
    await stopCleanly(server);
  });

  test('a client that does not read, or vanishes, costs the server nothing lasting', async () => {
    const server = await startIn(newPath('data'));
    await createDatabase(server, 'big');
    for (let round = 0; round < 8; ++round) {
      // Not to be compressed away.
      const value = Buffer.from(
        Uint8Array.from({ length: 3 << 20 }, () => Math.random() * 256),
      ).toString('base64');
      await httpPost(server.http, `use-db big big; set key-${round} ${value}`);
    }
    const idle = net.connect(hostAndPort(server.http));
    track(idle);
    idle.on('error', () => {});
    idle.pause();
    const credentials = `Authorization: ${kBasic.Authorization}`;
    idle.write(`GET /v1/backup HTTP/1.1\r\nHost: x\r\n${credentials}\r\n\r\n`);
    await until(() => server.errors.includes('backup begun'), 'the backup to begin');
    const second = await httpGet(server.http, '/v1/backup', { headers: kBasic });
    assert.equal(second.status, 503);
    const admin = await openAdmin(server, 'big');
    await admin.expectOk('set small 1');
    await admin.close();
    idle.destroy();
    const file = newPath('backup');
    await until(async () => (await nunc(backupArgs(server, file))).code === 0, 'the next backup');
    await server.stop();
  });
});
