// What slow, silent, vanished and racing clients may do, and what a stop and a bad start look like.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  createDatabase,
  Inbox,
  kBinary,
  kExit,
  kMeasuredMemory,
  launch,
  memoryFactor,
  nunc,
  residentBytes,
  startArguments,
  startServer,
  stopCleanly,
  TcpClient,
  until,
  within,
  WsClient,
} from './harness.mjs';
import { frame, kOpcode, RawWs } from './raw_ws.mjs';

const kMiB = 1 << 20;

describe('slow readers', () => {
  let server;
  before(async () => {
    server = await startServer({ env: kMeasuredMemory });
  });
  after(() => stopCleanly(server));

  test('a watcher that stops reading costs no memory and ends with the newest values', async () => {
    const db = await createDatabase(server, 'slow-watcher');
    const kKeys = 10;
    const kChanges = 50_000;
    const kBatch = 200;
    const [slow, steady, writer] = [
      await TcpClient.open(server.tcp, db),
      await TcpClient.open(server.tcp, db),
      await TcpClient.open(server.tcp, db),
    ];
    for (let key = 0; key < kKeys; key += 1) {
      await slow.expectOk(`watch k${key}`);
      await steady.expectOk(`watch k${key}`);
    }
    const padding = '.'.repeat(1000);
    slow.socket.pause();
    const before = residentBytes(server.pid);
    let peak = before;
    for (let start = 0; start < kChanges; start += kBatch) {
      const changes = Array.from({ length: kBatch }, (_, index) => start + index);
      writer.send(
        changes.map((change) => `set k${change % kKeys} ${change} ${padding}\n`).join(''),
      );
      // The steady one is given time to read, so it misses nothing.
      const seen = await steady.inbox.take(2 * kBatch, 'every change', 60_000);
      for (const [index, change] of changes.entries()) {
        const version = Math.floor(change / kKeys);
        assert.ok(seen[2 * index].startsWith(`changed k${change % kKeys} ${change} `));
        assert.ok(
          seen[2 * index + 1].startsWith(
            `changed-version k${change % kKeys} ${version} ${change} `,
          ),
        );
      }
      await writer.inbox.take(kBatch, 'every status');
      peak = Math.max(peak, residentBytes(server.pid));
    }
    const grown = (peak - before) / kMiB;
    assert.ok(
      grown < 16 * memoryFactor(server.pid),
      `${grown.toFixed(1)} MiB more for one slow watcher`,
    );

    slow.socket.resume();
    const newest = new Map();
    const isNewest = (line) => {
      const [, key, number] = /^changed (k[0-9]) ([0-9]+) /.exec(line) ?? [];
      if (key) {
        assert.ok(
          Number(number) > (newest.get(key) ?? -1),
          `${line.slice(0, 20)} after ${newest.get(key)}`,
        );
        newest.set(key, Number(number));
      }
      return (
        newest.size === kKeys && [...newest.values()].every((value) => value >= kChanges - kKeys)
      );
    };
    await slow.inbox.takeThrough(isNewest, 'the newest value of each key', 60_000);
    await writer.expectOk('set k0 live');
    await slow.inbox.takeThrough((line) => line === 'changed k0 live', 'a live change again');
    for (const client of [slow, steady, writer]) await client.close();
  });

  test('a client that does not read its replies is not read further, and loses none', async () => {
    const db = await createDatabase(server, 'slow-replies');
    const other = await TcpClient.open(server.tcp, db);
    const value = 'v'.repeat(100_000);
    await other.expectOk(`set big ${value}`);
    const kRequests = 2000;
    const stalled = await TcpClient.open(server.tcp, db);
    stalled.socket.pause();
    const before = residentBytes(server.pid);
    stalled.send('increment n\nget n\nget big\n'.repeat(kRequests));
    const count = async () => Number((await other.expectOk('get n'))[0].slice('value '.length));
    let reached = -1;
    await until(
      async () => {
        await new Promise((resolve) => setTimeout(resolve, 100));
        const previous = reached;
        reached = await count().catch(() => 0);
        return reached > 0 && reached === previous;
      },
      'the stalled client to come to a halt',
      30_000,
    );
    assert.ok(reached < kRequests, 'the server read all of it');
    const grown = (residentBytes(server.pid) - before) / kMiB;
    assert.ok(
      grown < 16 * memoryFactor(server.pid),
      `${grown.toFixed(1)} MiB more for unread replies`,
    );

    stalled.socket.resume();
    for (let request = 1; request <= kRequests; request += 1) {
      const reply = await stalled.inbox.take(5, `reply ${request}`, 60_000);
      assert.deepEqual(
        [reply[0], reply[1], reply[2], reply[4]],
        ['ok ', `value ${request}`, 'ok ', 'ok '],
      );
      assert.ok(reply[3].length === value.length + 'value '.length);
    }
    await stalled.close();
    await other.close();
  });

  test('a websocket that does not read its replies gets them all later', async () => {
    const db = await createDatabase(server, 'slow-websocket');
    const client = await WsClient.open(server.ws, db);
    await client.expectOk(`set big ${'v'.repeat(100_000)}`);
    client.socket.pause();
    for (let request = 0; request < 500; request += 1) client.send('increment n;get n;get big');
    const other = await TcpClient.open(server.tcp, db);
    await until(
      async () => (await other.expectOk('get n'))[0] !== 'value <Empty>',
      'the first to be run',
    );
    client.socket.resume();
    for (let request = 1; request <= 500; request += 1) {
      const reply = await client.inbox.take(5, `reply ${request}`, 60_000);
      assert.equal(reply[1], `value ${request}\n`);
      assert.ok(reply[3].length === 100_007);
    }
    await client.close();
    await other.close();
  });
});

