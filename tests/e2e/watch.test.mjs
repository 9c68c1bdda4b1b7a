// Watches of patterns and watches that go on where they were: docs/language.md, docs/delivery.md.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  createDatabase,
  httpPost,
  makeFolder,
  openAdmin,
  removeFolder,
  startServer,
  stopCleanly,
  TcpClient,
  WsClient,
} from './harness.mjs';
import { Journals } from './watch_journal.mjs';

const isReady = (line) => line.startsWith('ready ');
const trimmed = (lines) => lines.map((line) => line.trimEnd());

/** What a watch is told up to its `ready`: its lines, and the token. */
async function untilReady(client) {
  const lines = trimmed(await client.inbox.takeThrough(isReady, 'ready'));
  const [, , token] = lines.pop().split(' ');
  return { lines, token };
}

async function watchSince(client, pattern, token, watcher = null) {
  watcher?.watch(pattern, token);
  await client.expectOk(`watch ${pattern} since ${token}`);
  return untilReady(client);
}

describe('over one server', () => {
  const journals = new Journals();
  let server;
  before(async () => {
    server = await journals.start();
  });
  after(() => journals.stopAndCheck(server));

  for (const [door, open] of [
    ['TCP', (db) => TcpClient.open(server.tcp, db)],
    ['WebSocket', (db) => WsClient.open(server.ws, db)],
  ]) {
    test(`a pattern is told what begins with it, over ${door}`, async () => {
      const db = await createDatabase(server, `pattern-${door.toLowerCase()}`);
      const [watcher, writer] = [await open(db), await open(db)];
      await watcher.expectOk('watch a/*');
      await writer.expectOk('set a/1 x');
      await writer.expectOk('set b x');
      await writer.expectOk('remove a/1');
      assert.deepEqual(trimmed(await watcher.inbox.take(3)), [
        'changed a/1 x',
        'changed-version a/1 0 x',
        'removed a/1',
      ]);
      await watcher.expectOk('unwatch a/*');
      await writer.expectOk('set a/2 x');
      assert.deepEqual(await watcher.settle(), []);
      await watcher.close();
      await writer.close();
    });

    test(`a watch goes on from its token over a new connection, over ${door}`, async () => {
      const db = await createDatabase(server, `resume-${door.toLowerCase()}`);
      const writer = await open(db);
      await writer.expectOk('set a/1 x');
      await writer.expectOk('set a/2 x');
      const journal = journals.of(db);
      let watcher = await open(db);
      const first = await watchSince(watcher, 'a/*', '0', journal.listenTo(watcher, 'w'));
      assert.deepEqual(first.lines, [
        'started a/* snapshot',
        'changed a/1 x',
        'changed-version a/1 0 x',
        'changed a/2 x',
        'changed-version a/2 0 x',
      ]);
      await watcher.close();
      await writer.expectOk('set a/2 y');
      await writer.expectOk('remove a/1');
      watcher = await open(db);
      const heard = journal.listenTo(watcher, 'w');
      const second = await watchSince(watcher, 'a/*', first.token, heard);
      assert.deepEqual(second.lines, [
        'started a/* delta',
        'changed a/2 y',
        'changed-version a/2 1 y',
        'removed a/1',
      ]);
      const third = await watchSince(watcher, 'a/*', second.token, heard);
      assert.deepEqual(third.lines, ['started a/* current']);
      heard.rest();
      await watcher.close();
      watcher = await open(db);
      const key = journal.listenTo(watcher, 'of a key');
      const one = await watchSince(watcher, 'a/2', first.token, key);
      assert.deepEqual(one.lines, [
        'started a/2 delta',
        'changed a/2 y',
        'changed-version a/2 1 y',
      ]);
      key.rest();
      await watcher.close();
      await writer.close();
    });
  }

  test('a token that is none, or of another database, is refused', async () => {
    const db = await createDatabase(server, 'tokens');
    const other = await createDatabase(server, 'other-tokens');
    const client = await TcpClient.open(server.tcp, other);
    const { token } = await watchSince(client, '*', '0');
    await client.close();
    const watcher = await TcpClient.open(server.tcp, db);
    for (const bad of ['x', '1.2', token, '99999999999.1.00000000', '1.2.3.4']) {
      assert.deepEqual(await watcher.command(`watch a* since ${bad}`), [
        `error no place of this database to go on from: '${bad}'. ` +
          "Give the token of the last 'ready', or 0 for everything ",
      ]);
    }
    assert.match((await watcher.command('watch a* since'))[0], /^error since must be followed/);
    await watcher.expectOk('set a 1');
    assert.deepEqual(await watcher.settle(), []);
    await watcher.close();
  });

  test('over HTTP a watch of a pattern ends with its request', async () => {
    const db = await createDatabase(server, 'http-pattern');
    const body = `use-db ${db} ${db};watch * since 0;set a 1;get a`;
    assert.equal((await httpPost(server.http, body)).body, 'empty;empty;empty;value 1\n');
  });

  test('one that reads nothing is told the newest of each key of its pattern', async () => {
    const db = await createDatabase(server, 'slow-pattern');
    const slow = await WsClient.open(server.ws, db);
    const writer = await TcpClient.open(server.tcp, db);
    const heard = journals.of(db).listenTo(slow, 'slow');
    await watchSince(slow, 'k*', '0', heard);
    slow.socket.pause();
    const value = 'v'.repeat(10_000);
    const kKeys = 200;
    const kRounds = 20;
    for (let round = 0; round < kRounds; ++round) {
      let batch = '';
      for (let key = 0; key < kKeys; ++key) batch += `set k${key} ${round}-${value}\n`;
      writer.send(batch);
      await writer.inbox.take(kKeys, 'the statuses of a round', 60_000);
    }
    slow.socket.resume();
    const newest = new Map();
    const hasAll = () =>
      newest.size === kKeys && [...newest.values()].every((round) => round === kRounds - 1);
    // It may have caught up in between, as far as the system holds bytes for it.
    for (;;) {
      const line = (await slow.inbox.next('what the slow one missed', 60_000)).trimEnd();
      if (isReady(line) && hasAll()) break;
      const [word, key, text] = line.split(' ');
      if (word === 'changed') newest.set(key, Number(text.split('-')[0]));
    }
    await writer.expectOk('set k0 live');
    const live = await slow.inbox.take(2, 'a live change again');
    assert.equal(live[0].trimEnd(), 'changed k0 live');
    heard.rest();
    await slow.close();
    await writer.close();
  });
});

