// How much a watch is told, and what is asked about keys and tokens: docs/language.md.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  createDatabase,
  openAdmin,
  TcpClient,
  WsClient,
} from './harness.mjs';
import { JsonClient } from './json_client.mjs';
import { Events, Rest } from './rest_client.mjs';
import { Journals } from './watch_journal.mjs';

const journals = new Journals();
let server;
before(async () => {
  server = await journals.start();
});
after(() => journals.stopAndCheck(server));

const kValueBytes = 10_000;
const kRounds = 2_000; // 20 MB: more than the system keeps for a socket, and 1 MiB besides

/** Sets `k` to 0, 1, ..., each with something that fills sockets. */
async function fill(writer) {
  const filling = 'v'.repeat(kValueBytes);
  for (let from = 0; from < kRounds; from += 100) {
    const changes = Array.from({ length: 100 }, (_, i) => `set k ${from + i}-${filling}\n`);
    writer.send(changes.join(''));
    await writer.inbox.take(100, 'the statuses', 60_000);
  }
}

/** What a watch of all was told up to its `ready`, as ['set', N], ['gap'], ... */
function checkCut(told) {
  const gap = told.findIndex(([what]) => what === 'gap');
  assert.ok(gap > 100, `a gap only after what it was given, not ${gap}`);
  assert.ok(told.slice(0, gap).every(([what, n], i) => what === 'set' && n === i));
  const [behind, ...rest] = told.slice(gap + 1).filter(([what]) => what !== 'started');
  assert.deepEqual(behind, ['set', kRounds - 1]);
  assert.deepEqual(rest.map(([what]) => what), ['ready']);
}

describe('a watch of all changes', () => {
  for (const [pattern, open] of [
    ['k', (db) => TcpClient.open(server.tcp, db)],
    ['k*', (db) => WsClient.open(server.ws, db)],
  ]) {
    test(`one of ${pattern} that reads too slowly is told a gap, and then the newest`, async () => {
      const db = await createDatabase(server, `all-${pattern.length}`);
      const slow = await open(db);
      const writer = await TcpClient.open(server.tcp, db);
      const heard = journals.of(db).listenTo(slow, 'slow');
      heard.watch(pattern, '0', 'all');
      await slow.expectOk(`watch ${pattern} all since 0`);
      await slow.inbox.takeThrough((line) => line.startsWith('ready '), 'the first ready');
      slow.socket.pause();
      await fill(writer);
      slow.socket.resume();
      const lines = await slow.inbox.takeThrough(
        (line) => line.startsWith('ready '),
        'ready',
        60_000,
      );
      const told = lines
        .filter((line) => !line.startsWith('changed-version '))
        .map((line) => line.trimEnd().split(' '))
        .map(([word, , value]) => (word === 'changed' ? ['set', parseInt(value, 10)] : [word]));
      checkCut(told);
      assert.ok(lines.map((line) => line.trimEnd()).includes(`gap ${pattern}`));
      await writer.expectOk('set k live');
      assert.equal((await slow.inbox.next('a live change')).trimEnd(), 'changed k live');
      await slow.settle();
      heard.rest();
      await slow.close();
      await writer.close();
    });
  }

  test('over nunc.1 and as events', async () => {
    const db = await createDatabase(server, 'all-json');
    const writer = await TcpClient.open(server.tcp, db);
    const slow = await JsonClient.open(server.ws, db);
    const events = await Events.open(new Rest(db, { to: server }), 'key=k&policy=all');
    await events.untilEvent('ready');
    const heard = journals.of(db).listenTo(slow, 'slow');
    heard.watch('k*', '0', 'all');
    await slow.ok({ op: 'watch', key: 'k*', policy: 'all', since: '0' });
    await slow.ws.inbox.takeThrough((text) => JSON.parse(text).push === 'ready', 'the first ready');
    slow.ws.socket.pause();
    events.response.pause();
    await fill(writer);
    slow.ws.socket.resume();
    events.response.resume();
    const pushes = await slow.ws.inbox.takeThrough(
      (text) => JSON.parse(text).push === 'ready',
      'ready',
      60_000,
    );
    const messages = pushes.map((text) => JSON.parse(text));
    const toldOf = ({ push, text }) => (push === 'set' ? ['set', parseInt(text, 10)] : [push]);
    checkCut(messages.map(toldOf));
    heard.rest();
    const gap = messages.find(({ push }) => push === 'gap');
    assert.deepEqual(gap, { push: 'gap', db, watch: 'k*' });
    const streamed = await events.untilEvent('ready');
    checkCut(streamed.map(({ data }) => toldOf(data)));
    assert.deepEqual(streamed.find(({ event }) => event === 'gap').data, {
      push: 'gap',
      db,
      watch: 'k',
    });
    events.close();
    await slow.close();
    await writer.close();
  });

  test('words in any order, each once, and what is no policy', async () => {
    const db = await createDatabase(server, 'all-words');
    const client = await TcpClient.open(server.tcp, db);
    await client.expectOk('watch k all since 0');
    await client.expectOk('watch k since 0 all');
    await client.expectOk('watch k latest');
    await client.expectOk('watch k whatever all all');
    for (const twice of ['all all', 'all latest', 'since 0 since 0']) {
      const [line] = (await client.command(`watch j ${twice}`)).slice(-1);
      assert.match(line, /^error watch takes `since TOKEN` and one of `latest`, `all` and /);
    }
    await client.expectOk('set j 1');
    assert.deepEqual(await client.settle(), []);
    await client.close();
    const json = await JsonClient.open(server.ws, db);
    for (const policy of ['some', 1]) {
      const refused = await json.error({ op: 'watch', key: 'k', policy });
      assert.deepEqual([refused.code, refused.field], ['bad-field', 'policy']);
    }
    const other = await json.error({ op: 'watch', key: 'k', polcy: 'all' });
    assert.deepEqual([other.code, other.field], ['bad-field', 'polcy']);
    await json.close();
    const refused = await new Rest(db, { to: server }).error('GET', 'watch?key=k&policy=some');
    assert.equal(refused.code, 'bad-field');
  });
});

