// Watches of the HTTP interface, as a browser's EventSource reads them: docs/http.md.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  createDatabase,
  makeFolder,
  openAdmin,
  startServer,
  stopCleanly,
  TcpClient,
  within,
} from './harness.mjs';
import { JsonClient } from './json_client.mjs';
import { basic, Events, keysOf, Rest } from './rest_client.mjs';

let server;
before(async () => {
  server = await startServer({ args: ['--ping-interval-ms', '200'] });
});
after(() => stopCleanly(server));

const open = async (name, options) =>
  new Rest(await createDatabase(server, name, options), { to: server });

describe('rest: watches', () => {
  test('what is there, then what comes', async () => {
    const rest = await open('rest-watch');
    await rest.put('a/1', { n: 1 });
    await rest.put('b', 0);
    const events = await Events.open(rest, 'prefix=a/');
    const [started, set, ready] = await events.untilEvent('ready');
    assert.deepEqual(started.data, {
      push: 'started',
      db: rest.db,
      with: 'snapshot',
      watch: 'a/*',
    });
    assert.deepEqual(
      [set.event, set.data.push, set.data.key, set.data.value],
      ['set', 'set', 'a/1', { n: 1 }],
    );
    assert.deepEqual([started.id, set.id, ready.id], [undefined, undefined, ready.data.token]);
    await rest.put('a/2', 2);
    await rest.ask('DELETE', 'keys/a/1');
    const [live, removed] = await events.untilEvent('removed');
    assert.deepEqual([live.data.key, removed.data.key, live.id], ['a/2', 'a/1', undefined]);
    await events.untilEvent('comment'); // quiet for the ping interval
    events.close();
  });

  test('one key, by its name, for a page that can send nothing but an address', async () => {
    const rest = await open('rest-watch-key', {
      more: ['create-user ann ann-token', 'set-permissions ann r k', 'set k 1'],
    });
    const query = 'key=k&user=ann&access_token=ann-token';
    const events = await Events.open(rest, query, { headers: {} });
    assert.deepEqual(keysOf(await events.untilEvent('ready')), ['k']);
    await rest.put('k2', 0);
    await rest.put('k', 2);
    assert.deepEqual(keysOf(await events.untilEvent('set')), ['k']);
    events.close();
    const other = await rest.error('GET', 'watch?key=other&user=ann&access_token=wrong', {
      headers: { Authorization: '' },
    });
    assert.equal(other.status, 401);
    const ann = new Rest(rest.db, { to: server, headers: basic('ann', 'ann-token') });
    assert.equal((await ann.error('GET', 'watch?key=other')).status, 403);
    assert.equal((await rest.error('GET', 'watch?key=a*')).field, 'key');
    assert.equal((await rest.error('GET', 'watch')).field, 'prefix');
  });

  test('a reader goes on with its last id, and begins anew with one that is no token', async () => {
    const rest = await open('rest-resume');
    await rest.put('a', 1);
    const first = await Events.open(rest, 'prefix=');
    await first.untilEvent('ready');
    first.close();
    await rest.put('b', 2);
    const again = await Events.open(rest, 'prefix=', { last: first.lastId });
    assert.deepEqual(keysOf(await again.untilEvent('ready')), ['b']);
    again.close();
    for (const last of ['nonsense', '1.2.3', '9'.repeat(300)]) {
      const anew = await Events.open(rest, 'prefix=', { last });
      const [started, ...rests] = await anew.untilEvent('ready');
      assert.equal(started.data.with, 'snapshot');
      assert.deepEqual(keysOf(rests), ['a', 'b']);
      anew.close();
    }
  });

  test('a reader goes on over a restart of the server, which ends its stream', async () => {
    const data = makeFolder('rest-restart');
    let to = await startServer({ data });
    const rest = new Rest(await createDatabase(to, 'rest-restart'), { to });
    await rest.put('a', 1);
    await rest.put('b', 1);
    const before = await Events.open(rest, 'prefix=');
    await before.untilEvent('ready');
    await rest.put('c', 1);
    await before.untilEvent('set');
    await stopCleanly(to);
    assert.equal(await within(before.ended, 'the stream to end'), 'end');
    to = await startServer({ data });
    rest.to = to;
    await rest.ask('DELETE', 'keys/a');
    const after = await Events.open(rest, 'prefix=', { last: before.lastId });
    const told = await after.untilEvent('ready');
    assert.equal(told[0].data.with, 'delta');
    assert.deepEqual(keysOf(told), ['c']);
    assert.deepEqual(
      told.filter(({ event }) => event === 'removed').map(({ data: it }) => it.key),
      ['a'],
    );
    after.close();
    await stopCleanly(to);
  });

  test('who does not read gets the newest value later, and holds up nobody', async () => {
    const rest = await open('rest-slow');
    await rest.put('k', 0);
    const slow = await Events.open(rest, 'key=k');
    await slow.untilEvent('ready');
    slow.response.pause();
    const writer = await JsonClient.open(server.ws, rest.db);
    const value = 'x'.repeat(500_000);
    for (let n = 1; n <= 60; n += 1) await writer.ok({ op: 'set', key: 'k', value: [n, value] });
    slow.response.resume();
    const seen = [];
    while (seen.at(-1) !== 60) {
      const [last] = (await slow.untilEvent('set')).slice(-1);
      seen.push(last.data.value[0]);
    }
    assert.ok(seen.length < 60, `${seen.length} events`);
    assert.deepEqual(
      seen,
      [...seen].sort((a, b) => a - b),
    );
    slow.close();
    await writer.close();
  });

  test('what comes on a stream from its reader is passed over', async () => {
    const rest = await open('rest-stream-input');
    const socket = await TcpClient.connect(server.http);
    const head = `Host: x\r\nAuthorization: Bearer ${rest.db}\r\n\r\n`;
    socket.send(`GET /v1/db/${rest.db}/watch?prefix= HTTP/1.1\r\n${head}GET / HTTP/1.1\r\n`);
    await socket.inbox.takeThrough((line) => line.startsWith('event: ready'), 'ready');
    for (let i = 0; i < 100; i += 1) socket.send('x'.repeat(1000));
    await rest.put('k', 1);
    await socket.inbox.takeThrough((line) => line.startsWith('event: set'), 'set');
    socket.socket.destroy();
  });

  test('the stream of a dropped database says so and ends', async () => {
    const admin = await openAdmin(server);
    for (const query of ['prefix=', 'key=k']) {
      const rest = await open('rest-dropped');
      await rest.put('k', 1);
      const events = await Events.open(rest, query);
      await events.untilEvent('ready');
      await admin.expectOk(`drop-db ${rest.db}`);
      const told = await events.untilEvent('started');
      assert.equal(told.at(-1).data.with, 'dropped');
      assert.equal(await within(events.ended, 'the stream to end'), 'end');
      assert.equal((await rest.error('GET', `watch?${query}`)).status, 401);
    }
    await admin.close();
  });

  test('a stream whose key may not be read says so, and goes on when it may', async () => {
    const rest = await open('rest-rights', {
      more: ['create-user ann ann-token', 'set-permissions ann r k', 'set k 1'],
    });
    const admin = await openAdmin(server, rest.db);
    const ann = new Rest(rest.db, { to: server, headers: basic('ann', 'ann-token') });
    const events = await Events.open(ann, 'key=k');
    await events.untilEvent('ready');
    await admin.expectOk('set-permissions ann r j');
    const [started, ready] = await events.untilEvent('ready');
    assert.deepEqual([started.data.with, ready.data.watch], ['rights', 'k']);
    await rest.put('k', 2);
    await admin.expectOk('set-permissions ann r k');
    const again = await events.untilEvent('ready');
    assert.deepEqual(
      again.map(({ event, data }) => data.with ?? data.value ?? event),
      ['rights', 2, 'ready'],
    );
    events.close();
    await admin.close();
  });

  test('the query is in no line of the log', async () => {
    const rest = await open('rest-log');
    await rest.error('GET', 'watch?prefix=&access_token=very-secret', {
      headers: { Authorization: '' },
    });
    const mine = await Events.open(rest, `prefix=&access_token=${rest.db}`, { headers: {} });
    await mine.untilEvent('ready');
    mine.close();
    assert.doesNotMatch(server.run?.errors ?? server.errors ?? '', /very-secret|access_token/);
  });
});