test('a token outlives a restart, and one of another history is refused', async () => {
  const data = makeFolder('watch-restart');
  let server = await startServer({ data });
  const db = await createDatabase(server, 'kept');
  const writer = await TcpClient.open(server.tcp, db);
  await writer.expectOk('set a 1');
  await writer.expectOk('set b 1');
  const { token } = await watchSince(writer, '*', '0');
  await writer.expectOk('set b 2');
  await writer.expectOk('remove a');
  await writer.close();
  await stopCleanly(server);

  server = await startServer({ data });
  const watcher = await TcpClient.open(server.tcp, db);
  const { lines } = await watchSince(watcher, '*', token);
  assert.deepEqual(lines.slice(0, 4), [
    'started * delta',
    'changed b 2',
    'changed-version b 1 2',
    'removed a',
  ]);
  const admin = await openAdmin(server, db);
  await admin.expectOk(`drop-db ${db}`);
  const dropped = await watcher.inbox.takeThrough((line) => line.endsWith(' dropped'), 'the end');
  assert.equal(dropped.at(-1), 'started * dropped');
  await createDatabase(server, 'kept');
  await watcher.expectOk(`use-db ${db} ${db}`);
  assert.match((await watcher.command(`watch * since ${token}`)).at(-1), /^error no place of this/);
  await admin.close();
  await watcher.close();
  await stopCleanly(server);
  removeFolder(data);
});
