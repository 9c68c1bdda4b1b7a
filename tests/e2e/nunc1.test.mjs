// The subprotocol nunc.1 as docs/protocol.md describes it, from the outside.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  createDatabase,
  kAdmin,
  startServer,
  stopCleanly,
  TcpClient,
  within,
  WsClient,
} from './harness.mjs';
import { JsonClient, kProtocol } from './json_client.mjs';
import { frame, kOpcode, RawWs } from './raw_ws.mjs';
import { Journals } from './watch_journal.mjs';

const kDepthMax = 512;
const kBatchMax = 1000;
const kMiB = 1 << 20;
const kBatchAnswerBytesMax = 16 * kMiB;
const kValueBytesMax = 8 * kMiB;

const journals = new Journals();
let server;
before(async () => {
  server = await journals.start();
});
after(() => journals.stopAndCheck(server));

const connect = (options) => JsonClient.connect(server.ws, options);
const open = (db, options) => JsonClient.open(server.ws, db, options);

describe('nunc.1: opening', () => {
  test('who offers it is greeted with the limits, on both ports', async () => {
    const sessions = new Set();
    for (const address of [server.ws, server.http]) {
      const client = await JsonClient.connect(address);
      assert.equal(client.ws.socket.protocol, kProtocol);
      const { session, server: name, ...rest } = client.hello;
      assert.match(session, /^[0-9a-f]{32}$/);
      assert.match(name, /^nunc \d+\.\d+\.\d+$/);
      sessions.add(session);
      assert.deepEqual(rest, {
        protocol: kProtocol,
        limits: {
          message_bytes: Math.ceil(kValueBytesMax / 3) * 4 + 16_384,
          key_bytes: 4096,
          value_bytes: kValueBytesMax,
          batch: kBatchMax,
          watches: 100_000,
        },
        heartbeat_ms: 30_000,
      });
      await client.close();
    }
    assert.equal(sessions.size, 2);
  });

  test('it is chosen among others, and not by another name', async () => {
    const chosen = await connect({ protocols: ['chat', kProtocol] });
    assert.equal(chosen.ws.socket.protocol, kProtocol);
    await chosen.close();
    const raw = await RawWs.connect(server.ws, { headers: { 'Sec-WebSocket-Protocol': 'NUNC.1' } });
    assert.doesNotMatch(raw.head, /sec-websocket-protocol/i);
    raw.send(frame(kOpcode.text, 'ping'));
    assert.equal((await raw.frames.next()).payload.toString(), 'pong\n');
    raw.destroy();
  });
});

