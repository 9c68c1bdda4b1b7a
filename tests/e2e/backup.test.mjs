// Backup and restore, as docs/backup.md promises them.
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import {
  createDatabase,
  hostAndPort,
  httpGet,
  httpPost,
  kAdmin,
  kBinary,
  kExit,
  kMeasuredMemory,
  launch,
  makeFolder,
  memoryFactor,
  nunc,
  openAdmin,
  residentBytes,
  startServer,
  stopCleanly,
  TcpClient,
  track,
  until,
  within,
} from './harness.mjs';

const kAuth = `auth ${kAdmin.user} ${kAdmin.password}`;

const root = makeFolder('backup');
let names = 0;
const newPath = (name) => path.join(root, `${name}-${++names}`);

const servers = new Set();
async function startIn(data = newPath('data'), args = [], env = {}) {
  const server = await startServer({ data, args: ['--no-demo', ...args], env });
  server.data = data;
  servers.add(server);
  return server;
}
async function stop(server) {
  servers.delete(server);
  await stopCleanly(server);
}
async function kill(server) {
  servers.delete(server);
  await server.stop('SIGKILL');
}
after(async () => {
  for (const server of servers) await server.stop('SIGKILL');
});

const kUser = ['-u', kAdmin.user, '-p', kAdmin.password];
const client = (server) => ['-h', `http://${server.http}`, ...kUser];
const backup = (server, file, ...more) => ['backup', file, ...more, ...client(server)];
const restore = (server, file, ...more) => ['restore', file, ...more, ...client(server)];
const basic = (user, password) => ({
  Authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
});
const kBasic = basic(kAdmin.user, kAdmin.password);
const kBlock = { ...kBasic, 'Content-Type': 'application/octet-stream' };

async function expectRun(args, code = kExit.ok, options = {}) {
  const run = await nunc(args, { ms: 60_000, ...options });
  assert.equal(run.code, code, `${args.join(' ')}: ${run.output}${run.errors}`);
  return run;
}

/** All keys with values and versions of a database, as an admin sees them. */
async function contentOf(server, name, token = name) {
  const admin = await TcpClient.open(server.tcp);
  await admin.expectOk(kAuth);
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

const pendingConflicts = async (server, name, token) => {
  const admin = await TcpClient.open(server.tcp);
  await admin.expectOk(kAuth);
  await admin.expectOk(`use-db ${name} ${token}`);
  const lines = await admin.expectOk('debug pending-conflicts');
  await admin.close();
  return lines.join('\n');
};

const noise = (bytes) =>
  Buffer.from(Uint8Array.from({ length: bytes }, () => Math.random() * 256)).toString('base64');

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

/** Database `big`, of values that do not compress. */
async function fillBig(server, values = 8, bytes = 3 << 20) {
  await createDatabase(server, 'big');
  const value = noise(bytes);
  for (let i = 0; i < values; ++i) {
    await httpPost(server.http, `use-db big big; set key-${i} ${value}`);
  }
}

/** A backup whose bytes nobody reads; resolves once the server has begun it. */
async function stalledBackup(server) {
  const socket = net.connect(hostAndPort(server.http));
  track(socket);
  socket.on('error', () => {});
  socket.pause();
  const begun = server.errors.split('backup begun').length;
  socket.write(
    `GET /v1/backup HTTP/1.1\r\nHost: x\r\nAuthorization: ${kBasic.Authorization}\r\n\r\n`,
  );
  await until(
    () => server.errors.split('backup begun').length > begun,
    'the backup to begin',
  );
  return socket;
}

/** A door to `address` that lets so many bytes through in a direction and then holds the rest. */
async function narrowDoor(address, { up = Infinity, down = Infinity }) {
  const door = { held: null };
  let hold;
  door.held = new Promise((resolve) => (hold = resolve));
  const pipe = (from, to, most) => {
    let passed = 0;
    from.on('data', (bytes) => {
      to.write(bytes);
      passed += bytes.length;
      if (passed > most) {
        from.pause();
        hold();
      }
    });
    from.on('close', () => to.destroy());
    from.on('error', () => to.destroy());
  };
  const listener = net.createServer((near) => {
    const far = net.connect(hostAndPort(address));
    for (const socket of [near, far]) track(socket);
    pipe(near, far, up);
    pipe(far, near, down);
    door.cut = () => near.destroy();
  });
  await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve));
  listener.unref();
  door.http = `127.0.0.1:${listener.address().port}`;
  return door;
}

