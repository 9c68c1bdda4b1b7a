// Several keys at once, conditions and resumed watches over nunc.1: docs/protocol.md.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createDatabase, openAdmin } from './harness.mjs';
import { JsonClient } from './json_client.mjs';
import { Journals } from './watch_journal.mjs';

const journals = new Journals();
let server;
before(async () => {
  server = await journals.start();
});
after(() => journals.stopAndCheck(server));

describe('several keys and conditions', () => {
  test('get-many, scan and put', async () => {
    const db = await createDatabase(server, 'json-many');
    const client = await JsonClient.open(server.ws, db);
    const put = (fields) => client.ok({ op: 'put', key: 'a/1', ...fields });
    assert.equal((await put({ 'if-absent': true, value: 1 })).version, 0);
    assert.equal((await put({ 'if-version': 0, value: 2 })).version, 1);
    const late = await client.error({ op: 'put', key: 'a/1', 'if-version': 0, value: 3 });
    assert.deepEqual([late.code, late.field], ['version-differs', 'if-version']);
    await client.ok({ op: 'put', key: 'a/2', text: 'plain text' });
    assert.deepEqual(await client.ok({ op: 'get-many', keys: ['a/2', 'none', 'a/1'] }), {
      entries: [
        { key: 'a/2', text: 'plain text', version: 0 },
        { key: 'a/1', value: 2, version: 1 },
      ],
    });
    assert.deepEqual(await client.ok({ op: 'scan', prefix: 'a/', limit: 1 }), {
      entries: [{ key: 'a/1', value: 2, version: 1 }],
      after: 'a/1',
    });
    assert.deepEqual(await client.ok({ op: 'scan', prefix: 'a/', after: 'a/1' }), {
      entries: [{ key: 'a/2', text: 'plain text', version: 0 }],
    });
    assert.deepEqual(await client.ok({ op: 'whoami' }), { db, user: '', admin: false });
    await client.close();
  });
});

describe('watches that go on', () => {
  const pushesUntilReady = async (client) => {
    const messages = await client.ws.inbox.takeThrough(
      (text) => JSON.parse(text).push === 'ready',
      'ready',
    );
    return messages.map((text) => JSON.parse(text));
  };

  test('a pattern from nothing, and again since its token', async () => {
    const db = await createDatabase(server, 'json-since');
    const writer = await JsonClient.open(server.ws, db);
    await writer.ok({ op: 'set', key: 'cart/1', value: { n: 1 } });
    const journal = journals.of(db);
    const first = await JsonClient.open(server.ws, db);
    journal.listenTo(first, 'w').watch('cart/*', '0');
    await first.ok({ op: 'watch', key: 'cart/*', since: '0' });
    const [started, set, ready] = await pushesUntilReady(first);
    assert.deepEqual(started, { push: 'started', db, with: 'snapshot', watch: 'cart/*' });
    assert.deepEqual(
      [set.key, set.value, set.version, set.more],
      ['cart/1', { n: 1 }, 0, true],
    );
    assert.equal(ready.watch, 'cart/*');
    assert.ok(ready.revision >= set.revision);
    await writer.ok({ op: 'set', key: 'cart/2', value: { n: 2 } });
    const live = await first.next('a live change');
    assert.equal(live.key, 'cart/2');
    assert.equal(live.more, undefined);
    assert.ok(Math.abs(Date.now() - live.at) < 60_000);
    await first.close();
    await writer.ok({ op: 'remove', key: 'cart/1' });

    const second = await JsonClient.open(server.ws, db);
    const resumed = journal.listenTo(second, 'w');
    resumed.watch('cart/*', ready.token);
    await second.ok({ op: 'watch', key: 'cart/*', since: ready.token });
    const told = await pushesUntilReady(second);
    assert.deepEqual(
      told.map(({ push, key, with: word }) => [push, key ?? word]),
      [
        ['started', 'delta'],
        ['set', 'cart/2'],
        ['removed', 'cart/1'],
        ['ready', undefined],
      ],
    );
    const bad = await second.error({ op: 'watch', key: 'cart/*', since: `${ready.token}0` });
    assert.deepEqual([bad.code, bad.field], ['bad-since', 'since']);
    resumed.rest();
    await second.close();
    await writer.close();
  });

  const heard = async (client) =>
    (await pushesUntilReady(client)).map(({ push, key, with: word, value }) =>
      push === 'set' ? [key, value] : [push, key ?? word],
    );

  test('a key that may no longer be read is not told, and the watch says so', async () => {
    const db = await createDatabase(server, 'json-rights', {
      more: ['create-user ann ann-token', 'set-permissions ann r k'],
    });
    const admin = await openAdmin(server, db);
    const ann = await JsonClient.connect(server.ws);
    await ann.ok({ op: 'use-db', db, user: 'ann', token: 'ann-token' });
    await ann.ok({ op: 'watch', key: 'k' });
    await admin.expectOk('set-permissions ann r j');
    assert.deepEqual(await heard(ann), [
      ['started', 'rights'],
      ['ready', undefined],
    ]);
    await admin.expectOk('set k 1');
    await admin.expectOk('set-permissions ann r k');
    assert.deepEqual(await heard(ann), [
      ['started', 'rights'],
      ['k', 1],
      ['ready', undefined],
    ]);
    await ann.close();
    await admin.close();
  });

  test('a transaction is closed for a watch without a token, too', async () => {
    const db = await createDatabase(server, 'json-unit');
    const client = await JsonClient.open(server.ws, db);
    await client.ok({ op: 'watch', key: 'a' });
    await client.ok({ op: 'multi' });
    await client.ok({ op: 'set', key: 'a', value: 1 });
    await client.ok({ op: 'set', key: 'b', value: 1 });
    client.send({ id: 'exec', op: 'exec' });
    const pushes = (await pushesUntilReady(client)).filter(({ push }) => push);
    assert.deepEqual(
      pushes.map(({ push, more }) => [push, more]),
      [
        ['set', true],
        ['ready', undefined],
      ],
    );
    await client.close();
  });

  test('each watch of a dropped database is told so', async () => {
    const db = await createDatabase(server, 'json-dropped');
    const client = await JsonClient.open(server.ws, db);
    await client.ok({ op: 'watch', key: 'k' });
    await client.ok({ op: 'watch', key: 'a*' });
    const admin = await openAdmin(server);
    await admin.expectOk(`drop-db ${db}`);
    const told = [await client.next(), await client.next(), await client.next()];
    assert.deepEqual(told, [
      { push: 'removed', key: 'k' },
      { push: 'started', with: 'dropped', watch: 'k' },
      { push: 'started', with: 'dropped', watch: 'a*' },
    ]);
    await admin.close();
    await client.close();
  });
});