describe('nunc.1: keys and values', () => {
  test('what one connection sets another reads and hears of', async () => {
    const db = await createDatabase(server, 'two');
    const [writer, watcher] = [await open(db), await open(db)];
    assert.deepEqual(await watcher.ok({ op: 'watch', key: 'k' }), {});
    const set = await writer.ok({ op: 'set', key: 'k', value: { a: [1, null, 'é"'] } });
    assert.equal(set.version, 0);
    const before = Date.now();
    const pushed = await watcher.next();
    assert.ok(Math.abs(pushed.at - before) < 60_000, `${pushed.at}`);
    assert.deepEqual(pushed, {
      push: 'set',
      db,
      key: 'k',
      value: { a: [1, null, 'é"'] },
      version: 0,
      revision: set.revision,
      at: pushed.at,
    });
    assert.deepEqual(await watcher.ok({ op: 'get', key: 'k' }), {
      found: true,
      value: { a: [1, null, 'é"'] },
      version: 0,
      revision: set.revision,
    });
    const again = await writer.ok({ op: 'set-safe', key: 'k', version: 0, text: 'plain' });
    assert.deepEqual(again, { version: 1, revision: set.revision + 1 });
    assert.equal((await watcher.next()).text, 'plain');
    const refused = await writer.error({ op: 'set-safe', key: 'k', version: 0, text: 'late' });
    assert.deepEqual(refused, {
      code: 'invalid-version',
      message: 'Invalid version!',
      field: 'version',
    });
    const removed = await writer.ok({ op: 'remove', key: 'k' });
    const { at, ...rest } = await watcher.next();
    assert.ok(at > 0);
    assert.deepEqual(rest, { push: 'removed', db, key: 'k', revision: removed.revision });
    assert.deepEqual(await watcher.ok({ op: 'get', key: 'k' }), { found: false });
    for (const client of [writer, watcher]) await client.close();
  });

  test('an increment says the sum, keys are listed, unwatched keys are not told', async () => {
    const client = await open(await createDatabase(server, 'sum'));
    assert.equal((await client.ok({ op: 'increment', key: 'n' })).value, 1);
    assert.equal((await client.ok({ op: 'increment', key: 'n', by: -5 })).value, -4);
    await client.ok({ op: 'watch', key: 'n' });
    const { pushes } = await client.ask({ op: 'increment', key: 'n' });
    assert.deepEqual(
      pushes.map((push) => push.value),
      [-3],
    );
    await client.ok({ op: 'unwatch', key: 'n' });
    assert.deepEqual((await client.ask({ op: 'increment', key: 'n' })).pushes, []);
    const { keys } = await client.ok({ op: 'keys', pattern: 'n' });
    assert.deepEqual(keys, ['$connections', 'n']);
    await client.close();
  });

  test('bytes, text and JSON come back as what they are', async () => {
    const client = await open(await createDatabase(server, 'forms'));
    const bytes = Buffer.from([0, 255, 254, 10, 13]).toString('base64');
    const forms = [
      [{ base64: bytes }, { base64: bytes }],
      [{ base64: Buffer.from('é').toString('base64') }, { text: 'é' }],
      [{ text: 'a\nb\u0000"\\\u2028' }, { text: 'a\nb\u0000"\\\u2028' }],
      [{ text: '' }, { text: '' }],
      [{ text: ' [1, 2] ' }, { value: [1, 2] }],
      [{ text: '[1, 2' }, { text: '[1, 2' }],
      [{ value: 'text' }, { value: 'text' }],
      [{ value: null }, { value: null }],
      [{ value: 1e300 }, { value: 1e300 }],
      [{ text: '1e999' }, { text: '1e999' }],
    ];
    for (const [written, expected] of forms) {
      await client.ok({ op: 'set', key: 'k', ...written });
      const { found, version, revision, ...value } = await client.ok({ op: 'get', key: 'k' });
      assert.ok(found && version >= 0 && revision > 0);
      assert.deepEqual(value, expected);
    }
    await client.close();
  });

  test('the largest value fits in base64, and a byte more is refused by its name', async () => {
    const client = await open(await createDatabase(server, 'largest'));
    const largest = Buffer.alloc(kValueBytesMax, 0xff);
    await client.ok({ op: 'set', key: 'k', base64: largest.toString('base64') });
    const { base64 } = await client.ok({ op: 'get', key: 'k' });
    assert.ok(Buffer.from(base64, 'base64').equals(largest));
    const more = Buffer.alloc(kValueBytesMax + 1).toString('base64');
    const refused = await client.error({ op: 'set', key: 'k', base64: more });
    assert.equal(refused.code, 'value-too-long');
    await client.ok({ op: 'ping' });
    const limit = client.hello.limits.message_bytes;
    const frame_of = (size) => `{"id":9,"op":"ping"}${' '.repeat(size - 20)}`;
    client.send(frame_of(limit));
    assert.deepEqual(await client.next(), { id: 9, ok: {} });
    client.send(frame_of(limit + 1));
    assert.equal((await within(client.ws.closed, 'the close')).code, 1009);
  });
});