describe('backup and restore of everything', () => {
  test('everything comes back in an empty folder, as a new history', async () => {
    const server = await startIn();
    await fillShop(server);
    const other = ['create-db other other newer ack disk', 'use-db other other', 'set a 1'];
    await httpPost(server.http, [kAuth, ...other].join(';'));
    const before = await contentOf(server, 'shop');
    const file = newPath('backup');
    const made = await expectRun(backup(server, file));
    assert.match(made.output, /^backup .*: 3 databases, \d+ entries/);
    assert.equal(made.output.trim().split('\n').length, 1);
    assert.equal(made.errors, '', 'no progress where nobody looks');
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.ok(!existsSync(`${file}.tmp`));
    await stop(server);

    const folder = newPath('restored');
    await expectRun(['restore', file, '--data', folder]);
    await expectRun(['check', folder]);
    const meta = (name) => readFileSync(path.join(name, 'meta'));
    assert.notDeepEqual(meta(folder).subarray(24, 40), meta(server.data).subarray(24, 40));
    const again = await startIn(folder);
    assert.deepEqual(await contentOf(again, 'shop'), before);
    const bob = await TcpClient.open(again.tcp);
    await bob.expectOk('use-db shop bob bobs-token');
    assert.deepEqual(await bob.expectOk('get key-3'), ['value again']);
    assert.match((await bob.command('get large')).at(-1), /permission denied|^ $/);
    await bob.close();
    assert.match(await pendingConflicts(again, 'shop', 'shop'), /conflicting/);
    const listed = await httpPost(again.http, `${kAuth}; debug list-dbs`);
    assert.match(listed.body, /other.*newer/s);
    const { body } = await httpPost(again.http, `${kAuth}; create-db new new`);
    assert.match(body, /create-db success/);
    await stop(again);
    // A restart keeps what came back and what came after it.
    const third = await startIn(folder);
    assert.deepEqual(await contentOf(third, 'shop'), before);
    await contentOf(third, 'new');
    await stop(third);
  });

  test('a backup is of one revision while writers go on', async () => {
    const server = await startIn();
    await createDatabase(server, 'pairs');
    const filler = 'y'.repeat(64 << 10);
    const fill = Array.from({ length: 60 }, (_, i) => `set fill-${i} ${filler}${i}`);
    await httpPost(server.http, ['use-db pairs pairs', ...fill].join(';'));
    let on = true;
    const writing = [1, 2].map(async (number) => {
      // In every state `first` is `second`, or one ahead.
      const writer = await TcpClient.open(server.tcp, 'pairs');
      for (let i = 0; on; ++i) {
        await writer.expectOk(`set first${number} ${i}`);
        await writer.expectOk(`set second${number} ${i}`);
      }
      await writer.close();
    });
    const files = [newPath('backup'), newPath('backup'), newPath('backup')];
    const records = [];
    for (const file of files) {
      const { output } = await expectRun(backup(server, file));
      records.push(Number(/ and (\d+) records/.exec(output)[1]));
    }
    on = false;
    await Promise.all(writing);
    await stop(server);
    assert.ok(records.some((count) => count > 0), `something came between: ${records}`);
    for (const file of files) {
      const folder = newPath('restored');
      await expectRun(['restore', file], kExit.ok, { env: { NUNC_DATA: folder } });
      const again = await startIn(folder);
      const content = await contentOf(again, 'pairs');
      const value = (key) => Number(content[key]?.split(' ').at(-1) ?? -1);
      for (const number of [1, 2]) {
        const ahead = value(`first${number}`) - value(`second${number}`);
        assert.ok([0, 1].includes(ahead), `${ahead}`);
      }
      await stop(again);
    }
  });

  test('no file is overwritten, and a folder with anything in it is refused', async () => {
    const server = await startIn();
    await createDatabase(server, 'shop');
    const file = newPath('backup');
    await expectRun(backup(server, file));
    const first = readFileSync(file);
    const refused = await expectRun(backup(server, file), kExit.usage);
    assert.match(refused.errors, /^nunc: .*--force/);
    assert.deepEqual(readFileSync(file), first);
    await expectRun(backup(server, file, '--force'));
    const full = newPath('full');
    mkdirSync(full);
    writeFileSync(path.join(full, 'mine'), 'text');
    const busy = await expectRun(['restore', file, '--data', full], kExit.usage);
    assert.match(busy.errors, /full-\d+ is not empty: it holds mine; nothing was changed/);
    assert.deepEqual(readdirSync(full), ['mine']);
    await expectRun(['restore', file, '--data', server.data], kExit.usage);
    await stop(server);
  });

  test('the op log may be in a folder of its own', async () => {
    const server = await startIn();
    await createDatabase(server, 'shop', { more: ['set a 1'] });
    const file = newPath('backup');
    await expectRun(backup(server, file));
    await stop(server);
    const [data, oplog] = [newPath('data'), newPath('oplog')];
    await expectRun(['restore', file, '--data', data, '--oplog-dir', oplog]);
    const again = await startIn(data, ['--oplog-dir', oplog]);
    assert.equal((await contentOf(again, 'shop')).a, 'value-version 0 1');
    await stop(again);
  });

  test('a file that is cut or changed is refused, and the folder stays as it was', async () => {
    const server = await startIn();
    await fillShop(server);
    const file = newPath('backup');
    await expectRun(backup(server, file));
    const whole = readFileSync(file);
    for (const [name, bytes, what] of [
      ['cut', whole.subarray(0, whole.length - 1), /not whole: it ends after \d+ bytes/],
      ['headless', whole.subarray(0, 20), /not whole: it ends after 20 bytes/],
      ['empty', whole.subarray(0, 0), /its head at offset 0/],
      ['flipped', Buffer.from(whole).fill(whole[300] ^ 1, 300, 301), /block 0 at offset \d+: /],
      ['longer', Buffer.concat([whole, Buffer.from('x')]), /bytes follow its end, at offset/],
    ]) {
      const bad = newPath(name);
      writeFileSync(bad, bytes);
      const target = newPath('target');
      const { errors } = await expectRun(['restore', bad, '--data', target], kExit.damaged);
      assert.match(errors, what);
      assert.ok(errors.includes(bad), errors);
      assert.ok(!existsSync(target), 'what was not there is not there');
      mkdirSync(target);
      await expectRun(['restore', bad, '--data', target], kExit.damaged);
      assert.deepEqual(readdirSync(target), []);
      await expectRun(restore(server, bad, '--db', 'shop', '--as', 'x'), kExit.damaged);
    }
    const snapshot = newPath('data');
    const other = await startIn(snapshot);
    await httpPost(other.http, `${kAuth}; snapshot false $admin`);
    await stop(other);
    const [name] = readdirSync(snapshot).filter((entry) => entry.startsWith('snapshot-'));
    const { errors } = await expectRun(
      ['restore', path.join(snapshot, name), '--data', newPath('never')],
      kExit.usage,
    );
    assert.match(errors, /not a backup/);
    const missing = ['restore', newPath('missing'), '--data', newPath('never')];
    await expectRun(missing, kExit.usage);
    assert.match((await httpPost(server.http, 'use-db x x')).body, /Not a valid database name/);
    await stop(server);
  });
});

