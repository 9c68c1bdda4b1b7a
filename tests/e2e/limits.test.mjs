// Each limit at its value and one above it: what is within works, what is above is refused with
// an error that names the limit, and nobody else is affected.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import {
  createDatabase,
  httpPost,
  makeFolder,
  openAdmin,
  processorMs,
  startServer,
  stopCleanly,
  TcpClient,
  until,
  within,
  WsClient,
} from './harness.mjs';

const kKeyBytesMax = 4096;
const kValueBytesMax = 65_536;
const kCommandsPerMessageMax = 10_000;
const kNameBytesMax = 128;
const kSecretBytesMax = 1024;
const kWatchesPerSessionMax = 100_000;
const kDatabasesMax = 10_000;

describe('limits of a command', () => {
  let server;
  let db;
  before(async () => {
    server = await startServer({ args: ['--value-bytes-max', `${kValueBytesMax}`] });
    db = await createDatabase(server, 'limits');
  });
  after(() => stopCleanly(server));

  // The same on each door: `run` gives the status of one command in the database.
  const doors = {
    async tcp() {
      const client = await TcpClient.open(server.tcp, db);
      return {
        run: async (line) => (await client.command(line)).at(-1).trim(),
        close: () => client.close(),
      };
    },
    async websocket() {
      const client = await WsClient.open(server.ws, db);
      return {
        run: async (line) => (await client.command(line)).at(-1).trim(),
        close: () => client.close(),
      };
    },
    async http() {
      const run = async (line) => {
        const { body } = await httpPost(server.http, `use-db ${db} ${db};${line}`);
        const status = body.replace(/^empty;/, '').trim();
        return status === 'empty' ? 'ok' : `error ${status}`;
      };
      return { run, close: () => {} };
    },
  };

  for (const [name, open] of Object.entries(doors)) {
    test(`${name}: a key of 4096 bytes is taken, one of 4097 refused`, async () => {
      const door = await open();
      const key = `${'é'.repeat(kKeyBytesMax / 2 - 1)}ab`;
      assert.equal(await door.run(`set ${key} v`), 'ok');
      for (const command of [`set ${key}c v`, `set-safe ${key}c 1 v`, `increment ${key}c`]) {
        assert.match(await door.run(command), /^error .*4096/, command.slice(0, 12));
      }
      await door.close();
    });

    test(`${name}: a value of the largest size is taken, one byte more refused`, async () => {
      const door = await open();
      assert.equal(await door.run(`set ${name}-value ${'x'.repeat(kValueBytesMax)}`), 'ok');
      for (const command of [`set ${name}-value`, `set-safe ${name}-value -1`]) {
        assert.match(
          await door.run(`${command} ${'y'.repeat(kValueBytesMax + 1)}`),
          /^error .*65536/,
          command,
        );
      }
      await door.close();
      const reader = await TcpClient.open(server.tcp, db);
      assert.ok(
        (await reader.expectOk(`get ${name}-value`))[0] === `value ${'x'.repeat(kValueBytesMax)}`,
      );
      await reader.close();
    });
  }

  test('names of databases and users, tokens', async () => {
    const admin = await openAdmin(server, db);
    const status = async (line) => (await admin.command(line)).at(-1);
    assert.equal(await status(`create-db ${'d'.repeat(kNameBytesMax)} t`), 'ok ');
    assert.match(await status(`create-db ${'d'.repeat(kNameBytesMax + 1)} t`), /^error .*128/);
    assert.equal(await status(`create-user ${'u'.repeat(kNameBytesMax)} t`), 'ok ');
    assert.match(await status(`create-user ${'u'.repeat(kNameBytesMax + 1)} t`), /^error .*128/);
    assert.equal(await status(`create-db secret ${'t'.repeat(kSecretBytesMax)}`), 'ok ');
    assert.match(
      await status(`create-db secret2 ${'t'.repeat(kSecretBytesMax + 1)}`),
      /^error .*1024/,
    );
    await admin.close();
  });

  test('100,000 watches of one session, and not one more', async () => {
    const client = await TcpClient.open(server.tcp, db);
    client.send(
      Array.from({ length: kWatchesPerSessionMax }, (_, index) => `watch w${index}\n`).join(''),
    );
    const statuses = await client.inbox.take(kWatchesPerSessionMax, 'every status', 60_000);
    assert.ok(statuses.every((status) => status === 'ok '));
    assert.match((await client.command('watch one-more')).at(-1), /^error .*100000/);
    await client.expectOk('watch w5'); // it is watched already
    await client.expectOk('unwatch w5');
    await client.expectOk('watch one-more');
    await client.close();
  });
});