describe('nunc.1: beside NQL', () => {
  test('each hears of the changes of the other in its own words', async () => {
    const db = await createDatabase(server, 'both');
    const json = await open(db);
    const nql = await WsClient.open(server.ws, db);
    const tcp = await TcpClient.open(server.tcp, db);
    await json.ok({ op: 'watch', key: 'k' });
    for (const client of [nql, tcp]) await client.expectOk('watch k');
    await nql.command('set k {"a": 1}');
    assert.deepEqual((await json.next()).value, { a: 1 });
    assert.deepEqual(await tcp.inbox.take(2), [
      'changed k {"a": 1}',
      'changed-version k 0 {"a": 1}',
    ]);
    await json.ask({ op: 'set', key: 'k', value: { a: 2 } });
    assert.deepEqual(await tcp.inbox.take(2), ['changed k {"a":2}', 'changed-version k 1 {"a":2}']);
    assert.deepEqual(await nql.inbox.take(2), [
      'changed k {"a":2}\n',
      'changed-version k 1 {"a":2}\n',
    ]);
    for (const client of [json, nql, tcp]) await client.close();
  });

  test('no value can end an NQL message or break its UTF-8', async () => {
    const db = await createDatabase(server, 'forged');
    const json = await open(db);
    const nql = await WsClient.open(server.ws, db);
    const tcp = await TcpClient.open(server.tcp, db);
    for (const client of [nql, tcp]) await client.expectOk('watch k');
    await json.ok({ op: 'set', key: 'k', text: 'a\nok \nb' });
    assert.deepEqual(await tcp.inbox.take(2), ['changed k aok b', 'changed-version k 0 aok b']);
    assert.deepEqual(await tcp.expectOk('get k'), ['value aok b']);
    await json.ok({ op: 'set', key: 'k', base64: '/2E=' });
    await nql.inbox.take(4);
    assert.deepEqual(await nql.expectOk('get k'), ['value \ufffda\n']);
    assert.equal((await json.error({ op: 'set', key: 'a b', text: '' })).code, 'key-character');
    for (const client of [json, nql, tcp]) await client.close();
  });

  test('a conflict of NQL is decided by an arbiter of nunc.1', async () => {
    const db = await createDatabase(server, 'arbited', { strategy: 'arbiter' });
    const json = await open(db);
    const tcp = await TcpClient.open(server.tcp, db);
    await json.ok({ op: 'arbiter' });
    await tcp.expectOk('set-safe k 4 an old value');
    await tcp.command('set-safe k 1 {"new": true}');
    const { conflict, revision, at, ...rest } = await json.next();
    assert.ok(revision > 0 && at > 0);
    assert.deepEqual(rest, {
      push: 'conflict',
      db,
      key: 'k',
      version: 5,
      reference: { text: 'an old value' },
      new: { value: { new: true } },
    });
    const { pushes } = await json.ask({ op: 'arbiter' });
    assert.deepEqual(pushes, [{ conflict, ...rest }]);
    assert.equal((await json.ok({ op: 'get', key: 'k' })).version, -2);
    await json.ok({ op: 'resolve', conflict, db, key: 'k', version: 5, value: { both: 1 } });
    assert.deepEqual(await tcp.expectOk('get-safe k'), ['value-version 6 {"both":1}']);
    for (const client of [json, tcp]) await client.close();
  });
});

describe('nunc.1: administration', () => {
  test('a wrong password is an error, a right one makes an admin', async () => {
    const client = await connect();
    assert.equal((await client.error({ op: 'keys' })).code, 'no-db-selected');
    assert.equal((await client.error({ op: 'debug', what: 'list-dbs' })).code, 'not-admin');
    const { user } = kAdmin;
    assert.equal((await client.error({ op: 'auth', user, password: '' })).code, 'invalid-auth');
    await client.ok({ op: 'auth', ...kAdmin });
    await client.ok({ op: 'create-db', name: 'made', token: 't', strategy: 'newer', ack: 'disk' });
    const again = await client.error({ op: 'create-db', name: 'made', token: 't' });
    assert.equal(again.code, 'db-exists');
    const { lines } = await client.ok({ op: 'debug', what: 'list-dbs' });
    assert.ok(lines.includes('made : newer'), lines.join());
    await client.ok({ op: 'use-db', db: 'made', token: 't' });
    await client.ok({ op: 'create-user', user: 'u', token: 'a b' });
    await client.ok({ op: 'set-permissions', user: 'u', list: 'r *' });
    const guest = await connect();
    await guest.ok({ op: 'use-db', db: 'made', user: 'u', token: 'a b' });
    const denied = await guest.error({ op: 'set', key: 'k', text: 'v' });
    assert.deepEqual(denied, { code: 'permission-denied', message: 'permission denied' });
    await guest.ok({ op: 'watch', key: 'k' });
    await client.ok({ op: 'drop-db', name: 'made' });
    const { push, key, db } = await guest.next();
    assert.deepEqual([push, key, db], ['removed', 'k', undefined]);
    assert.equal((await client.ok({ op: 'list-commands' })).lines[0], 'auth');
    assert.match((await client.ok({ op: 'oplog', what: 'info' })).lines[0], /^segments: /);
    for (const one of [client, guest]) await one.close();
  });
});