describe('one database', () => {
  test('is backed up alone and restored under another name', async () => {
    const server = await startIn();
    await fillShop(server, 8 << 20);
    await createDatabase(server, 'other', { more: ['set a 1'] });
    const before = await contentOf(server, 'shop');
    const file = newPath('backup');
    await expectRun(backup(server, file, '--db', 'shop'));
    const watcher = await TcpClient.open(server.tcp);
    const run = await expectRun(restore(server, file, '--db', 'shop', '--as', 'copy'));
    assert.match(run.output, /^restored shop as copy: \d+ entries, as of revision \d+\n$/);
    assert.equal(run.errors, '');
    const copied = await contentOf(server, 'copy', 'shop');
    // What arbiters are told names the database that they are to answer for.
    for (const key of Object.keys(before).filter((name) => name.startsWith('$conflicts_'))) {
      assert.match(copied[key], /resolve \d+ copy /);
      copied[key] = copied[key].replace(/(resolve \d+) copy /, '$1 shop ');
    }
    assert.deepEqual(copied, before);
    assert.match(await pendingConflicts(server, 'copy', 'shop'), /conflicting/);
    await watcher.expectOk('use-db copy bob bobs-token');
    await watcher.expectOk('watch key-7');
    await httpPost(server.http, 'use-db copy shop; set key-7 new');
    assert.match(await watcher.inbox.next('the change'), /^changed key-7 new/);
    await watcher.close();

    // An admin decides in the copy, and the original still waits.
    const [, id] = /resolve (\d+) copy/.exec(await pendingConflicts(server, 'copy', 'shop'));
    await httpPost(server.http, `${kAuth}; use-db copy shop; resolve ${id} copy key-5 6 decided`);
    assert.doesNotMatch(await pendingConflicts(server, 'copy', 'shop'), /conflicting/);
    assert.match(await pendingConflicts(server, 'shop', 'shop'), /conflicting/);

    const taken = await expectRun(restore(server, file, '--db', 'shop'), kExit.unreachable);
    assert.match(taken.errors, /already exists/);
    assert.deepEqual(await contentOf(server, 'shop'), before, 'what was there is untouched');
    const missing = await expectRun(
      restore(server, file, '--db', 'other', '--as', 'x'),
      kExit.usage,
    );
    assert.match(missing.errors, /no database other/);
    const after = await contentOf(server, 'copy', 'shop');
    await kill(server);
    const again = await startIn(server.data);
    assert.deepEqual(await contentOf(again, 'copy', 'shop'), after, 'after a kill too');
    await stop(again);
  });

  test('comes out of a backup of everything, and into another server', async () => {
    const server = await startIn();
    await fillShop(server);
    await createDatabase(server, 'other', { more: ['set a 1', 'set a 2'] });
    const file = newPath('backup');
    await expectRun(backup(server, file));
    await stop(server);
    const target = await startIn();
    await expectRun(restore(target, file, '--db', 'other'));
    assert.equal((await contentOf(target, 'other')).a, 'value-version 1 2');
    const admin = await expectRun(restore(target, file, '--db', '$admin'), kExit.usage);
    assert.match(admin.errors, /\$admin comes back with all others/);
    const ofAdmin = backup(target, newPath('backup'), '--db', '$admin');
    const alone = await expectRun(ofAdmin, kExit.unreachable);
    assert.match(alone.errors, /\$admin is in a backup of everything/);
    await stop(target);
  });

  test('that the server refuses in the middle is taken away again', async () => {
    const server = await startIn();
    await fillShop(server, 4 << 20);
    const file = newPath('backup');
    await expectRun(backup(server, file));
    await stop(server);
    const small = await startIn(newPath('data'), ['--value-bytes-max', String(1 << 20)]);
    const run = await expectRun(restore(small, file, '--db', 'shop'), kExit.unreachable);
    assert.match(run.errors, /the database shop was removed again/);
    const { body } = await httpPost(small.http, 'use-db shop shop');
    assert.match(body, /Not a valid database name/);
    await stop(small);
  });

  test('that a kill of the server cut short opens for nobody, and is restored anew', async () => {
    const server = await startIn();
    await createDatabase(server, 'shop', {
      more: Array.from({ length: 9000 }, (_, i) => `set key-${i} ${'v'.repeat(200)}${i}`),
    });
    const file = newPath('backup');
    await expectRun(backup(server, file));
    await stop(server);
    const target = await startIn();
    const door = await narrowDoor(target.http, { up: 500_000 });
    const importing = launch(kBinary, restore(door, file, '--db', 'shop'));
    importing.child.stdin.end();
    await within(door.held, 'the middle of the import');
    await kill(target);
    door.cut();
    const { code, errors } = await within(importing.exited, 'the end of the restore');
    assert.equal(code, kExit.unreachable, errors);
    assert.match(errors, /opens for nobody/);

    const again = await startIn(target.data);
    const { body } = await httpPost(again.http, 'use-db shop shop; set x 1');
    assert.match(body, /^the database shop is not restored to its end/);
    await expectRun(restore(again, file, '--db', 'shop'));
    const content = await contentOf(again, 'shop');
    assert.equal(Object.keys(content).filter((key) => key.startsWith('key-')).length, 9000);
    assert.equal(content['key-8999'], `value-version 0 ${'v'.repeat(200)}8999`);
    // Once it is whole it is not replaced.
    await expectRun(restore(again, file, '--db', 'shop'), kExit.unreachable);
    await stop(again);
  });
});

