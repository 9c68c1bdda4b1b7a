// The npm package `nun-db`, exactly as published, under Node.
//
// Only some of its calls have a promise that the server settles (docs/reference-server.md §6.1);
// the others are followed by a `get`, which the same connection answers after them.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import NunDb from 'nun-db';
import {
  createDatabase,
  Inbox,
  kAdmin,
  startServer,
  stopCleanly,
  TcpClient,
  until,
  within,
} from './harness.mjs';

// The client prints each value whose write was confirmed, megabytes of it in one test.
console.log = () => {};

// In a browser every script has a global `name`. The client reads it when it meets an event whose
// value is not JSON, and under Node would end there with a ReferenceError.
globalThis.name = '';

let server;
const clients = [];
const url = () => `ws://${server.ws}`;

function client(...args) {
  const made = new NunDb(...args);
  // The constructor's own promise has no handler for a refused login.
  made._connectionPromise.catch(() => {});
  clients.push(made);
  return made;
}

const connected = (made, what = 'the client to connect') => within(made._connectionPromise, what);

async function watched(made, key, currentValue = false) {
  const events = new Inbox(`watch ${key}`);
  await made.watch(key, (event) => events.push(event), currentValue);
  await made.get('barrier'); // answered after the watch is registered
  return events;
}

before(async () => {
  server = await startServer();
});
after(() => stopCleanly(server));
afterEach(() => {
  for (const made of clients.splice(0)) made.goOffline();
});

describe('nun-db: connecting', () => {
  test('with the database token, as positions and as an object', async () => {
    const name = await createDatabase(server, 'connect-token');
    await connected(client(url(), name, name));
    const byObject = client({ url: url(), db: name, token: name });
    await connected(byObject);
    assert.deepEqual(await within(byObject.keys(), 'keys'), ['$connections']);
  });

  test('as a user of the database, as positions and as an object', async () => {
    const name = await createDatabase(server, 'connect-user', {
      more: ['create-user ana ana-pwd'],
    });
    assert.deepEqual(await within(client(url(), name, 'ana', 'ana-pwd').keys(), 'keys'), [
      '$connections',
    ]);
    const byObject = client({ url: url(), db: name, user: 'ana', token: 'ana-pwd' });
    assert.deepEqual(await within(byObject.keys(), 'keys'), ['$connections']);
  });

  test('as the admin, who also sees secure keys', async () => {
    const name = await createDatabase(server, 'connect-admin');
    const made = client({
      url: url(),
      db: name,
      user: kAdmin.user,
      pwd: kAdmin.password,
      token: name,
    });
    await connected(made);
    assert.deepEqual(await within(made.keys(), 'keys'), ['$$token', '$connections']);
  });

  test('a wrong admin password rejects the connection', async () => {
    const made = client({ url: url(), db: 'x', user: kAdmin.user, pwd: 'wrong', token: 'x' });
    await within(
      assert.rejects(made._connectionPromise, (reason) => reason === undefined),
      'the refusal',
    );
  });

  test('a wrong token or an unknown user rejects with the text the client compares', async () => {
    const name = await createDatabase(server, 'connect-refused');
    const refusal = { message: 'Invalid token ' };
    await within(
      assert.rejects(client(url(), name, 'wrong').setValue('k', 1), refusal),
      'the refusal',
    );
    const stranger = client({ url: url(), db: name, user: 'nobody', token: name });
    await within(assert.rejects(stranger.setValue('k', 1), refusal), 'the refusal');
  });
});