describe('nunc.1: what cannot be read', () => {
  const deep = (levels) => `${'['.repeat(levels)}1${']'.repeat(levels)}`;
  const setDeep = (levels) => `{"id":5,"op":"set","key":"k","value":${deep(levels)}}`;
  const cases = [
    ['{', null, 'bad-json'],
    ['', null, 'bad-json'],
    ['\u0000\u0001garbage{}[]', null, 'bad-json'],
    ['{"id":5,"op":"ping"}{"id":6,"op":"ping"}', null, 'bad-json'],
    ['set k v', null, 'bad-json'],
    ['{"id":5,"op":"set","key":"k","value":1e400}', null, 'bad-json'],
    [setDeep(kDepthMax), null, 'too-deep'],
    [setDeep(1_000_000), null, 'too-deep'],
    [`{"id":5,"value":${'['.repeat(1_000_000)}`, null, /^(bad-json|too-deep)$/],
    ['[]', null, 'bad-request'],
    ['{"op":"ping"}', null, 'bad-request', 'id'],
    ['{"id":-1,"op":"ping"}', null, 'bad-request', 'id'],
    ['{"id":5}', 5, 'bad-request', 'op'],
    ['{"id":"five","op":"pnig"}', 'five', 'unknown-op', 'op'],
    ['{"id":5,"op":"get","key":"k","kye":1}', 5, 'bad-field', 'kye'],
    ['{"id":5,"op":"get","key":"k","key":"l"}', 5, 'bad-field', 'key'],
    ['{"id":5,"op":"get"}', 5, 'bad-field', 'key'],
    ['{"id":5,"op":"set","key":"k"}', 5, 'bad-field', 'value'],
    ['{"id":5,"op":"get","key":""}', 5, 'empty-key', 'key'],
    [JSON.stringify({ id: 5, op: 'get', key: 'k'.repeat(4097) }), 5, 'key-too-long', 'key'],
  ];
  test('is answered with what is wrong with it, and the connection lives on', async () => {
    const client = await open(await createDatabase(server, 'wrong'));
    for (const [text, id, code, field] of cases) {
      client.send(text);
      const answer = await client.next(text.slice(0, 60));
      assert.equal(answer.id, id, text.slice(0, 60));
      assert.match(answer.error.code, code instanceof RegExp ? code : new RegExp(`^${code}$`));
      assert.equal(answer.error.field, field, text.slice(0, 60));
      assert.ok(answer.error.message.length > 0 && answer.error.message.length < 300);
    }
    client.send(setDeep(kDepthMax - 1));
    assert.equal((await client.next()).id, 5);
    client.ws.send(Buffer.from('{"id":5,"op":"ping"}'), { binary: true });
    assert.equal((await client.next()).error.code, 'bad-request');
    assert.deepEqual(await client.ok({ op: 'ping' }), {});
    await client.close();
  });

  test('what breaks WebSocket ends the connection with its code', async () => {
    const headers = { 'Sec-WebSocket-Protocol': kProtocol };
    const client = await RawWs.connect(server.ws, { headers });
    await client.frames.next('the greeting');
    client.send(frame(kOpcode.text, Buffer.from([0x22, 0xff, 0x22])));
    assert.equal(await client.closeCode('no UTF-8'), 1007);
    client.destroy();
  });

  test('pings are answered, also between the fragments of a request', async () => {
    const headers = { 'Sec-WebSocket-Protocol': kProtocol };
    const client = await RawWs.connect(server.ws, { headers });
    await client.frames.next('the greeting');
    client.send(
      frame(kOpcode.text, '{"id":1,', { fin: false }),
      frame(kOpcode.ping, 'x'),
      frame(kOpcode.continuation, '"op":"ping"}'),
    );
    const [pong, answer] = await client.frames.take(2);
    assert.deepEqual([pong.opcode, pong.payload.toString()], [kOpcode.pong, 'x']);
    assert.equal(answer.payload.toString(), '{"id":1,"ok":{}}');
    client.destroy();
  });
});