describe('the server that is backed up', () => {
  test('gives a backup to the admin alone, and its log says nothing secret', async () => {
    const server = await startIn(newPath('data'), ['--log-level', 'trace']);
    for (const headers of [{}, basic('admin', 'wrong'), { Authorization: 'Basic ###' }]) {
      const got = await httpGet(server.http, '/v1/backup', { headers });
      assert.equal(got.status, 401);
      assert.equal(got.headers['www-authenticate'], 'Basic realm="nunc"');
      const sent = await httpPost(server.http, 'x', { headers, path: '/v1/import?db=a' });
      assert.equal(sent.status, 401);
    }
    const wrong = ['backup', newPath('backup'), '-h', `http://${server.http}`, '-p', 'wrong'];
    const refused = await expectRun(wrong, kExit.unreachable);
    assert.match(refused.errors, /status 401: user or password of the admin is wrong/);
    assert.deepEqual(readdirSync(root).filter((name) => name.endsWith('.tmp')), []);
    // From the environment too, as all client commands.
    const env = { NUNC_USER: kAdmin.user, NUNC_PWD: kAdmin.password };
    const known = ['backup', newPath('backup'), '-h', `http://${server.http}`];
    await expectRun(known, kExit.ok, { env });
    const unknown = await expectRun(
      backup(server, newPath('backup'), '--db', 'nobody'),
      kExit.unreachable,
    );
    assert.match(unknown.errors, /there is no database of that name/);
    const { errors } = await server.stop();
    servers.delete(server);
    assert.ok(!errors.includes(kAdmin.password) && !errors.includes(kBasic.Authorization.slice(6)));
  });

  test('refuses parts of a restore that are none', async () => {
    const server = await startIn();
    await createDatabase(server, 'shop');
    const send = (query, body, headers = kBlock) =>
      httpPost(server.http, body, { headers, path: `/v1/import?${query}` });
    assert.equal((await send('db=a', 'garbage')).status, 409);
    assert.match((await send('db=a', 'garbage')).body, /no part of a backup/);
    assert.equal((await send('db=a', '')).status, 409, 'nothing to be given up');
    assert.equal((await send('db=shop&id=2', '')).status, 409, 'it is whole');
    assert.equal((await send('db=a', 'x', kBasic)).status, 415);
    assert.equal((await httpGet(server.http, '/v1/import?db=a', { headers: kBasic })).status, 404);
    await contentOf(server, 'shop');
    await stop(server);
  });

  test('has no backup without a log', async () => {
    const doors = ['-w', '-h', '-t'].flatMap((flag) => [flag, '127.0.0.1:0']);
    const memory = launch(kBinary, ['start', '--memory', ...doors]);
    const said = await memory.lines.takeThrough((line) => line.startsWith('nunc ready'), 'ready');
    const http = said.find((line) => line.startsWith('nunc http ')).slice(10);
    const file = newPath('backup');
    const { errors } = await expectRun(backup({ http }, file), kExit.unreachable);
    assert.match(errors, /--memory/);
    assert.ok(!existsSync(file) && !existsSync(`${file}.tmp`));
    // A restore needs none.
    const server = await startIn();
    await createDatabase(server, 'shop', { more: ['set a 1'] });
    await expectRun(backup(server, file));
    await expectRun(restore({ http }, file, '--db', 'shop'));
    const answer = await httpPost(http, 'use-db shop shop; get a');
    assert.match(answer.body, /value 1/);
    await stop(server);
    memory.child.kill('SIGTERM');
    await within(memory.exited, 'the server to end');
  });

  test('makes one at a time, and who vanishes or does not read costs nothing lasting', async () => {
    const idleTime = ['--http-idle-timeout-ms', '1500'];
    const server = await startIn(newPath('data'), idleTime, kMeasuredMemory);
    // More than the blocks that are ready and the sockets may hold.
    await fillBig(server, 24, 1 << 20);
    const resident = residentBytes(server.pid);
    const idle = await stalledBackup(server);
    const second = await expectRun(backup(server, newPath('backup')), kExit.unreachable);
    assert.match(second.errors, /status 503: another backup is being sent/);
    const admin = await openAdmin(server, 'big');
    await admin.expectOk('set small 1');
    await admin.close();
    const grown = residentBytes(server.pid) - resident;
    assert.ok(grown < (16 << 20) * memoryFactor(server.pid), 'what is not read is not made');
    // Given up after the idle time, however patient the client.
    const reason = 'backup not sent: it is not being taken';
    await until(() => server.errors.includes(reason), 'giving up');
    await expectRun(backup(server, newPath('backup')));
    idle.destroy();

    const gone = await stalledBackup(server);
    gone.destroy();
    await until(
      async () => (await nunc(backup(server, newPath('backup')))).code === 0,
      'the next backup',
    );
    // Neither keeps the server from stopping.
    await stalledBackup(server);
    await stop(server);
  });

  test('that is killed in the middle leaves no file', async () => {
    const server = await startIn();
    await fillBig(server, 10);
    const file = newPath('backup');
    const door = await narrowDoor(server.http, { down: 500_000 });
    const run = launch(kBinary, backup(door, file));
    run.child.stdin.end();
    await within(door.held, 'the middle of the backup');
    await until(() => existsSync(`${file}.tmp`), 'the first bytes');
    await kill(server);
    door.cut();
    const { code, errors } = await within(run.exited, 'the backup to end');
    assert.equal(code, kExit.unreachable, errors);
    assert.ok(!existsSync(file) && !existsSync(`${file}.tmp`));
    // The folder is none the worse.
    const again = await startIn(server.data);
    await expectRun(backup(again, file));
    await stop(again);
  });
});
