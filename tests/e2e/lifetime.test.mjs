// Keys that expire and keys that live with a session, over each door and over a restart:
// docs/language.md, keys that expire.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  createDatabase,
  httpPost,
  makeFolder,
  removeFolder,
  startServer,
  TcpClient,
} from './harness.mjs';
import { JsonClient } from './json_client.mjs';
import { Rest } from './rest_client.mjs';
import { Journals } from './watch_journal.mjs';

const kMsMax = 315360000000;

const journals = new Journals();
let server;
before(async () => {
  server = await journals.start();
});
after(() => journals.stopAndCheck(server));

const nextPush = async (client, key) => {
  const messages = await client.ws.inbox.takeThrough(
    (text) => JSON.parse(text).key === key,
    `a push about ${key}`,
  );
  return JSON.parse(messages.at(-1));
};
const leftOf = async (client, key) => {
  const answer = await client.ok({ op: 'ttl', key });
  return answer.found ? answer.ttl : undefined;
};

describe('keys that expire', () => {
  test('go when their time has come, and watchers of every protocol hear of it', async () => {
    const db = await createDatabase(server, 'expiring');
    const tcp = await TcpClient.open(server.tcp, db);
    const json = await JsonClient.open(server.ws, db);
    await tcp.expectOk('watch k');
    await json.ok({ op: 'watch', key: 'k' });
    const begun = Date.now();
    await json.ok({ op: 'put', key: 'k', ttl: 60, value: 1 });
    assert.deepEqual(await tcp.inbox.take(2, 'the value'), [
      'changed k 1',
      'changed-version k 0 1',
    ]);
    assert.equal(await tcp.inbox.next('the removal'), 'removed k');
    const took = Date.now() - begun;
    // Not at the loop's next tick, which is a second away.
    assert.ok(took >= 60 && took < 700, `${took} ms`);
    const { push, revision } = await nextPush(json, 'k');
    assert.equal(push, 'removed');
    assert.ok(revision > 0);
    assert.deepEqual(await json.ok({ op: 'get', key: 'k' }), { found: false });
    await tcp.close();
    await json.close();
  });

  test('expire, persist and ttl', async () => {
    const db = await createDatabase(server, 'expire-verbs', { more: ['set k v'] });
    const client = await TcpClient.open(server.tcp, db);
    assert.deepEqual(await client.expectOk('ttl k'), ['ttl -1']);
    assert.deepEqual(await client.expectOk(`expire k ${kMsMax}`), []);
    const [, left] = /^ttl (\d+)$/.exec((await client.expectOk('ttl k'))[0]);
    assert.ok(left <= kMsMax && left > kMsMax - 60_000, left);
    assert.deepEqual(await client.expectOk('get-safe k'), ['value-version 0 v']);
    await client.expectOk('persist k');
    assert.deepEqual(await client.expectOk('ttl k'), ['ttl -1']);
    assert.deepEqual(await client.expectOk('ttl none'), ['ttl <Empty>']);
    const refused = async (line) => /^error (.*) $/.exec((await client.command(line)).at(-1))[1];
    for (const bad of [0, kMsMax + 1]) {
      assert.equal(
        await refused(`expire k ${bad}`),
        `the time to live must be from 1 to ${kMsMax} milliseconds, not ${bad}`,
      );
    }
    assert.equal(await refused('expire none 5'), 'the key is absent');
    assert.equal(
      await refused('put k ttl x : v'),
      `put: ttl must be followed by a whole number from 1 to ${kMsMax}, not 'x'`,
    );
    assert.equal(
      await refused('expire $connections 5'),
      'the server keeps $connections itself: it cannot be written',
    );
    await client.close();
  });

  test('over HTTP', async () => {
    const db = await createDatabase(server, 'expire-http');
    const rest = new Rest(db, { to: server });
    assert.equal((await rest.ask('PUT', 'keys/k?ttl=60000', { body: 'v' })).status, 201);
    const { headers } = await rest.ask('GET', 'keys/k');
    assert.ok(headers['nunc-ttl'] <= 60000 && headers['nunc-ttl'] > 30000, headers['nunc-ttl']);
    assert.match(headers['access-control-expose-headers'], /Nunc-TTL/);
    await rest.ask('PUT', 'keys/k', { body: 'v' });
    assert.equal((await rest.ask('GET', 'keys/k')).headers['nunc-ttl'], undefined);
    const refused = async (method, query) => {
      const { status, code, field } = await rest.error(method, `keys/k?${query}`);
      return [status, code, field];
    };
    assert.deepEqual(await refused('PUT', 'ttl=0'), [400, 'bad-ttl', 'ttl']);
    assert.deepEqual(await refused('PUT', 'ttl=1s'), [400, 'bad-field', 'ttl']);
    assert.deepEqual(await refused('GET', 'ttl=5'), [400, 'bad-field', 'ttl']);
    const requests = [
      { op: 'expire', key: 'k', ttl: 9000 },
      { op: 'persist', key: 'k' },
      { op: 'ttl', key: 'k' },
      { op: 'expire', key: 'none', ttl: 1 },
    ];
    const { json } = await rest.json('POST', 'batch', { body: JSON.stringify({ requests }) });
    assert.deepEqual(json.replies.slice(0, 3), [
      { ok: {} },
      { ok: {} },
      { ok: { found: true, ttl: -1 } },
    ]);
    assert.deepEqual(
      [json.replies[3].error.code, json.replies[3].error.field],
      ['key-absent', 'key'],
    );
    const { body } = await httpPost(server.http, `use-db ${db} ${db};put k ttl 5000 : v;hello`);
    assert.equal(body, 'empty;put 2\n;hello - new\n');
  });

  test('what a request lacks is named', async () => {
    const db = await createDatabase(server, 'expire-fields');
    const client = await JsonClient.open(server.ws, db);
    for (const [request, code, field] of [
      [{ op: 'expire', key: 'k' }, 'bad-field', 'ttl'],
      [{ op: 'expire', key: 'k', ttl: '5' }, 'bad-field', 'ttl'],
      [{ op: 'expire', key: 'k', ttl: 0 }, 'bad-ttl', 'ttl'],
      [{ op: 'put', key: 'k', ttl: kMsMax + 1, value: 1 }, 'bad-ttl', 'ttl'],
      [{ op: 'set-session', key: 'k', grace: -1, value: 1 }, 'bad-grace', 'grace'],
      [{ op: 'set-session', key: 'k', ttl: 5, value: 1 }, 'bad-field', 'ttl'],
      [{ op: 'set-session', key: 'k' }, 'bad-field', 'value'],
      [{ op: 'hello', session: 'me' }, 'bad-session', 'session'],
    ]) {
      const error = await client.error(request);
      assert.deepEqual([error.code, error.field], [code, field], JSON.stringify(request));
    }
    await client.close();
  });
});