describe('nunc.1: ids and order', () => {
  test('pipelined requests are answered in order, each with its id', async () => {
    const client = await open(await createDatabase(server, 'pipelined'));
    const kRequests = 3000;
    for (let i = 0; i < kRequests; i += 1) {
      const id = i % 2 === 0 ? i : `i${i}`;
      if (i % 3 === 0) client.send({ id, op: 'set', key: 'k', value: i });
      else if (i % 3 === 1) client.send({ id, op: 'get', key: 'k' });
      else client.send({ id, op: 'nothing' });
    }
    for (let i = 0; i < kRequests; i += 1) {
      const answer = await client.next(`answer ${i}`);
      assert.equal(answer.id, i % 2 === 0 ? i : `i${i}`);
      if (i % 3 === 1) assert.equal(answer.ok.value, i - 1);
      if (i % 3 === 2) assert.equal(answer.error.code, 'unknown-op');
    }
    await client.close();
  });

  describe('while the disk is waited for', () => {
    let durable;
    before(async () => {
      durable = await startServer({ args: ['--ack', 'disk'] });
      await createDatabase(durable, 'd');
    });
    after(() => stopCleanly(durable));

    test('an id that is not answered cannot be used again, and afterwards it can', async () => {
      // One write to the socket, so that both are read before the disk can answer.
      const headers = { 'Sec-WebSocket-Protocol': kProtocol };
      const raw = await RawWs.connect(durable.ws, { headers });
      const requests = [
        { id: 1, op: 'use-db', db: 'd', token: 'd' },
        { id: 7, op: 'set', key: 'k', text: 'v' },
        { id: 7, op: 'get', key: 'k' },
        { id: '7', op: 'get', key: 'k' },
      ].map((request) => frame(kOpcode.text, JSON.stringify(request)));
      raw.socket.write(Buffer.concat(requests));
      const answers = (await raw.frames.take(5)).map((item) => JSON.parse(item.payload));
      assert.deepEqual(
        answers.slice(1).map(({ id, ok, error }) => [id, error ? error.code : Object.keys(ok)]),
        [
          [1, []],
          [7, ['version', 'revision']],
          [7, 'id-in-use'],
          ['7', ['found', 'text', 'version', 'revision']],
        ],
      );
      raw.socket.write(frame(kOpcode.text, '{"id":7,"op":"ping"}'));
      assert.equal((await raw.frames.next()).payload.toString(), '{"id":7,"ok":{}}');
      raw.destroy();
    });

    test('over 4,096 requests wait, batches and refused ones among them', async () => {
      const client = await JsonClient.open(durable.ws, 'd');
      const kRounds = 1500;
      for (let i = 0; i < kRounds; i += 1) {
        client.send({ id: `s${i}`, op: 'set', key: 'k', value: i });
        client.send({ id: `b${i}`, op: 'batch', requests: [{ op: 'get', key: 'k' }, { op: 'x' }] });
        client.send('{');
      }
      for (let i = 0; i < kRounds; i += 1) {
        assert.equal((await client.next()).id, `s${i}`);
        const { id, ok } = await client.next();
        assert.equal(id, `b${i}`);
        assert.equal(ok.replies[0].ok.value, i);
        assert.equal(ok.replies[1].error.code, 'unknown-op');
        assert.equal((await client.next()).error.code, 'bad-json');
      }
      await client.close();
    });
  });
});