describe('nun-db: values', () => {
  let db;
  let made;
  let serial = 0;
  const open = async () => {
    serial += 1;
    db = await createDatabase(server, `values-${serial}`);
    made = client(url(), db, db);
    await connected(made);
  };

  test('set, get and getValue give back what was stored', async () => {
    await open();
    for (const value of [
      'text',
      'two words',
      17,
      [1, { deep: 'x' }],
      { value: 'inner' },
      'é ✓ 漢 😀',
      '"quoted\\"',
    ]) {
      await within(made.set('k', value), 'set');
      assert.deepEqual((await within(made.get('k'), 'get')).value, value);
      assert.deepEqual(await within(made.getValue('k'), 'getValue'), value);
    }
  });

  test('a missing key is null, at version 1', async () => {
    await open();
    assert.deepEqual(await within(made.get('missing'), 'get'), { value: null, version: 1 });
    assert.equal(await within(made.getValue('missing'), 'getValue'), null);
  });

  test('versions grow by one and a set with the current version is accepted', async () => {
    await open();
    await within(made.set('k', 'a'), 'set');
    await within(made.set('k', 'b'), 'set');
    assert.deepEqual(await within(made.get('k'), 'get'), { value: 'b', version: 1 });
    await within(made.setValueSafe('k', 'c', 1), 'setValueSafe');
    assert.deepEqual(await within(made.get('k'), 'get'), { value: 'c', version: 2 });
  });

  test('semicolons, brackets and quotes inside a value survive', async () => {
    await open();
    const values = [
      'a;b',
      'x;"y";{z',
      { css: 'a{b:c;d:e}', list: ['; set k lost', ']};['] },
      ';',
      '\\;"',
    ];
    for (const value of values) {
      await within(made.set('k', value), `set ${JSON.stringify(value)}`);
      assert.deepEqual(await within(made.getValue('k'), 'getValue'), value);
    }
  });

  test('a value of 3 MB travels both ways and to a watcher', async () => {
    await open();
    const other = client(url(), db, db);
    const events = await watched(other, 'big');
    const value = 'now'.repeat(1_000_000);
    await within(made.set('big', value), 'set', 60_000);
    assert.ok((await events.next('the change', 60_000)).value === value);
    assert.ok((await within(made.get('big'), 'get', 60_000)).value === value);
  });

  test('keys lists by name, by prefix, by suffix, and nothing when nothing matches', async () => {
    await open();
    await Promise.all(
      ['some', 'some1', 'some2', 'state'].map((key) => within(made.setValue(key, 1), 'set')),
    );
    assert.deepEqual(await within(made.keys(), 'keys'), [
      '$connections',
      'some',
      'some1',
      'some2',
      'state',
    ]);
    assert.deepEqual(await within(made.keys('some*'), 'keys'), ['some', 'some1', 'some2']);
    assert.deepEqual(await within(made.keys('*2'), 'keys'), ['some2']);
    assert.deepEqual(await within(made.keys('*not-there'), 'keys'), []);
  });

  test('remove takes a key away', async () => {
    await open();
    await within(made.set('k', 1), 'set');
    await made.remove('k');
    assert.equal((await within(made.get('k'), 'get')).value, null);
    assert.deepEqual(await within(made.keys(), 'keys'), ['$connections']);
  });

  test('increment by one and by an amount', async () => {
    await open();
    await made.increment('n');
    await made.increment('n', 4);
    await made.increment('n', -2);
    assert.equal((await within(made.get('n'), 'get')).value, 3);
  });

  test('a hundred requests at once are each answered with their own value', async () => {
    await open();
    const numbers = Array.from({ length: 100 }, (_, index) => index + 1);
    await Promise.all(numbers.map((number) => within(made.set(`k${number}`, number), 'set')));
    const read = await Promise.all(numbers.map((number) => within(made.get(`k${number}`), 'get')));
    assert.deepEqual(
      read.map((answer) => answer.value),
      numbers,
    );
  });

  test('createDb makes a database others can use', async () => {
    await open();
    const admin = client({ url: url(), db, user: kAdmin.user, pwd: kAdmin.password, token: db });
    await connected(admin);
    await admin.createDb('made-by-client', 'its-token');
    await within(admin.get('barrier'), 'the answer after createDb');
    const user = client(url(), 'made-by-client', 'its-token');
    assert.deepEqual(await within(user.keys(), 'keys'), ['$connections']);
  });
});