describe('peers that vanish', () => {
  test('a websocket that answers no ping is counted off, a quiet one that does stays', async () => {
    const server = await startServer({ args: ['--ping-interval-ms', '100'] });
    const db = await createDatabase(server, 'half-open');
    const watcher = await TcpClient.open(server.tcp, db);
    await watcher.expectOk('watch $connections');
    const quiet = await RawWs.connect(server.ws);
    const pings = new Inbox('pings');
    quiet.send(frame(kOpcode.text, `use-db ${db} ${db}`));
    await quiet.frames.next('the ok');
    const answering = (async () => {
      for (;;) {
        const item = await quiet.frames.next('a ping', 60_000);
        if (item.opcode !== kOpcode.ping) return item;
        quiet.send(frame(kOpcode.pong, item.payload));
        pings.push(item);
      }
    })();
    const silent = await RawWs.connect(server.ws);
    silent.send(frame(kOpcode.text, `use-db ${db} ${db}`));
    const isChange = (value) => (line) => line === `changed $connections ${value}`;
    await watcher.inbox.takeThrough(isChange(3), 'both to be counted');
    await watcher.inbox.takeThrough(isChange(2), 'the silent one to be counted off');
    await within(silent.closed, 'the silent one to be closed');
    pings.drain();
    await pings.take(10, 'ten more pings to the quiet one');
    quiet.send(frame(kOpcode.text, 'ping'));
    const item = await within(answering, 'the quiet one to be answered');
    assert.equal(item.payload.toString(), 'pong\n');
    quiet.destroy();
    await watcher.close();
    await stopCleanly(server);
  });

  test('a connection that is cut without a goodbye is counted off', async () => {
    const server = await startServer();
    const watcher = await TcpClient.open(server.tcp, 'demo');
    await watcher.expectOk('watch $connections');
    for (const open of [
      () => TcpClient.open(server.tcp, 'demo'),
      () => WsClient.open(server.ws, 'demo'),
    ]) {
      const client = await open();
      await watcher.inbox.takeThrough((line) => line === 'changed $connections 2', 'the rise');
      if (client.socket.resetAndDestroy) client.socket.resetAndDestroy();
      else client.socket.terminate();
      await watcher.inbox.takeThrough((line) => line === 'changed $connections 1', 'the fall');
    }
    await watcher.close();
    await stopCleanly(server);
  });
});

