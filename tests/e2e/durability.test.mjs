// What was acknowledged is there after a stop, a kill and a restart, and what each level waits for.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import {
  createDatabase,
  hostAndPort,
  httpPost,
  kAdmin,
  kExit,
  kShim,
  makeFolder,
  openAdmin,
  processorMs,
  removeFolder,
  residentBytes,
  startServer,
  stopCleanly,
  TcpClient,
  track,
  until,
  within,
} from './harness.mjs';

const kMiB = 1 << 20;
const status = async (client, line) => (await client.command(line)).at(-1).trimEnd();
const snapshotsIn = (data) => readdirSync(data).filter((name) => /^snapshot-\d{20}$/.test(name));
const segmentsIn = (data) => readdirSync(data).filter((name) => /^oplog-\d{20}$/.test(name));

async function oplogInfo(admin) {
  const lines = await admin.expectOk('oplog info');
  return Object.fromEntries(lines.slice(1).map((line) => line.split(': ')));
}

async function withAdmin(server, database, work) {
  const admin = await openAdmin(server, database);
  try {
    return await work(admin);
  } finally {
    await admin.close();
  }
}

const kLarge = 'ö'.repeat(1_500_000);

async function fillValues(server) {
  await createDatabase(server, 'plain', {
    more: ['set gone 1', 'set $$token changed', 'create-user anna secret'],
  });
  await createDatabase(server, 'synced', { strategy: 'none ack disk' });
  await createDatabase(server, 'lww', { strategy: 'newer', more: ['set-safe k 9 new'] });
  await createDatabase(server, 'unwanted', { more: ['set k 1'] });
  await withAdmin(server, null, async (admin) => {
    await admin.expectOk('use-db plain changed');
    await admin.expectOk('set-permissions anna r pub*|i hits');
    for (const value of ['a', 'b', 'c']) await admin.expectOk(`set pub ${value}`);
    await admin.expectOk('set-safe safe 41 {"a": "b;c"}');
    await admin.expectOk(`set large ${kLarge}`);
    await admin.expectOk('increment hits 5');
    await admin.expectOk('increment hits 37');
    await admin.expectOk('set empty');
    await admin.expectOk('remove gone');
    await admin.expectOk('drop-db unwanted');
    await admin.expectOk('use-db synced synced');
    await admin.expectOk('set k there');
  });
}

async function checkValues(server) {
  const anna = await TcpClient.open(server.tcp);
  assert.equal(await status(anna, 'use-db plain plain'), 'error Invalid token');
  await anna.expectOk('use-db plain anna secret');
  assert.deepEqual(await anna.expectOk('get-safe pub'), ['value-version 2 c']);
  for (const line of ['set pub x', 'get safe']) assert.notEqual(await status(anna, line), 'ok');
  await anna.expectOk('increment hits 0');
  const all = await TcpClient.open(server.tcp, 'plain', 'changed');
  assert.deepEqual(await all.expectOk('get hits'), ['value 42']);
  assert.deepEqual(await all.expectOk('get-safe safe'), ['value-version 42 {"a": "b;c"}']);
  assert.deepEqual(await all.expectOk('get large'), [`value ${kLarge}`]);
  assert.deepEqual(await all.expectOk('get gone'), ['value <Empty>']);
  const [keys] = await all.expectOk('keys');
  const listed = keys.split(',').filter((key) => key && !key.startsWith('$'));
  assert.deepEqual(listed.slice(1), ['empty', 'hits', 'large', 'pub', 'safe']);
  await all.expectOk('use-db lww lww');
  await all.expectOk('set-safe k 3 newer-wins');
  assert.deepEqual(await all.expectOk('get k'), ['value newer-wins']);
  await all.expectOk('use-db synced synced');
  assert.deepEqual(await all.expectOk('get-safe k'), ['value-version 0 there']);
  assert.match(await status(all, 'use-db unwanted unwanted'), /^error Not a valid database name/);
  for (const client of [anna, all]) await client.close();
}