describe('nun-db: watching', () => {
  test('another client sees each change in order, the writer not its own', async () => {
    const db = await createDatabase(server, 'watch-order');
    const [writer, reader] = [client(url(), db, db), client(url(), db, db)];
    const events = await watched(reader, 'k');
    const own = await watched(writer, 'k');
    for (const value of [1, 2, 3]) await within(writer.set('k', value), 'set');
    assert.deepEqual(
      (await events.take(3)).map((event) => event.value),
      [1, 2, 3],
    );
    await within(writer.get('k'), 'get');
    assert.equal(own.size, 0);
  });

  test('the current value comes first when asked for', async () => {
    const db = await createDatabase(server, 'watch-current');
    const [writer, reader] = [client(url(), db, db), client(url(), db, db)];
    await within(writer.set('k', 'before'), 'set');
    const events = await watched(reader, 'k', true);
    assert.equal((await events.next('the current value')).value, 'before');
    await within(writer.set('k', 'after'), 'set');
    assert.equal((await events.next('the change')).value, 'after');
  });

  test('a removal tells nothing, a later set does', async () => {
    const db = await createDatabase(server, 'watch-remove');
    const [writer, reader] = [client(url(), db, db), client(url(), db, db)];
    const events = await watched(reader, 'k');
    await within(writer.set('k', 1), 'set');
    await writer.remove('k');
    await within(writer.set('k', 2), 'set');
    assert.deepEqual(
      (await events.take(2)).map((event) => event.value),
      [1, 2],
    );
  });

  test('$connections counts the clients of the database', async () => {
    const db = await createDatabase(server, 'watch-connections');
    const first = client(url(), db, db);
    const events = await watched(first, '$connections');
    const second = client(url(), db, db);
    await connected(second);
    assert.equal((await events.next('the rise')).value, 2);
    second.goOffline();
    assert.equal((await events.next('the fall')).value, 1);
  });
});

describe('nun-db: users', () => {
  test('a user does what the permissions say and is denied the rest', async () => {
    const db = await createDatabase(server, 'users', {
      more: ['create-user ana ana-pwd', 'set-permissions ana rw mine*|r name', 'set name shown'],
    });
    const ana = client({ url: url(), db, user: 'ana', token: 'ana-pwd' });
    await within(ana.set('mine-1', 'x'), 'set');
    assert.equal((await within(ana.get('name'), 'get')).value, 'shown');
    const denied = { message: 'permission denied' };
    await within(assert.rejects(ana.set('name', 'Jose'), denied), 'the denied set');
    assert.equal((await within(ana.get('mine-1'), 'get')).value, 'x');
    // Last: the client keeps a part of a denied get in its queue and is of no use afterwards.
    await within(assert.rejects(ana.get('other'), denied), 'the denied get');
  });
});