describe('stopping', () => {
  for (const signal of ['SIGTERM', 'SIGINT']) {
    test(`${signal} in the middle: what was run is answered, then 1001, exit code 0`, async () => {
      const server = await startServer();
      const watcher = await WsClient.open(server.ws, 'demo');
      const [lines, messages] = [
        await TcpClient.open(server.tcp, 'demo'),
        await WsClient.open(server.ws, 'demo'),
      ];
      await watcher.expectOk('watch n');
      // Without end: at the stop there is always something that was sent and not read.
      const pump = setInterval(() => {
        lines.send('increment n\n'.repeat(1000));
        messages.send('increment n;'.repeat(1000));
      }, 0);
      pump.unref();
      await lines.inbox.next('a first answer');
      await messages.inbox.next('a first answer');
      const stopped = server.stop(signal);
      assert.equal((await within(messages.closed, 'the close')).code, 1001);
      assert.equal((await within(watcher.closed, 'the close')).code, 1001);
      await within(lines.closed, 'the tcp connection to end');
      clearInterval(pump);
      assert.deepEqual(await stopped.then(({ code, signal: by }) => [code, by]), [kExit.ok, null]);
      assert.equal(lines.inbox.ended, 'closed by the server');
      assert.equal(lines.unfinished.length, 0);
      const answers = [
        lines.inbox.drain(),
        messages.inbox.drain().map((message) => message.slice(0, -1)),
      ];
      assert.ok(answers.flat().every((answer) => answer === 'ok '));
      const changes = watcher.inbox.drain().filter((message) => message.startsWith('changed n '));
      const executed = Number(changes.at(-1).slice('changed n '.length));
      assert.equal(answers[0].length + answers[1].length + 2, executed, 'answers for what was run');
    });
  }

  test('what was read is answered whole, also what had not been run yet', async () => {
    const server = await startServer();
    const kCommands = 25;
    const [lines, messages, other] = [
      await TcpClient.open(server.tcp, 'demo'),
      await WsClient.open(server.ws, 'demo'),
      await TcpClient.open(server.tcp, 'demo'),
    ];
    await other.expectOk(`set big ${'v'.repeat(1_000_000)}`);
    // Small enough to be read at once; the answers are too much to be sent, so not all is run.
    for (const client of [lines, messages]) client.socket.pause();
    lines.send(`increment n\n${'get big\n'.repeat(kCommands)}`);
    messages.send(`increment n;${'get big;'.repeat(kCommands)}`);
    await until(async () => (await other.expectOk('get n'))[0] === 'value 2', 'both to be read');
    const stopped = server.stop();
    for (const client of [lines, messages]) client.socket.resume();
    assert.equal((await within(messages.closed, 'the close')).code, 1001);
    await within(lines.closed, 'the tcp connection to end');
    assert.equal((await stopped).code, kExit.ok);
    for (const client of [lines, messages]) {
      const answers = client.inbox.drain();
      assert.equal(answers.length, 1 + 2 * kCommands, client.inbox.name);
      assert.ok(answers.every((answer) => answer.startsWith('ok ') || answer.length > 1_000_000));
    }
  });

  test('input that is never read does not turn the end into a reset', async () => {
    const server = await startServer();
    const [stalled, other] = [
      await TcpClient.open(server.tcp, 'demo'),
      await TcpClient.open(server.tcp, 'demo'),
    ];
    await other.expectOk(`set big ${'v'.repeat(1_000_000)}`);
    stalled.socket.pause();
    stalled.send(`increment n\n${'get big\n'.repeat(10)}${'ping\n'.repeat(1_000_000)}`);
    await until(
      async () => (await other.expectOk('get n'))[0] === 'value 1',
      'the first to be run',
    );
    const stopped = server.stop();
    stalled.socket.resume();
    await within(stalled.closed, 'the end');
    assert.equal(stalled.inbox.ended, 'closed by the server');
    assert.equal(stalled.unfinished.length, 0);
    assert.equal((await stopped).code, kExit.ok);
  });

  test('a client that does not read cannot hold up the stop', async () => {
    const server = await startServer();
    const client = await TcpClient.open(server.tcp, 'demo');
    await client.expectOk(`set big ${'v'.repeat(1_000_000)}`);
    client.socket.pause();
    client.send('get big\n'.repeat(100));
    const other = await TcpClient.open(server.tcp, 'demo');
    await other.settle();
    await stopCleanly(server);
    client.socket.destroy();
  });
});