async function fillConflicts(server) {
  const db = await createDatabase(server, 'disputed', { strategy: 'arbiter' });
  const client = await TcpClient.open(server.tcp, db);
  await client.expectOk('arbiter');
  await client.expectOk('set-safe k 5 stored');
  const ids = [];
  for (const value of ['first', 'second', 'third']) {
    ids.push(/_(\d+)$/.exec(await status(client, `set-safe k 1 ${value}`))[1]);
  }
  await client.expectOk(`resolve ${ids.shift()} ${db} k 1 decided before`);
  await client.close();
  return ids;
}

async function decideConflicts(server, [second, third]) {
  const arbiter = await TcpClient.open(server.tcp, 'disputed');
  const open = (await arbiter.expectOk('arbiter')).map((line) => line.split(' '));
  assert.deepEqual(open.map((words) => [words[0], words[1], words.at(-1)]), [
    ['resolve', second, 'second'],
    ['resolve', third, 'third'],
  ]);
  assert.deepEqual(await arbiter.expectOk('get-safe k'), ['value-version -2 decided before']);
  assert.match(
    await status(arbiter, `resolve ${third} disputed k 7 early`),
    /must be resolved first/,
  );
  await arbiter.expectOk(`resolve ${second} disputed k 7 two`);
  await arbiter.expectOk(`resolve ${third} disputed k 7 three`);
  assert.deepEqual(await arbiter.expectOk('get-safe k'), ['value-version 8 three']);
  await arbiter.close();
}

describe('everything acknowledged is there', () => {
  const kEnds = {
    'a clean stop': { signal: 'SIGTERM' },
    'kill -9': { signal: 'SIGKILL' },
    'a snapshot and kill -9': { signal: 'SIGKILL', snapshot: 'all' },
    'a snapshot in the middle and kill -9': { signal: 'SIGKILL', snapshot: 'half' },
    'a snapshot in the middle and a clean stop': { signal: 'SIGTERM', snapshot: 'half' },
  };
  for (const [name, { signal, snapshot }] of Object.entries(kEnds)) {
    test(`after ${name}`, async () => {
      const data = makeFolder('restart');
      let server = await startServer({ data });
      await fillValues(server);
      if (snapshot === 'half') await withAdmin(server, 'demo', (a) => a.expectOk('snapshot'));
      const ids = await fillConflicts(server);
      if (snapshot === 'all') await withAdmin(server, 'demo', (a) => a.expectOk('snapshot'));
      await server.stop(signal);
      server = await startServer({ data });
      await checkValues(server);
      await decideConflicts(server, ids);
      await server.stop(signal);
      server = await startServer({ data });
      await checkValues(server);
      const client = await TcpClient.open(server.tcp, 'disputed');
      assert.deepEqual(await client.expectOk('get-safe k'), ['value-version 8 three']);
      assert.deepEqual(await client.expectOk('arbiter'), []);
      await client.close();
      await stopCleanly(server);
      removeFolder(data);
    });
  }

  test('the account is that of the newest start, and demo is made once', async () => {
    const data = makeFolder('account');
    let server = await startServer({ data, args: ['-p', 'first'] });
    const client = await TcpClient.open(server.tcp, 'demo');
    await client.expectOk('set greeting hello');
    await client.close();
    await stopCleanly(server);
    server = await startServer({ data, args: ['-p', 'second'] });
    const admin = await TcpClient.open(server.tcp);
    assert.deepEqual(await admin.command(`auth ${kAdmin.user} first`), ['invalid auth', 'ok ']);
    assert.match(await status(admin, 'use-db $admin first'), /^error/);
    assert.deepEqual(await admin.command(`auth ${kAdmin.user} second`), ['valid auth', 'ok ']);
    await admin.expectOk('use-db $admin second');
    const databases = await admin.expectOk('debug list-dbs');
    assert.equal(databases.filter((line) => line.startsWith('demo ')).length, 1);
    await admin.expectOk('use-db demo demo');
    assert.deepEqual(await admin.expectOk('get greeting'), ['value hello']);
    await admin.close();
    await stopCleanly(server);
    removeFolder(data);
  });
});

