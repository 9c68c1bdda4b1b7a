// What the reference server does and this one must not: the unsafe quirks of
// docs/reference-server.md §7, each named in the title of its test.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  createDatabase,
  httpPost,
  openAdmin,
  startServer,
  stopCleanly,
  TcpClient,
  WsClient,
} from './harness.mjs';
import { frame, kOpcode, RawWs } from './raw_ws.mjs';

let server;
before(async () => {
  server = await startServer();
});
after(() => stopCleanly(server));

const status = async (client, line) => (await client.command(line)).at(-1).trimEnd();
const refused = /^error .{3,}/;

async function allDoorsWork() {
  const tcp = await TcpClient.open(server.tcp, 'demo');
  await tcp.settle();
  await tcp.close();
  const ws = await WsClient.open(server.ws, 'demo');
  await ws.settle();
  await ws.close();
  assert.equal((await httpPost(server.http, 'ping')).body, 'pong\n');
}

test('Q16: a line feed in a key, a name or a user is refused and runs nothing', async () => {
  const db = await createDatabase(server, 'q16');
  const client = await WsClient.open(server.ws, db);
  const admin = await WsClient.open(server.ws, db);
  await admin.expectOk('auth admin admin-pwd');
  for (const command of [
    'set a\nb v',
    'set-safe a\nb 1 v',
    'increment a\nb',
    'remove a\nb',
    'watch a\nb',
    'get a\nb',
  ]) {
    assert.match(await status(client, command), refused, command);
  }
  for (const command of ['create-db evil\nname t', 'create-user evil\nuser t']) {
    assert.match(await status(admin, command), refused, command);
  }
  assert.deepEqual(await client.expectOk('keys'), ['keys ,$connections\n']);
  await client.close();
  await admin.close();
});

test('Q17, Q35, Q39: nothing that anyone sends stops a door', async () => {
  const lines = [
    'election candidate x',
    'election candidate 1 a',
    'election alive',
    'election',
    'rp',
    'rp 1 rp 2 rp 3 get k',
    'ack 1 a',
    'snapshot true',
    'snapshot true demo',
    'snapshot false a|b',
    'debug',
    'resolve 1 d k 1 v',
    'arbiter',
    'set-safe k -2 v',
    'set k v',
    'increment k 99999999999999999999999',
    'replicate',
    'replicate-since a b',
    'join a',
    'use',
    'use-db $admin',
    'keys *',
    'ls **',
  ];
  for (const login of [
    [],
    ['auth admin admin-pwd'],
    ['auth admin admin-pwd', 'use-db demo demo'],
  ]) {
    const tcp = await TcpClient.open(server.tcp);
    const ws = await WsClient.open(server.ws);
    for (const line of [...login, ...lines]) {
      await tcp.command(line);
      await ws.command(line);
      await httpPost(server.http, [...login, line].join(';'));
    }
    await tcp.close();
    await ws.close();
  }
  const binary = await RawWs.connect(server.ws);
  binary.send(frame(kOpcode.binary, Buffer.from([0xff, 0xfe, 0x00])));
  await binary.frames.next('an answer');
  binary.destroy();
  await allDoorsWork();
});

test('Q26: a negative version other than -1 is refused', async () => {
  const client = await TcpClient.open(server.tcp, await createDatabase(server, 'q26'));
  await client.expectOk('set k a');
  for (const version of ['-2', '-3', '-2147483648']) {
    assert.match(await status(client, `set-safe k ${version} b`), refused);
    assert.match(await status(client, `set-safe new ${version} b`), refused);
  }
  await client.expectOk('set k c');
  assert.deepEqual(await client.expectOk('get-safe k'), ['value-version 1 c']);
  assert.deepEqual(await client.expectOk('get-safe new'), ['value-version 1 <Empty>']);
  await client.close();
});