describe('nunc.1: batches', () => {
  test('are answered as one, each request with ok or error', async () => {
    const client = await open(await createDatabase(server, 'batches'));
    await client.ok({ op: 'watch', key: 'a' });
    const { pushes, answer } = await client.ask({
      op: 'batch',
      requests: [
        { op: 'set', key: 'a', value: 1 },
        { op: 'get', key: 'a' },
        { op: 'get' },
        'nonsense',
        { id: 1, op: 'ping' },
        { op: 'batch', requests: [] },
        { op: 'ping' },
      ],
    });
    assert.equal(pushes.length, 1);
    const shown = answer.ok.replies.map(({ ok, error }) => error?.code ?? ok.value ?? 'ok');
    assert.deepEqual(shown, [
      'ok',
      1,
      'bad-field',
      'bad-request',
      'bad-field',
      'bad-request',
      'ok',
    ]);
    assert.deepEqual(await client.ok({ op: 'batch', requests: [] }), { replies: [] });
    assert.equal((await client.error({ op: 'batch' })).field, 'requests');
    await client.close();
  });

  test('with multi and exec in them do all or nothing', async () => {
    const db = await createDatabase(server, 'transactions');
    const client = await open(db);
    const watcher = await open(db);
    const heard = journals.of(db).listenTo(watcher, 'w');
    heard.watch('*', '0');
    await watcher.ok({ op: 'watch', key: '*', since: '0' });
    await client.ok({ op: 'set', key: 'a', value: 1 });
    const { revision } = await client.ok({ op: 'set', key: 'gone', value: 1 });
    const run = async (...writes) => {
      const requests = [{ op: 'multi' }, ...writes, { op: 'exec' }];
      const { replies } = await client.ok({ op: 'batch', requests });
      return replies.map(({ ok, error }) => ok ?? error);
    };
    const done = await run(
      { op: 'put', key: 'a', 'if-version': 0, value: 2 },
      { op: 'increment', key: 'n', by: 5 },
      { op: 'remove', key: 'gone' },
    );
    assert.deepEqual(done[1], { queued: true });
    assert.deepEqual(done[4], { versions: [1, 0, null], revision: revision + 1 });
    const refused = await run({ op: 'set', key: 'b', value: 1 }, { op: 'no-such-op' });
    assert.deepEqual([refused[2].code, refused[3].code], ['unknown-op', 'transaction-spoiled']);
    assert.deepEqual(await client.ok({ op: 'get', key: 'b' }), { found: false });
    await client.close();
    await watcher.ok({ op: 'ping' });
    heard.rest();
    await watcher.close();
  });

  test('have at most 1,000 requests, and one more runs none', async () => {
    const client = await open(await createDatabase(server, 'counted'));
    const requests = Array.from({ length: kBatchMax }, () => ({ op: 'increment', key: 'n' }));
    const { replies } = await client.ok({ op: 'batch', requests });
    assert.deepEqual(
      replies.map(({ ok }) => ok.value),
      requests.map((_, i) => i + 1),
    );
    const refused = await client.error({ op: 'batch', requests: [...requests, { op: 'ping' }] });
    assert.equal(refused.code, 'too-many-requests');
    assert.equal((await client.ok({ op: 'get', key: 'n' })).value, kBatchMax);
    await client.close();
  });

  test('an answer at its limit runs nothing more, and says so', async () => {
    const client = await open(await createDatabase(server, 'full'));
    // Each reply is its text and less than 100 bytes.
    await client.ok({ op: 'set', key: 'big', text: 'b'.repeat(kMiB) });
    const get = { op: 'get', key: 'big' };
    const gets = Array.from({ length: kBatchAnswerBytesMax / kMiB }, () => get);
    const requests = [...gets, { op: 'set', key: 'after', text: 'v' }, { op: 'ping' }];
    const { replies } = await client.ok({ op: 'batch', requests });
    assert.ok(replies.slice(0, gets.length).every(({ ok }) => ok.text.length === kMiB));
    assert.deepEqual(
      replies.slice(gets.length).map(({ error }) => error.code),
      ['not-run', 'not-run'],
    );
    assert.deepEqual(await client.ok({ op: 'get', key: 'after' }), { found: false });
    // One get less, and the reply before the last stays below.
    const fewer = [...gets.slice(1), { op: 'set', key: 'after', text: 'v' }];
    assert.ok((await client.ok({ op: 'batch', requests: fewer })).replies.at(-1).ok);
    await client.close();
  });
});

describe('nunc.1: permessage-deflate', () => {
  test('changes and answers reach compressed and plain connections alike', async () => {
    const db = await createDatabase(server, 'packed');
    const packed = await open(db, { perMessageDeflate: { threshold: 0 } });
    const plain = await open(db);
    assert.match(packed.ws.socket.extensions, /permessage-deflate/);
    const watchers = [packed, plain];
    for (const client of watchers) await client.ok({ op: 'watch', key: 'k' });
    const writer = await open(db, { perMessageDeflate: { threshold: 0 } });
    for (const value of ['short', 'é漢😀'.repeat(2000), { now: 'x'.repeat(200_000) }]) {
      await writer.ok({ op: 'set', key: 'k', value });
      for (const client of watchers) {
        assert.deepEqual((await client.next()).value, value);
        assert.deepEqual((await client.ok({ op: 'get', key: 'k' })).value, value);
      }
    }
    for (const client of [...watchers, writer]) await client.close();
  });
});

test('nunc.1: who does not read gets the newest value later', async () => {
  const db = await createDatabase(server, 'slow');
  const slow = await open(db);
  await slow.ok({ op: 'watch', key: 'k' });
  slow.ws.socket.pause();
  const writer = await open(db);
  const value = 'v'.repeat(kMiB);
  const kWrites = 30;
  for (let i = 0; i < kWrites; i += 1) {
    await writer.ok({ op: 'set', key: 'k', text: `${i}${value}` });
  }
  await writer.ok({ op: 'set', key: 'k', text: 'last' });
  slow.ws.socket.resume();
  const pushes = await slow.ws.inbox.takeThrough((text) => text.includes('"last"'), 'the last');
  assert.ok(pushes.length < kWrites, `${pushes.length} pushes`);
  const { push, key, version, db: name } = JSON.parse(pushes.at(-1));
  assert.deepEqual([push, key, version, name], ['set', 'k', kWrites, db]);
  for (const client of [slow, writer]) await client.close();
});

test('nunc.1: a server that stops says so', async () => {
  const other = await startServer();
  const client = await JsonClient.connect(other.ws);
  const stopped = stopCleanly(other);
  assert.equal((await within(client.ws.closed, 'the close')).code, 1001);
  await stopped;
});