describe('snapshots and cleaning', () => {
  test('an answered snapshot is a file, and two are kept', async () => {
    const data = makeFolder('snapshot');
    const server = await startServer({ data });
    const admin = await openAdmin(server);
    await admin.expectOk('use-db demo demo');
    assert.deepEqual(snapshotsIn(data), []);
    const seen = [];
    for (const round of [1, 2, 3]) {
      await admin.expectOk(`set k ${round}`);
      const { last_revision } = await oplogInfo(admin);
      await admin.expectOk('snapshot');
      seen.push(`snapshot-${last_revision.padStart(20, '0')}`);
      assert.deepEqual(snapshotsIn(data), seen.slice(-2));
    }
    await admin.close();
    await stopCleanly(server);
    removeFolder(data);
  });

  async function write(admin, megabytes) {
    const value = 'x'.repeat(kMiB);
    for (let i = 0; i < megabytes; i += 1) await admin.expectOk(`set k${i % 10} ${i}-${value}`);
  }

  test('after two snapshots old segments go by themselves, and a restart still works', async () => {
    const data = makeFolder('clean');
    const args = ['--oplog-keep', '32MiB'];
    let server = await startServer({ data, args });
    const admin = await openAdmin(server);
    await admin.expectOk('use-db demo demo');
    await admin.expectOk('set old value');
    await write(admin, 70);
    await admin.expectOk('snapshot');
    assert.equal((await oplogInfo(admin)).first_revision, '1');
    await write(admin, 40);
    await admin.expectOk('snapshot');
    const info = await until(async () => {
      const now = await oplogInfo(admin);
      return now.first_revision !== '1' && now;
    }, 'the op log to be cleaned');
    assert.equal(segmentsIn(data).length, Number(info.segments));
    assert.match(await status(admin, 'oplog since 1'), /^error revision 1 is not in the op log/);
    await admin.expectOk('set new value');
    await server.stop('SIGKILL');
    server = await startServer({ data, args });
    const client = await TcpClient.open(server.tcp, 'demo');
    assert.deepEqual(await client.expectOk('get old'), ['value value']);
    assert.deepEqual(await client.expectOk('get new'), ['value value']);
    assert.match((await client.expectOk('get k9'))[0], /^value 39-x/);
    await client.close();
    await stopCleanly(server);
    removeFolder(data);
  });

  test('oplog clean frees what no snapshot needs, and never more', async () => {
    const data = makeFolder('clean-by-hand');
    let server = await startServer({ data });
    const admin = await openAdmin(server);
    await admin.expectOk('use-db demo demo');
    await write(admin, 70);
    const freed = (lines) => Number(/^freed_bytes: (\d+)$/.exec(lines[1])[1]);
    for (const snapshots of [0, 1]) {
      assert.equal(freed(await admin.expectOk('oplog clean keep 1MiB')), 0, `${snapshots}`);
      await admin.expectOk(`set between ${snapshots}`);
      await admin.expectOk('snapshot');
    }
    assert.equal(freed(await admin.expectOk('oplog clean keep 1GiB')), 0, 'all is to be kept');
    assert.equal(freed(await admin.expectOk('oplog clean before 2')), 0, 'a segment has more');
    const before = await oplogInfo(admin);
    const cleaned = await until(
      async () => freed(await admin.expectOk('oplog clean keep 1MiB')),
      'segments to be freed',
    );
    const info = await oplogInfo(admin);
    assert.equal(Number(before.bytes) - Number(info.bytes), cleaned);
    assert.ok(Number(info.first_revision) > 1);
    const [title, ...lines] = await admin.expectOk(`oplog since ${info.first_revision} demo * 3`);
    assert.equal(title, 'oplog-since');
    assert.equal(lines.length, 3);
    await server.stop('SIGKILL');
    server = await startServer({ data });
    const client = await TcpClient.open(server.tcp, 'demo');
    assert.match((await client.expectOk('get k9'))[0], /^value 69-x/);
    await client.close();
    await stopCleanly(server);
    removeFolder(data);
  });
});

// The shim holds each sync of a file up for so long; under a sanitizer it cannot be loaded.
const kDelayMs = 1000;