describe('limits of a message', () => {
  let server;
  before(async () => {
    server = await startServer();
  });
  after(() => stopCleanly(server));

  test('10,000 commands in one message are run, 10,001 are refused as a whole', async () => {
    const client = await WsClient.open(server.ws, 'demo');
    client.sendFragments('increment many;'.repeat(kCommandsPerMessageMax - 1) + 'get many');
    const items = await client.inbox.take(kCommandsPerMessageMax + 1, 'every answer', 60_000);
    assert.deepEqual(items.slice(-2), [`value ${kCommandsPerMessageMax - 1}\n`, 'ok \n']);
    client.sendFragments('increment many;'.repeat(kCommandsPerMessageMax) + 'get many');
    const refused = [await client.inbox.next('the refusal'), ...(await client.settle())];
    assert.match(refused.join(''), /^error .*10000.* \n$/);
    assert.deepEqual(await client.expectOk('get many'), [`value ${kCommandsPerMessageMax - 1}\n`]);
    await client.close();
  });

  test('the same over HTTP', async () => {
    const select = 'use-db demo demo;';
    const full = await httpPost(
      server.http,
      select + 'increment posted;'.repeat(kCommandsPerMessageMax - 2) + 'get posted',
    );
    assert.ok(full.body.endsWith(`;value ${kCommandsPerMessageMax - 2}\n`));
    const over = await httpPost(
      server.http,
      select + 'increment posted;'.repeat(kCommandsPerMessageMax),
    );
    assert.match(over.body, /10000/);
    const { body } = await httpPost(server.http, `${select}get posted`);
    assert.equal(body, `empty;value ${kCommandsPerMessageMax - 2}\n`);
  });
});

test('10,000 databases, and not one more', async () => {
  const server = await startServer();
  const admin = await openAdmin(server);
  admin.send(
    Array.from({ length: kDatabasesMax }, (_, index) => `create-db db${index} t\n`).join(''),
  );
  let made = 0;
  let refused = '';
  while (refused === '') {
    const line = await admin.inbox.next('a status', 60_000);
    if (line === 'create-db success') made += 1;
    else if (line !== 'ok ') refused = line;
  }
  assert.match(refused, /^error .*10000/);
  await admin.settle();
  const listed = (await admin.expectOk('debug list-dbs')).filter((line) => / : /.test(line));
  assert.ok(
    listed.length >= made && made >= kDatabasesMax - 5,
    `${made} made, ${listed.length} listed`,
  );
  await admin.close();
  await stopCleanly(server);
});