describe('keys that live with a session', () => {
  test('go when its connection ends', async () => {
    const db = await createDatabase(server, 'presence');
    const watcher = await JsonClient.open(server.ws, db);
    const heard = journals.of(db).listenTo(watcher, 'w');
    heard.watch('here/*', '0');
    await watcher.ok({ op: 'watch', key: 'here/*', since: '0' });
    const ann = await JsonClient.open(server.ws, db);
    await ann.ok({ op: 'set-session', key: 'here/ann', value: true });
    assert.equal((await nextPush(watcher, 'here/ann')).push, 'set');
    const bob = await TcpClient.open(server.tcp, db);
    await bob.expectOk('set-session here/bob : yes');
    assert.equal((await nextPush(watcher, 'here/bob')).push, 'set');
    await ann.close();
    assert.equal((await nextPush(watcher, 'here/ann')).push, 'removed');
    await bob.close();
    assert.equal((await nextPush(watcher, 'here/bob')).push, 'removed');
    heard.rest();
    await watcher.close();
  });

  test('stay for their grace, and with who comes back in it', async () => {
    const db = await createDatabase(server, 'presence-grace');
    const watcher = await JsonClient.open(server.ws, db);
    const heard = journals.of(db).listenTo(watcher, 'w');
    heard.watch('*', '0');
    await watcher.ok({ op: 'watch', key: '*', since: '0' });
    const ann = await JsonClient.open(server.ws, db);
    const { session } = ann.hello;
    assert.deepEqual(await ann.ok({ op: 'hello' }), { session, resumed: false });
    await ann.ok({ op: 'set-session', key: 'ann', grace: 60_000, value: 1 });
    await ann.ok({ op: 'set-session', key: 'brief', grace: 1, value: 1 });
    await ann.close();
    assert.equal((await nextPush(watcher, 'brief')).push, 'set');
    assert.equal((await nextPush(watcher, 'brief')).push, 'removed');
    assert.ok((await leftOf(watcher, 'ann')) > 30_000);
    const again = await JsonClient.open(server.ws, db);
    const resumed = await again.ok({ op: 'hello', session });
    assert.deepEqual(resumed, { session: again.hello.session, resumed: true });
    assert.equal(await leftOf(watcher, 'ann'), -1);
    assert.equal((await again.ok({ op: 'hello', session })).resumed, false);
    heard.rest();
    await again.close();
    await watcher.close();
  });

  test('a session has a limited number of them', async () => {
    const db = await createDatabase(server, 'presence-limit');
    const client = await JsonClient.open(server.ws, db);
    const one = (i) => ({ op: 'set-session', key: `k${i}`, value: i });
    const requests = Array.from({ length: 1000 }, (_, i) => one(i));
    const { replies } = await client.ok({ op: 'batch', requests });
    assert.ok(replies.every((reply) => reply.ok));
    assert.equal((await client.error(one(1000))).code, 'too-many-session-keys');
    await client.close();
  });
});

test('over a restart times go on and sessions do not', async () => {
  const data = makeFolder('lifetime');
  let own = await startServer({ data });
  const db = await createDatabase(own, 'kept', { more: ['set plain v'] });
  const client = await JsonClient.open(own.ws, db);
  const { session } = client.hello;
  await client.ok({ op: 'put', key: 'long', ttl: 600_000, value: 1 });
  await client.ok({ op: 'put', key: 'short', ttl: 1, value: 1 });
  await client.ok({ op: 'set-session', key: 'bound', value: 1 });
  await client.ok({ op: 'set-session', key: 'waits', grace: 600_000, value: 1 });
  await own.stop('SIGKILL');

  own = await startServer({ data });
  const later = await JsonClient.open(own.ws, db);
  const { keys } = await later.ok({ op: 'keys' });
  assert.deepEqual(keys, ['$connections', 'long', 'plain', 'waits']);
  const left = await leftOf(later, 'long');
  assert.ok(left > 500_000 && left < 600_000, `${left}`);
  assert.ok((await leftOf(later, 'waits')) > 500_000);
  assert.equal(await leftOf(later, 'plain'), -1);
  assert.equal((await later.ok({ op: 'hello', session })).resumed, true);
  assert.equal(await leftOf(later, 'waits'), -1);
  await later.close();
  assert.equal((await own.stop()).code, 0);
  removeFolder(data);
});