describe('levels', { skip: existsSync(kShim) ? false : 'the shim is not built' }, () => {
  let folder;
  const control = () => path.join(folder, 'control');
  const shimmed = (name) => {
    const data = path.join(folder, name);
    mkdirSync(data);
    const env = { LD_PRELOAD: kShim, NUNC_SHIM_FOLDER: data, NUNC_SHIM_CONTROL: control() };
    writeFileSync(control(), '');
    return { data, env };
  };
  before(() => {
    folder = makeFolder('levels');
  });
  after(() => removeFolder(folder));

  const since = async (begun, arrival) => {
    await arrival;
    return performance.now() - begun;
  };

  async function openAll(server) {
    const clients = {};
    for (const level of ['disk', 'quorum', 'written']) {
      clients[level] = await TcpClient.open(server.tcp, level);
      clients[`${level} watcher`] = await TcpClient.open(server.tcp, level);
      await clients[`${level} watcher`].expectOk('watch k');
    }
    return clients;
  }

  async function expectWaits(server) {
    const clients = await openAll(server);
    writeFileSync(control(), `delay ${kDelayMs}`);
    for (const level of ['written', 'disk', 'quorum']) {
      const begun = performance.now();
      const told = since(begun, clients[`${level} watcher`].inbox.take(2));
      const answered = since(begun, clients[level].expectOk(`set k ${begun}`));
      for (const ms of await Promise.all([told, answered])) {
        assert.equal(ms >= kDelayMs, level !== 'written', `${level}: after ${ms} ms`);
      }
    }
    writeFileSync(control(), '');
    for (const client of Object.values(clients)) await client.close();
  }

  test('disk and quorum alone wait for the sync, written not, after a restart too', async () => {
    const { data, env } = shimmed('data');
    let server = await startServer({ data, env });
    await createDatabase(server, 'disk', { strategy: 'none ack disk' });
    await createDatabase(server, 'quorum', { strategy: 'none ack quorum' });
    await createDatabase(server, 'written', { strategy: 'none ack written' });
    await expectWaits(server);
    await server.stop('SIGKILL');
    server = await startServer({ data, env, args: ['--ack', 'disk'] });
    await expectWaits(server);
    await stopCleanly(server);
  });

  test('a token of level disk is waited for until it is synced', async () => {
    const { data, env } = shimmed('waits');
    const server = await startServer({ data, env, args: ['--ack', 'disk'] });
    await createDatabase(server, 'db');
    const [writer, waiter] = [
      await TcpClient.open(server.tcp, 'db'),
      await TcpClient.open(server.tcp, 'db'),
    ];
    await waiter.expectOk('watch k since 0');
    const ready = await waiter.inbox.takeThrough((line) => line.startsWith('ready '), 'ready');
    await waiter.expectOk('unwatch-all');
    const [term, revision, mark] = ready.at(-1).trimEnd().split(' ').at(-1).split('.');
    const next = `${term}.${Number(revision) + 1}.${mark}`;
    writeFileSync(control(), `delay ${kDelayMs}`);
    const begun = performance.now();
    const answered = writer.expectOk('set k new');
    // Refused as long as the write is not there, and then held.
    await until(async () => (await status(waiter, `wait ${next}`)) === 'ok', 'the token');
    assert.ok(performance.now() - begun >= kDelayMs);
    await answered;
    writeFileSync(control(), '');
    await writer.close();
    await waiter.close();
    await stopCleanly(server);
  });

  test('nobody reads a value of level disk before it is synced', async () => {
    const { data, env } = shimmed('reads');
    const server = await startServer({ data, env, args: ['--ack', 'disk'] });
    await createDatabase(server, 'db', { more: ['set k old'] });
    const [writer, reader] = [
      await TcpClient.open(server.tcp, 'db'),
      await TcpClient.open(server.tcp, 'db'),
    ];
    writeFileSync(control(), `delay ${kDelayMs}`);
    const begun = performance.now();
    const answered = writer.expectOk('set k new');
    await until(async () => (await reader.expectOk('get k'))[0] === 'value new', 'the new value');
    assert.ok(performance.now() - begun >= kDelayMs);
    await answered;
    writeFileSync(control(), '');
    for (const client of [writer, reader]) await client.close();
    await stopCleanly(server);
  });

  test('no command is run while 64 MiB wait for the disk, and that costs no time', async () => {
    const kReaders = 8;
    const kReads = 20;
    const { data, env } = shimmed('full');
    const server = await startServer({ data, env, args: ['--ack', 'disk'] });
    const value = (letter) => letter.repeat(kMiB);
    await createDatabase(server, 'db', { more: [`set k ${value('a')}`] });
    const [writer, other] = [
      await TcpClient.open(server.tcp, 'db'),
      await TcpClient.open(server.tcp, 'db'),
    ];
    const readers = [];
    for (let i = 0; i < kReaders; i += 1) readers.push(await TcpClient.open(server.tcp, 'db'));
    const before = residentBytes(server.pid);
    writeFileSync(control(), `delay ${3 * kDelayMs}`);
    const written = writer.expectOk(`set k ${value('b')}`);
    // Connections have no order among each other: who reads now is answered with the old value, or
    // waits since the write has run.
    const probe = await TcpClient.open(server.tcp, 'db');
    let held;
    await until(() => {
      held = probe.command('get k');
      const waits = new Promise((resolve) => setTimeout(resolve, kDelayMs / 4, true));
      return Promise.race([held.then(() => false), waits]);
    }, 'the write to have run');
    // More than once what may be held, and what comes while nothing is run stays in the sockets.
    for (const reader of readers) reader.send('get k\n'.repeat(kReads));
    let settled;
    await until(() => {
      settled = other.settle();
      const waits = new Promise((resolve) => setTimeout(resolve, kDelayMs / 4, true));
      return Promise.race([settled.then(() => false), waits]);
    }, 'a command that is not run');
    assert.ok(residentBytes(server.pid) - before > 50 * kMiB, 'held is what is allowed');
    const used = processorMs(server.pid);
    other.send('get k\n'); // stays in the socket, which stays readable
    await written;
    assert.ok(processorMs(server.pid) - used < kDelayMs, 'the loop did not spin');
    assert.ok(residentBytes(server.pid) - before < 160 * kMiB, 'not all replies were made');
    writeFileSync(control(), '');
    await settled;
    assert.equal((await held)[0], `value ${value('b')}`);
    assert.equal(await other.inbox.next(), `value ${value('b')}`);
    for (const reader of readers) {
      for (let i = 0; i < kReads; i += 1) {
        assert.equal(await reader.inbox.next(), `value ${value('b')}`);
        assert.equal(await reader.inbox.next(), 'ok ');
      }
    }
    for (const client of [writer, other, probe, ...readers]) await client.close();
    await stopCleanly(server);
  });

  test('a stop answers who waits for the disk', async () => {
    const { data, env } = shimmed('stop');
    const server = await startServer({ data, env, args: ['--ack', 'disk'] });
    await createDatabase(server, 'db', { more: ['watch k'] });
    const [first, second] = [
      await TcpClient.open(server.tcp, 'db'),
      await TcpClient.open(server.tcp, 'db'),
    ];
    writeFileSync(control(), `delay ${kDelayMs}`);
    first.send('set k value\n');
    second.send('get k\n'.repeat(100));
    await second.inbox.next('the first of the answers');
    const ended = server.stop();
    assert.equal(await first.inbox.next('the answer'), 'ok ');
    writeFileSync(control(), '');
    assert.equal((await ended).code, kExit.ok);
  });

  test('a sync that fails ends the server, acknowledges nothing, and it starts again', async () => {
    const { data, env } = shimmed('fails');
    let server = await startServer({ data, env });
    await createDatabase(server, 'db', { strategy: 'none ack disk', more: ['set k old'] });
    const client = await TcpClient.open(server.tcp, 'db');
    writeFileSync(control(), 'fail');
    const failed = within(server.exited, 'the end of the server');
    client.send('set k new\n');
    const { code, errors } = await failed;
    assert.equal(code, kExit.fault);
    assert.match(errors, /nunc: cannot sync .*: Input\/output error/);
    assert.equal(client.inbox.size, 0);
    writeFileSync(control(), '');
    server = await startServer({ data, env });
    const reader = await TcpClient.open(server.tcp, 'db');
    assert.match((await reader.expectOk('get k'))[0], /^value (old|new)$/);
    await reader.close();
    await stopCleanly(server);
  });
});