test('Q27: a removed user cannot log in, nor a user whose token is removed', async () => {
  const db = await createDatabase(server, 'q27', {
    more: ['create-user ana ana-pwd', 'create-user bob bob-pwd'],
  });
  const admin = await openAdmin(server, db);
  await admin.expectOk('snapshot');
  await admin.expectOk('remove $$user_ana');
  const client = await TcpClient.open(server.tcp);
  for (const token of ['ana-pwd', '<Empty>', '']) {
    assert.equal(await status(client, `use-db ${db} ana ${token}`), 'error Invalid token', token);
  }
  await client.expectOk(`use-db ${db} bob bob-pwd`);
  await client.close();
  await admin.close();
});

test('Q29: an increment of a removed key starts again', async () => {
  const client = await TcpClient.open(server.tcp, await createDatabase(server, 'q29'));
  await client.expectOk('set n 5');
  await client.expectOk('remove n');
  await client.expectOk('increment n');
  assert.deepEqual(await client.expectOk('get n'), ['value 1']);
  await client.close();
});

test('Q30: increments are 64 bits wide, what does not fit or is no number is refused', async () => {
  const client = await TcpClient.open(server.tcp, await createDatabase(server, 'q30'));
  await client.expectOk('set n 2147483647');
  await client.expectOk('increment n');
  assert.deepEqual(await client.expectOk('get n'), ['value 2147483648']);
  await client.expectOk('set n 9223372036854775806');
  await client.expectOk('increment n');
  assert.match(await status(client, 'increment n'), refused);
  assert.deepEqual(await client.expectOk('get n'), ['value 9223372036854775807']);
  await client.expectOk('set n -9223372036854775808');
  assert.match(await status(client, 'increment n -1'), refused);
  await client.expectOk('set text five');
  assert.equal(await status(client, 'increment text'), 'error Key is not numeric');
  assert.deepEqual(await client.expectOk('get text'), ['value five']);
  await client.close();
});

test('Q31: a session without the right may not resolve, nobody a secure key', async () => {
  const db = await createDatabase(server, 'q31', {
    strategy: 'arbiter',
    more: [
      'create-user reader pwd',
      'set-permissions reader r k',
      'create-user writer pwd',
      'set-permissions writer rw k',
    ],
  });
  const [reader, writer] = [await TcpClient.open(server.tcp), await TcpClient.open(server.tcp)];
  await reader.expectOk(`use-db ${db} reader pwd`);
  await reader.expectOk('arbiter');
  await writer.expectOk(`use-db ${db} writer pwd`);
  await writer.expectOk('set-safe k 5 first');
  const [, id] = /conflicts_k_([0-9]+)$/.exec(await status(writer, 'set-safe k 5 second'));
  // One has registered and may not write, the other may write and has not registered.
  for (const client of [reader, writer]) {
    const reply = await client.command(`resolve ${id} ${db} k 0 forced`);
    assert.match(reply.join('\n'), /^error .{3,}/m);
    await client.settle();
    await client.command(`resolve ${id} ${db} $$token 0 stolen`);
    await client.settle();
    assert.deepEqual(await client.expectOk('get k'), ['value first']);
  }
  const other = await TcpClient.open(server.tcp);
  assert.equal(await status(other, `use-db ${db} stolen`), 'error Invalid token');
  await writer.expectOk('arbiter');
  await writer.expectOk(`resolve ${id} ${db} k 6 decided`);
  await writer.inbox.drain();
  assert.deepEqual(await reader.expectOk('get k'), ['value decided']);
  for (const client of [reader, writer, other]) await client.close();
});

test('Q32: the conflict queue is not for clients to write', async () => {
  const client = await TcpClient.open(
    server.tcp,
    await createDatabase(server, 'q32', { strategy: 'arbiter' }),
  );
  for (const line of [
    'set $conflicts_k_1 resolve',
    'set-safe $conflicts_k_1 1 x',
    'increment $conflicts_k_1',
    'remove $conflicts_k_1',
  ]) {
    assert.match(await status(client, line), refused, line);
  }
  await client.close();
});

