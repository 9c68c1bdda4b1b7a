// The TCP door: lines in, lines out.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createDatabase, startServer, stopCleanly, TcpClient, within } from './harness.mjs';

const kValueBytesMax = 65_536;
const kLineOverhead = 8192;

let server;
let db;
before(async () => {
  server = await startServer({ args: ['--value-bytes-max', `${kValueBytesMax}`] });
  db = await createDatabase(server, 'tcp');
});
after(() => stopCleanly(server));

describe('tcp', () => {
  test('greets at once', async () => {
    const client = await TcpClient.connect(server.tcp);
    assert.equal(await client.inbox.next('the greeting'), 'ok ');
    await client.close();
  });

  test('a line that arrives byte by byte is one command', async () => {
    const client = await TcpClient.open(server.tcp, db);
    for (const byte of Buffer.from('set bytes é漢😀\nget bytes\n')) {
      await new Promise((resolve) => client.socket.write(Buffer.from([byte]), resolve));
    }
    assert.deepEqual(await client.inbox.take(3), ['ok ', 'value é漢😀', 'ok ']);
    await client.close();
  });

  test('a line may end in CR LF', async () => {
    const client = await TcpClient.open(server.tcp, db);
    client.send('set crlf v\r\nget crlf\r\n');
    assert.deepEqual(await client.inbox.take(3), ['ok ', 'value v', 'ok ']);
    await client.close();
  });

  test('a last line without line feed is not run, the lines before it are answered', async () => {
    const client = await TcpClient.open(server.tcp, db);
    client.socket.end('set last 1\nset last 2');
    assert.deepEqual(await client.inbox.take(1), ['ok ']);
    await within(client.closed, 'the server to close');
    const reader = await TcpClient.open(server.tcp, db);
    assert.deepEqual(await reader.expectOk('get last'), ['value 1']);
    await reader.close();
  });

  test('a half-closed connection gets every answer before the end', async () => {
    const client = await TcpClient.open(server.tcp, db);
    client.socket.end('increment half\n'.repeat(2000) + 'get half\n');
    const lines = await client.inbox.take(2002);
    assert.deepEqual(lines.slice(-2), ['value 2000', 'ok ']);
    await within(client.closed, 'the server to close');
  });

  test('a line that is no UTF-8 is one error and the connection lives on', async () => {
    const client = await TcpClient.open(server.tcp, db);
    client.send(
      Buffer.concat([Buffer.from('set k '), Buffer.from([0xff, 0xc3, 0x28]), Buffer.from('\n')]),
    );
    assert.match(await client.inbox.next('the error'), /^error .*UTF-8.* $/i);
    assert.deepEqual(await client.settle(), []);
    await client.close();
  });

  test('a line above the limit is one error that names it, however it arrives', async () => {
    const client = await TcpClient.open(server.tcp, db);
    const endless = 'x'.repeat(1 << 20);
    for (const line of [
      `set k ${'x'.repeat(kValueBytesMax + kLineOverhead)}\n`,
      `set k ${endless}${endless}\n`,
    ]) {
      client.send(line);
      assert.match(await client.inbox.next('the error'), /^error .*[0-9]{4,}.* $/);
      assert.deepEqual(await client.settle(), []);
    }
    assert.deepEqual(await client.expectOk('get k'), ['value <Empty>']);
    await client.close();
  });

  test('control characters have no place in keys and names', async () => {
    const client = await TcpClient.open(server.tcp, db);
    for (const line of ['set a\tb v', 'set a\x00b v', 'set a\x1bb v', 'increment a\x07']) {
      assert.match((await client.command(line)).at(-1), /^error .* $/, JSON.stringify(line));
    }
    await client.close();
  });

  test('more newcomers than one turn takes are all served', async () => {
    const clients = await Promise.all(
      Array.from({ length: 200 }, () => TcpClient.open(server.tcp, db)),
    );
    for (const client of clients) client.send('ping\n');
    for (const client of clients) {
      assert.deepEqual(await client.inbox.take(2, 'the pong'), ['pong', 'ok ']);
      await client.close();
    }
  });

  test('ten thousand commands in one write are all answered, in order', async () => {
    const client = await TcpClient.open(server.tcp, db);
    const count = 10_000;
    client.send(
      Array.from({ length: count }, (_, index) => `set many ${index}\nget many\n`).join(''),
    );
    const lines = await client.inbox.take(count * 3, 'every answer', 60_000);
    for (let index = 0; index < count; index += 1) {
      assert.deepEqual(lines.slice(index * 3, index * 3 + 3), ['ok ', `value ${index}`, 'ok ']);
    }
    await client.close();
  });
});