describe('many that wait for the disk', () => {
  const kHeldRepliesMax = 4096;
  let server;
  before(async () => {
    server = await startServer({ args: ['--ack', 'disk'] });
    await createDatabase(server, 'many');
  });
  after(() => stopCleanly(server));

  for (const count of [kHeldRepliesMax, kHeldRepliesMax + 1, 3 * kHeldRepliesMax]) {
    test(`${count} pipelined writes of one connection are answered in order`, async () => {
      const client = await TcpClient.open(server.tcp, 'many');
      const lines = Array.from({ length: count }, (_, i) =>
        i % 64 === 63 ? 'get k\n' : `set k ${i}\n`,
      );
      client.send(lines.join(''));
      for (let i = 0; i < count; i += 1) {
        if (i % 64 === 63) assert.equal(await client.inbox.next(), `value ${i - 1}`);
        assert.equal(await client.inbox.next(`answer ${i}`), 'ok ');
      }
      await client.settle();
      await client.close();
    });
  }

  test('who shuts its side after the last write still gets every answer', async () => {
    const kWrites = kHeldRepliesMax + 1000;
    const socket = net.connect({ ...hostAndPort(server.tcp), allowHalfOpen: true });
    track(socket);
    let text = '';
    socket.setEncoding('utf8').on('data', (part) => {
      text += part;
    });
    const closed = new Promise((resolve) => socket.on('end', resolve));
    const lines = Array.from({ length: kWrites }, (_, i) => `set half ${i}\n`);
    socket.end(`use-db many many\n${lines.join('')}get half\n`);
    await within(closed, 'the end of the answers');
    const answers = ['ok ', 'ok ', ...lines.map(() => 'ok '), `value ${kWrites - 1}`, 'ok ', ''];
    assert.deepEqual(text.split('\n'), answers);
  });

  test('one HTTP body of many writes gets one whole answer', async () => {
    const kWrites = 9000;
    const writes = Array.from({ length: kWrites }, (_, i) => `set http ${i}`);
    const { status: code, body } = await httpPost(
      server.http,
      ['use-db many many', ...writes, 'get http'].join(';'),
    );
    assert.equal(code, 200);
    const answers = ['empty', ...writes.map(() => 'empty'), `value ${kWrites - 1}`];
    assert.deepEqual(body.trimEnd().split(';').map((part) => part.trimEnd()), answers);
  });
});