test('a watch stays when its connection logs in as another user', async () => {
  const db = await createDatabase(server, 'refresh', {
    more: [
      'create-user ann ann-token',
      'set-permissions ann r a*',
      'create-user bob bob-token',
      'set-permissions bob r b*',
      'set a 1',
      'set b 1',
    ],
  });
  const client = await JsonClient.connect(server.ws);
  const untilReady = async () => {
    const texts = await client.ws.inbox.takeThrough((text) => text.includes('"ready"'), 'ready');
    return texts.map((text) => JSON.parse(text)).map((push) => push.with ?? push.key ?? push.push);
  };
  await client.ok({ op: 'use-db', db, user: 'ann', token: 'ann-token' });
  const heard = journals.of(db).listenTo(client, 'ann, then bob');
  heard.login({ user: 'ann' });
  heard.watch('*', '0');
  await client.ok({ op: 'watch', key: '*', since: '0' });
  assert.deepEqual(await untilReady(), ['snapshot', 'a', 'ready']);
  const refused = await client.error({ op: 'use-db', db, user: 'bob', token: 'ann-token' });
  assert.equal(refused.code, 'invalid-token');
  heard.login({ user: 'bob' });
  await client.ok({ op: 'use-db', db, user: 'bob', token: 'bob-token' });
  assert.deepEqual(await untilReady(), ['rights', 'b', 'ready']);
  heard.rest();
  await client.close();
});