test('Q35, Q52: cluster verbs are refused to those who are not the admin', async () => {
  const db = await createDatabase(server, 'q35');
  const client = await TcpClient.open(server.tcp, db);
  const verbs = [
    `replicate ${db} k -1 v`,
    `replicate-remove ${db} k`,
    `replicate-increment ${db} k`,
    'replicate-join a',
    'replicate-leave a',
    'join a',
    'leave a',
    'set-primary a',
    'set-secoundary a',
    'election win',
    'election alive a',
    'rp 1 get k',
    'ack 1 a',
    `replicate-snapshot ${db}`,
  ];
  for (const verb of verbs) assert.match(await status(client, verb), refused, verb);
  assert.deepEqual(await client.expectOk('keys'), ['keys ,$connections']);
  await client.close();
});

test('Q38: a database name cannot be a path', async () => {
  const admin = await openAdmin(server);
  for (const name of ['../x', 'a/b', '..', '.', 'a\\b']) {
    assert.match(await status(admin, `create-db ${name} t`), refused, name);
  }
  await admin.close();
});

test('Q45: an open conflict of a longer key is not one of a shorter key', async () => {
  const db = await createDatabase(server, 'q45', { strategy: 'arbiter' });
  const arbiter = await TcpClient.open(server.tcp, db);
  await arbiter.expectOk('arbiter');
  const writer = await TcpClient.open(server.tcp, db);
  for (const key of ['ab', 'a', 'a_b']) await writer.expectOk(`set-safe ${key} 0 1`);
  const opened = new Map();
  for (const key of ['ab', 'a_b', 'a']) {
    const text = await status(writer, `set-safe ${key} 0 2`);
    const [, id] =
      new RegExp(`^error \\$\\$conflitct unresolved \\$conflicts_${key}_([0-9]+)$`).exec(text) ??
      assert.fail(text);
    opened.set(key, id);
    assert.equal(
      (await arbiter.inbox.next('the conflict')).trimEnd(),
      `resolve ${id} ${db} 1 ${key} 1 2`,
    );
  }
  await arbiter.expectOk(`resolve ${opened.get('a')} ${db} a 1 done`);
  assert.deepEqual(await writer.expectOk('get-safe a'), ['value-version 2 done']);
  assert.deepEqual(await writer.expectOk('get-safe ab'), ['value-version -2 1']);
  await writer.close();
  await arbiter.close();
});

test('a semicolon splits outside balanced quotes and brackets, else everywhere', async () => {
  const client = await WsClient.open(server.ws, await createDatabase(server, 'semicolons'));
  const values = ['{"a":"x;y","b":[1,{"c":";"}]}', '"a;b"', '[";","\\";"]', '{"a":"}];{["}'];
  for (const value of values) {
    client.send(`set k ${value};get k`);
    assert.deepEqual(await client.inbox.take(3), ['ok \n', `value ${value}\n`, 'ok \n']);
    assert.deepEqual(await client.settle(), []);
    const { body } = await httpPost(
      server.http,
      `use-db semicolons semicolons;set h ${value};get h`,
    );
    assert.equal(body, `empty;empty;value ${value}\n`);
  }
  client.send("set k it's [fine;get k");
  assert.deepEqual(await client.inbox.take(3), ['ok \n', "value it's [fine\n", 'ok \n']);
  await client.close();
});

test('a denied or failed command leaves the session as it was', async () => {
  const client = await TcpClient.open(server.tcp, 'demo');
  for (const line of [
    'nonsense',
    'GET k',
    'use-db demo wrong',
    'get $$token',
    'create-db x y',
    'set',
    'auth',
    '  ',
    ';;;',
    'resolve',
  ]) {
    await client.command(line);
    await client.settle();
  }
  await client.expectOk('set still here');
  assert.deepEqual(await client.expectOk('get still'), ['value here']);
  await client.close();
});