test('past --max-memory writes are refused, and removing makes room', async () => {
  const kLimit = 4 * kMiB;
  const server = await startServer({ args: ['--max-memory', '4MiB'] });
  const db = await createDatabase(server, 'small');
  const client = await TcpClient.open(server.tcp, db);
  const watcher = await TcpClient.open(server.tcp, db);
  await watcher.expectOk('watch k0');
  const value = 'x'.repeat(100_000);
  let count = 0;
  let refusal = 'ok';
  for (; refusal === 'ok'; count += 1) refusal = await status(client, `set k${count} ${value}`);
  assert.match(refusal, /^error the memory is full: .*\(--max-memory\)/);
  assert.ok(refusal.includes(`${kLimit} bytes`), refusal);
  assert.ok(count > 20 && count <= 42, `refused at value ${count}`);
  assert.deepEqual(await client.expectOk('get k1'), [`value ${value}`]);
  await client.expectOk(`set k0 ${value.toUpperCase()}`);
  assert.deepEqual(await watcher.inbox.next('the change'), `changed k0 ${value}`);
  for (const key of ['k0', 'k1', 'k2']) await client.expectOk(`remove ${key}`);
  await client.expectOk(`set again ${value}`);
  for (const one of [client, watcher]) await one.close();
  await stopCleanly(server);
});