test('how long changes took is told', async () => {
  const db = await createDatabase(server, 'delivery');
  const watcher = await JsonClient.open(server.ws, db);
  await watcher.ok({ op: 'watch', key: 'k' });
  const { pushes } = await watcher.ask({ op: 'set', key: 'k', value: 1 });
  await watcher.ok({ op: 'delivered', at: pushes[0].at });
  for (const nonsense of [0, -1, 2 ** 53, Date.now() + 3_600_000]) {
    await watcher.ok({ op: 'delivered', at: nonsense });
  }
  assert.equal((await watcher.error({ op: 'delivered', at: 'now' })).field, 'at');
  assert.equal((await watcher.error({ op: 'delivered' })).field, 'at');
  const admin = await openAdmin(server, db);
  const lines = (await admin.expectOk('debug delivery')).map((line) => line.trimEnd());
  const figures = 'p50_us [0-9]+ p99_us [0-9]+ p99.9_us [0-9]+ max_us [0-9]+';
  const line = (what) => new RegExp(`^${what} count [1-9][0-9]* ${figures}$`);
  assert.equal(lines[0], 'debug-delivery');
  for (const what of ['sent \\*', 'shown \\*', `sent ${db}`]) {
    assert.ok(lines.some((one) => line(what).test(one)), `${what} in ${lines}`);
  }
  assert.ok(lines.some((one) => one.startsWith(`shown ${db} count 1 p50_us `)), `${lines}`);
  const [metrics] = await admin.expectOk('metrics-state json');
  const { delivery } = JSON.parse(metrics.replace(/^metrics-state /, ''));
  const shown = delivery.find(({ what, database }) => what === 'shown' && database === db);
  assert.equal(shown.count, 1);
  assert.ok(shown.max_us >= shown.p50_us, metrics);
  await admin.close();
  await watcher.close();
});

describe('a watch with an interval', () => {
  const kMs = 50;
  /** When the watcher was told of changes that are made until it has been told the last. */
  const timesOf = async (write, told) => {
    const times = [];
    const end = Date.now() + 10 * kMs;
    const watching = (async () => {
      for (;;) {
        const value = await told();
        times.push(performance.now());
        if (value === 'last') return;
      }
    })();
    for (let i = 0; Date.now() < end; i += 1) await write(i);
    await write('last');
    await watching;
    return times;
  };

  test('is told the newest at that rate, and the last', async () => {
    const db = await createDatabase(server, 'every');
    const writer = await TcpClient.open(server.tcp, db);
    const json = await JsonClient.open(server.ws, db);
    const tcp = await TcpClient.open(server.tcp, db);
    const heard = journals.of(db).listenTo(json, 'now and then');
    heard.watch('k*', '0', 'every');
    await json.ok({ op: 'watch', key: 'k*', every: kMs, since: '0' });
    await json.ws.inbox.takeThrough((text) => JSON.parse(text).push === 'ready', 'the first ready');
    await tcp.expectOk(`watch k every ${kMs}`);
    let writes = 0;
    const write = async (value) => {
      writes += 1;
      await writer.expectOk(`set k ${value}`);
    };
    const ofLines = (async () => {
      const lines = await tcp.inbox.takeThrough((line) => line === 'changed k last', 'the last');
      return lines.filter((line) => line.startsWith('changed '));
    })();
    const started = performance.now();
    const told = async () => {
      for (;;) {
        const push = await json.next('a change');
        if (push.push === 'set') return push.text;
      }
    };
    const times = await timesOf(write, told);
    const most = (performance.now() - started) / kMs + 2;
    assert.ok(times.length >= 3 && times.length <= most, `${times.length} of ${most}`);
    const lines = await ofLines;
    assert.ok(lines.length >= 3 && lines.length <= most, `${lines.length} of ${most}`);
    assert.ok(writes > times.length);
    for (const client of [writer, json, tcp]) await client.close();
  });

  test('over HTTP, and what is no interval', async () => {
    const db = await createDatabase(server, 'every-rest');
    const rest = new Rest(db, { to: server });
    const events = await Events.open(rest, 'prefix=&every=20');
    await events.untilEvent('ready');
    for (let i = 0; i < 20; i += 1) await rest.put('k', i);
    await events.inbox.takeThrough(({ data }) => data?.value === 19, 'the last');
    events.close();
    const json = await JsonClient.open(server.ws, db);
    for (const [every, code] of [
      [0, 'every-range'],
      [3_600_001, 'every-range'],
      ['1', 'bad-field'],
    ]) {
      const refused = await json.error({ op: 'watch', key: 'k', every });
      assert.deepEqual([refused.code, refused.field], [code, 'every']);
    }
    const both = await json.error({ op: 'watch', key: 'k', every: 1, policy: 'all' });
    assert.deepEqual([both.code, both.field], ['bad-field', 'every']);
    await json.close();
    for (const query of ['key=k&every=0', 'key=k&every=x', 'key=k&every=1&policy=all']) {
      assert.ok((await rest.error('GET', `watch?${query}`)).code, query);
    }
    const client = await TcpClient.open(server.tcp, db);
    for (const words of ['every', 'every x', 'every 0', 'every 3600001', 'every 5 all']) {
      const [line] = await client.command(`watch k ${words}`);
      assert.match(line, /^error (every must|watch takes)/);
    }
    await client.close();
  });
});