describe('nun-db: arbiter', () => {
  const document = (id, value) => JSON.stringify({ _id: id, value });

  async function arbitrated(name, decide) {
    const db = await createDatabase(server, name, { strategy: 'arbiter' });
    const arbiter = client(url(), db, db);
    await connected(arbiter);
    await arbiter.becameArbiter(decide);
    await within(arbiter.get('barrier'), 'the answer after arbiter');
    const reader = client(url(), db, db);
    await connected(reader);
    return { db, arbiter, reader };
  }

  test('two writes with one version are merged and everybody sees the result', async () => {
    const conflicts = new Inbox('conflicts');
    const { db, reader } = await arbitrated('arbiter-two', (conflict) => {
      conflicts.push(conflict);
      return { _id: 99, value: conflict.values.map((value) => value.value).join('+') };
    });
    const [first, second] = [client(url(), db, db), client(url(), db, db)];
    await within(first.setValueSafe('k', 'a', 7), 'the first write');
    const events = await watched(reader, 'k');
    second.setValueSafe('k', 'b', 7); // has no promise that settles on a conflict
    const conflict = await conflicts.next('the conflict');
    assert.equal(conflict.key, 'k');
    assert.equal(conflict.db, db);
    assert.deepEqual(
      conflict.values.map((value) => value.value),
      ['a', 'b'],
    );
    assert.equal((await events.next('the merged value')).value, 'a+b');
    assert.deepEqual(await within(reader.get('k'), 'get'), { value: 'a+b', version: 9 });
  });

  test('a second conflict on a key waits for the first, and no value is lost', async () => {
    const conflicts = new Inbox('conflicts');
    let release;
    const held = new Promise((resolve) => {
      release = resolve;
    });
    const { db, reader } = await arbitrated('arbiter-chain', async (conflict) => {
      conflicts.push(conflict);
      await held;
      return { _id: 99, value: conflict.values.map((value) => value.value).join('+') };
    });
    const writer = await TcpClient.open(server.tcp, db);
    await writer.expectOk(`set-safe k 7 ${document(1, 'a')}`);
    for (const [id, value] of [
      [2, 'b'],
      [3, 'c'],
    ]) {
      const [status] = (await writer.command(`set-safe k 7 ${document(id, value)}`)).slice(-1);
      assert.match(status, /^error \$\$conflitct unresolved \$conflicts_k_[0-9]+ $/);
    }
    await conflicts.next('the first conflict');
    const events = await watched(reader, 'k');
    release();
    const second = await conflicts.next('the second conflict');
    assert.deepEqual(
      second.values.map((value) => value.value),
      ['a+b', 'c'],
    );
    const seen = await events.takeThrough((event) => event.value === 'a+b+c', 'the final value');
    assert.equal(seen.at(-1).value, 'a+b+c');
    await writer.expectOk('set k free'); // the conflict is over
    await writer.close();
  });

  test('an arbiter that registers later is handed the open conflict', async () => {
    const db = await createDatabase(server, 'arbiter-late', { strategy: 'arbiter' });
    const early = await TcpClient.open(server.tcp, db);
    await early.expectOk('arbiter');
    await early.close();
    const writer = await TcpClient.open(server.tcp, db);
    await writer.expectOk(`set-safe k 7 ${document(1, 'a')}`);
    const refused = await writer.command(`set-safe k 7 ${document(2, 'b')}`);
    assert.match(refused.at(-1), /^error \$\$conflitct unresolved/);
    const late = client(url(), db, db);
    await connected(late);
    await late.becameArbiter((conflict) => conflict.values[1]);
    await until(
      async () => (await writer.command('get k'))[0] === `value ${document(2, 'b')}`,
      'the resolution',
    );
    await writer.close();
  });
});

describe('nun-db: reconnecting', () => {
  test('after a restart on the same port it is back, and its watch with it', async () => {
    // `demo` is a database that every server has from its start.
    const first = await startServer({});
    const made = client(`ws://${first.ws}`, 'demo', 'demo');
    await connected(made);
    const events = await watched(made, 'k');
    await first.stop();
    await until(() => made._connection.readyState === 3, 'the client to notice');
    const { ws, http, tcp } = first;
    const second = await startServer({ addresses: { ws, http, tcp } });
    const writer = await TcpClient.open(second.tcp, 'demo');
    // The client watches again some time after it is connected, and says so to nobody.
    let number = 0;
    const event = await until(async () => {
      number += 1;
      await writer.expectOk(`set k ${number}`);
      return events.drain()[0];
    }, 'an event after the restart');
    assert.ok(event.value >= 1 && event.value <= number);
    assert.equal(await within(made.getValue('k'), 'getValue'), number);
    await writer.close();
    made.goOffline();
    await stopCleanly(second);
  });

  test('requests that were answered before the stop leave nothing hanging', async () => {
    const running = await startServer({});
    const made = client(`ws://${running.ws}`, 'demo', 'demo');
    await connected(made);
    const writes = Array.from({ length: 50 }, (_, index) => made.set(`k${index}`, index));
    await within(Promise.all(writes), 'every write');
    const { code } = await running.stop();
    assert.equal(code, 0);
    await until(() => made._connection.readyState === 3, 'the client to notice');
    assert.equal(made._pendingPromises.length, 0);
  });
});

test('a client of one database never sees another', async () => {
  const [one, two] = [
    await createDatabase(server, 'apart-1'),
    await createDatabase(server, 'apart-2'),
  ];
  const [left, right] = [client(url(), one, one), client(url(), two, two)];
  const events = await watched(right, 'k');
  await within(left.set('k', 'left'), 'set');
  assert.equal(await within(right.getValue('k'), 'getValue'), null);
  assert.equal(events.size, 0);
});