describe('limits of connections', () => {
  test('the table of descriptors has room for all of them from the start', async () => {
    const server = await startServer({ args: ['--connections-max', '700'] });
    const status = readFileSync(`/proc/${server.pid}/status`, 'utf8');
    assert.ok(Number(/^FDSize:\s+(\d+)$/m.exec(status)[1]) >= 700, status);
    await stopCleanly(server);
  });

  test('with --connections-max the next one is turned away until another leaves', async () => {
    const server = await startServer({ args: ['--connections-max', '3'] });
    const held = [
      await TcpClient.open(server.tcp, 'demo'),
      await WsClient.open(server.ws, 'demo'),
      await TcpClient.open(server.tcp, 'demo'),
    ];
    for (const address of [server.tcp, server.ws, server.http]) {
      const turnedAway = await TcpClient.connect(address);
      await within(turnedAway.closed, 'the fourth connection to be closed');
      turnedAway.socket.destroy();
    }
    for (const client of held) await client.settle();
    await held.pop().close();
    await until(async () => {
      const client = await TcpClient.connect(server.tcp);
      const greeted = await Promise.race([
        client.inbox.next('a greeting').then((line) => line === 'ok '),
        client.closed.then(() => false),
      ]).catch(() => false);
      client.socket.destroy();
      return greeted;
    }, 'a connection in the place that became free');
    for (const client of held) await client.close();
    await stopCleanly(server);
  });

  test('out of file descriptors it refuses, serves those it has, and does not spin', async () => {
    const server = await startServer({
      data: makeFolder('descriptors'),
      args: ['--segment', '32MiB'],
      wrap: ['prlimit', '--nofile=80:80', '--'],
    });
    const first = await TcpClient.open(server.tcp, 'demo');
    const admin = await openAdmin(server, 'demo');
    const opened = [];
    for (let index = 0; index < 90; index += 1) opened.push(await TcpClient.connect(server.tcp));
    const state = await Promise.all(
      opened.map((client) =>
        client.inbox.next('a greeting', 3000).then(
          (line) => (line === 'ok ' ? 'greeted' : 'refused'),
          () => 'refused',
        ),
      ),
    );
    assert.ok(state.includes('greeted') && state.includes('refused'), JSON.stringify(state));
    await first.expectOk('set k v');
    // Its own files find one: a snapshot, and segments of the log.
    await admin.expectOk('snapshot true demo');
    for (let index = 0; index < 8; index += 1) {
      await first.expectOk(`set large ${'x'.repeat(7 << 20)}`);
    }
    const before = processorMs(server.pid);
    await new Promise((resolve) => setTimeout(resolve, 1000)); // what is measured
    const used = processorMs(server.pid) - before;
    assert.ok(used < 300, `${used} ms of processor time in an idle second`);
    for (const client of opened) client.socket.destroy();
    await until(async () => {
      const client = await TcpClient.connect(server.tcp);
      const greeted = await client.inbox.next('a greeting', 500).then(
        (line) => line === 'ok ',
        () => false,
      );
      client.socket.destroy();
      return greeted;
    }, 'new connections after the others left');
    assert.deepEqual(await first.expectOk('get k'), ['value v']);
    await admin.close();
    await first.close();
    await stopCleanly(server);
  });

  test('a handshake that does not come is not waited for', async () => {
    const server = await startServer({ args: ['--handshake-timeout-ms', '100'] });
    for (const address of [server.ws, server.http]) {
      for (const bytes of ['', 'GET / HTTP/1.1\r\nHost: x\r\n']) {
        const client = await TcpClient.connect(address);
        client.send(bytes);
        await within(client.closed, 'the silent connection to be closed');
      }
    }
    await stopCleanly(server);
  });

  test('a request that drips is not waited for longer than a whole request may take', async () => {
    // Every byte comes well within the time for a silent peer.
    const server = await startServer({ args: ['--http-request-timeout-ms', '300'] });
    const client = await TcpClient.connect(server.http);
    client.send('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n');
    const drip = setInterval(() => client.send('x'), 20);
    assert.match(await client.inbox.next('the refusal'), /^HTTP\/1\.1 408 /);
    await within(client.closed, 'the dripping connection to be closed');
    clearInterval(drip);
    await stopCleanly(server);
  });

  test('a kept HTTP connection without a request is closed', async () => {
    const server = await startServer({ args: ['--http-idle-timeout-ms', '100'] });
    const client = await TcpClient.connect(server.http);
    client.send('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nping');
    await client.inbox.takeThrough((line) => line === 'pong', 'the answer');
    await within(client.closed, 'the idle connection to be closed');
    await stopCleanly(server);
  });

  test('partial requests of all connections together stay below --buffered-bytes-max', async () => {
    const server = await startServer({
      args: ['--buffered-bytes-max', `${4 << 20}`, '--value-bytes-max', `${1 << 20}`],
    });
    const bystander = await TcpClient.open(server.tcp, 'demo');
    const greedy = [];
    for (let index = 0; index < 8; index += 1) {
      const client = await TcpClient.open(server.tcp, 'demo');
      client.send(`set k ${'x'.repeat(1 << 20)}`);
      greedy.push(client);
    }
    await within(
      Promise.any(greedy.map((client) => client.closed)),
      'one that asks for too much to be closed',
    );
    await bystander.expectOk('set k v');
    assert.deepEqual(await bystander.expectOk('get k'), ['value v']);
    for (const client of greedy) client.socket.destroy();
    await bystander.close();
    await stopCleanly(server);
  });
});