describe('wait and explain', () => {
  test('a token that may be seen is waited for, and no other', async () => {
    const db = await createDatabase(server, 'wait');
    const other = await createDatabase(server, 'wait-other');
    const json = await JsonClient.open(server.ws, db);
    await json.ok({ op: 'set', key: 'k', value: 1 });
    await json.ok({ op: 'watch', key: 'k', since: '0' });
    const pushes = await json.ws.inbox.takeThrough((text) => text.includes('"ready"'), 'ready');
    const { token } = JSON.parse(pushes.at(-1));
    assert.deepEqual(await json.ok({ op: 'wait', token }), {});
    const refused = await json.error({ op: 'wait', token: 'x' });
    assert.deepEqual([refused.code, refused.field], ['bad-since', 'token']);
    const client = await TcpClient.open(server.tcp, db);
    await client.expectOk(`wait ${token}`);
    const [future] = await client.command(`wait ${token.replace('.', '.9')}`);
    assert.match(future, /^error no place of this database to go on from/);
    assert.match((await client.command('wait'))[0], /^error wait must be followed by a token/);
    await client.expectOk(`use-db ${other} ${other}`);
    assert.match((await client.command(`wait ${token}`))[0], /^error no place of this database/);
    await client.close();
    await json.close();
  });

  test('in a database of the level disk the answer waits for the disk', async () => {
    const admin = await openAdmin(server);
    await admin.command('create-db wait-disk t none ack disk');
    await admin.expectOk('use-db wait-disk t');
    await admin.expectOk('watch k since 0');
    const ready = await admin.inbox.takeThrough((line) => line.startsWith('ready '), 'ready');
    const token = ready.at(-1).split(' ').at(-1);
    await admin.expectOk(`wait ${token}`);
    await admin.close();
  });

  test('who wrote a key and who watches it', async () => {
    const db = await createDatabase(server, 'explain', {
      more: ['create-user ann ann-token', 'set-permissions ann rw *'],
    });
    const json = await JsonClient.open(server.ws, db);
    const ann = await TcpClient.open(server.tcp, db);
    await ann.expectOk(`use-db ${db} ann ann-token`);
    await ann.expectOk('set k 1');
    await ann.expectOk('watch k* all');
    const said = await json.ok({ op: 'explain', key: 'k' });
    assert.ok(Math.abs(Date.now() - said.at) < 60_000);
    assert.ok(said.revision > 0);
    assert.deepEqual({ ...said, at: 0, revision: 0 }, {
      key: 'k',
      state: 'present',
      version: 0,
      revision: 0,
      writer: 'user',
      user: 'ann',
      at: 0,
      watchers: 0,
      'pattern-watchers': 1,
      lagging: 0,
    });
    const admin = await openAdmin(server, db);
    const lines = (await admin.expectOk('explain k')).map((line) => line.trimEnd());
    assert.match(lines.join('\n'), /^explain\nkey: k\nstate: present\nversion: 0\n/);
    await admin.close();
    await ann.close();
    await json.close();
  });
});