describe('starting', () => {
  test('a taken port is named and has its exit code', async () => {
    const server = await startServer();
    for (const door of ['ws', 'http', 'tcp']) {
      const { code, output, errors } = await nunc(startArguments({ [door]: server[door] }));
      assert.equal(code, kExit.cannotBind, errors);
      assert.match(output + errors, new RegExp(server[door].replaceAll('.', '\\.')));
      assert.doesNotMatch(output, /nunc ready/);
    }
    await stopCleanly(server);
  });

  test('the default password is not offered to others', async () => {
    for (const door of ['ws', 'http', 'tcp']) {
      const { code, errors } = await nunc(startArguments({ [door]: '0.0.0.0:0' }));
      assert.equal(code, kExit.usage);
      assert.match(errors, /password|credentials/i);
    }
  });

  test('with own credentials, or when told so, it listens to others', async () => {
    const addresses = { tcp: '0.0.0.0:0' };
    await stopCleanly(
      await startServer({ addresses, env: { NUNC_USER: 'root', NUNC_PWD: 'a-better-one' } }),
    );
    await stopCleanly(await startServer({ addresses, args: ['--insecure-default-credentials'] }));
  });

  test('secrets are in no log line', async () => {
    const secret = 'do-not-show-this';
    const run = launch(kBinary, startArguments({}, ['--log-level', 'trace']), {
      env: { NUNC_USER: 'root', NUNC_PWD: secret },
    });
    const lines = await run.lines.takeThrough(
      (line) => line.startsWith('nunc ready'),
      'nunc ready',
    );
    const tcp = lines.find((line) => line.startsWith('nunc tcp ')).slice('nunc tcp '.length);
    const client = await TcpClient.open(tcp);
    assert.deepEqual(await client.expectOk(`auth root ${secret}`), ['valid auth']);
    await client.expectOk(`create-db hidden ${secret}`);
    await client.command(`use-db hidden not-${secret}`);
    await client.close();
    run.child.kill('SIGTERM');
    const { code, output, errors } = await within(run.exited, 'the end');
    assert.equal(code, kExit.ok);
    assert.ok(!output.includes(secret) && !errors.includes(secret));
  });
});

describe('races', () => {
  test('compare-and-set by many clients loses no update', async () => {
    const server = await startServer();
    const db = await createDatabase(server, 'race');
    const kClients = 8;
    const kRounds = 50;
    const clients = await Promise.all(
      Array.from({ length: kClients }, (_, index) =>
        index % 2 ? TcpClient.open(server.tcp, db) : WsClient.open(server.ws, db),
      ),
    );
    await clients[0].expectOk('set-safe sum 0 0');
    let refused = 0;
    await Promise.all(
      clients.map(async (client) => {
        for (let done = 0; done < kRounds; ) {
          const [line] = await client.expectOk('get-safe sum');
          const [, version, sum] = /^value-version ([0-9]+) ([0-9]+)$/.exec(line.trimEnd());
          const status = (await client.command(`set-safe sum ${version} ${Number(sum) + 1}`))
            .at(-1)
            .trim();
          if (status === 'ok') done += 1;
          else {
            assert.equal(status, 'error Invalid version!');
            refused += 1;
          }
        }
      }),
    );
    assert.equal(
      (await clients[0].expectOk('get sum'))[0].trimEnd(),
      `value ${kClients * kRounds}`,
    );
    assert.ok(refused > 0, 'they never met');
    for (const client of clients) await client.close();
    await stopCleanly(server);
  });

  test('increments of many clients add up', async () => {
    const server = await startServer();
    const clients = await Promise.all(
      Array.from({ length: 8 }, () => WsClient.open(server.ws, 'demo')),
    );
    await Promise.all(
      clients.map(async (client) => {
        client.send('increment n;'.repeat(500));
        await client.inbox.take(500, 'every status');
      }),
    );
    assert.deepEqual(await clients[0].expectOk('get n'), ['value 4000\n']);
    for (const client of clients) await client.close();
    await stopCleanly(server);
  });
});
