// The HTTP door as RFC 9110 and RFC 9112 describe it, from the outside.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  createDatabase,
  httpGet,
  httpPost,
  startServer,
  stopCleanly,
  TcpClient,
  within,
} from './harness.mjs';

let server;
let db;
before(async () => {
  server = await startServer();
  db = await createDatabase(server, 'http');
});
after(() => stopCleanly(server));

/** A socket on which whole answers are read one after another. */
class Http {
  static async connect() {
    const made = new Http();
    made.client = await TcpClient.connect(server.http);
    return made;
  }

  send(bytes) {
    this.client.send(bytes);
  }

  async answer(what = 'an answer') {
    const lines = await this.client.inbox.takeThrough((line) => line === '\r', what);
    const [, status] = /^HTTP\/1\.1 ([0-9]{3}) /.exec(lines[0]) ?? assert.fail(lines[0]);
    const headers = new Map(
      lines.slice(1, -1).map((line) => {
        const [, name, value] = /^([^:]+): *(.*)\r$/.exec(line) ?? assert.fail(line);
        return [name.toLowerCase(), value];
      }),
    );
    return { status: Number(status), headers };
  }

  get closed() {
    return within(this.client.closed, 'the server to close');
  }

  destroy() {
    this.client.socket.destroy();
  }
}

// Bodies here end in a line feed, so that they are lines for the reader above.
const post = (body, headers = '') =>
  'POST / HTTP/1.1\r\nHost: nunc\r\n' +
  `Content-Length: ${Buffer.byteLength(body)}\r\n${headers}\r\n${body}`;

describe('http: connections', () => {
  test('one socket takes a request after the other', async () => {
    const socket = await Http.connect();
    for (const number of [1, 2, 3]) {
      socket.send(post(`use-db ${db} ${db};set k ${number};get k`));
      assert.equal((await socket.answer()).status, 200);
      assert.equal(await socket.client.inbox.next(), `empty;empty;value ${number}`);
    }
    socket.destroy();
  });

  test('requests sent at once are answered in order', async () => {
    const socket = await Http.connect();
    const numbers = Array.from({ length: 50 }, (_, index) => index);
    socket.send(numbers.map((number) => post(`use-db ${db} ${db};set p ${number};get p`)).join(''));
    for (const number of numbers) {
      assert.equal((await socket.answer()).status, 200);
      assert.equal(await socket.client.inbox.next(), `empty;empty;value ${number}`);
    }
    socket.destroy();
  });

  test('a request in single bytes is one request', async () => {
    const socket = await Http.connect();
    for (const byte of Buffer.from(post('ping'))) {
      await new Promise((resolve) => socket.client.socket.write(Buffer.from([byte]), resolve));
    }
    assert.equal((await socket.answer()).status, 200);
    assert.equal(await socket.client.inbox.next(), 'pong');
    socket.destroy();
  });

  test('Connection: close and HTTP/1.0 end the connection after the answer', async () => {
    for (const request of [
      post('ping', 'Connection: close\r\n'),
      'POST / HTTP/1.0\r\nContent-Length: 4\r\n\r\nping',
    ]) {
      const socket = await Http.connect();
      socket.send(request);
      assert.equal((await socket.answer()).status, 200);
      assert.equal(await socket.client.inbox.next(), 'pong');
      await socket.closed;
    }
  });

  test('a chunked body is put together', async () => {
    const socket = await Http.connect();
    socket.send(
      'POST / HTTP/1.1\r\nHost: nunc\r\nTransfer-Encoding: chunked\r\n\r\n' +
        '2\r\npi\r\n2\r\nng\r\n0\r\n\r\n',
    );
    assert.equal((await socket.answer()).status, 200);
    assert.equal(await socket.client.inbox.next(), 'pong');
    socket.destroy();
  });

  test('Expect: 100-continue is told to go on', async () => {
    const socket = await Http.connect();
    socket.send(
      'POST / HTTP/1.1\r\nHost: nunc\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n',
    );
    assert.equal((await socket.answer('100')).status, 100);
    socket.send('ping');
    assert.equal((await socket.answer()).status, 200);
    socket.destroy();
  });

  test('a client that stops in the middle is dropped without harm', async () => {
    const socket = await Http.connect();
    socket.send('POST / HTTP/1.1\r\nHost: nunc\r\nContent-Length: 100\r\n\r\nhalf');
    await socket.client.close();
    assert.equal((await httpPost(server.http, 'ping')).body, 'pong\n');
  });
});

describe('http: answers', () => {
  test('a value with any text comes back byte for byte', async () => {
    const { status, headers, body } = await httpPost(
      server.http,
      `use-db ${db} ${db};set u é漢😀;get u`,
    );
    assert.equal(status, 200);
    assert.equal(headers['content-type'].toLowerCase(), 'text/plain; charset=utf-8');
    assert.equal(body, 'empty;empty;value é漢😀\n');
  });

  test('each answer keeps to its own part, also with events and refusals between', async () => {
    const { body } = await httpPost(
      server.http,
      `use-db ${db} ${db};watch e;set e 1;get e;nonsense;get e`,
    );
    const parts = body.split(';');
    assert.equal(parts.length, 6);
    assert.equal(parts[3], 'value 1\n');
    assert.equal(parts[4], 'unknown command: nonsense');
    assert.equal(parts[5], 'value 1\n');
  });

  test('at 64 MiB of answer no further command is run, and each says so', async () => {
    const kLimit = 64 << 20;
    const value = 'v'.repeat(8 << 20);
    await httpPost(server.http, `use-db ${db} ${db};set big ${value}`);
    const { status, body } = await httpPost(
      server.http,
      `use-db ${db} ${db};${'get big;'.repeat(8)}set after 1;get big`,
    );
    assert.equal(status, 200);
    const parts = body.split(';');
    assert.equal(parts.length, 11);
    assert.ok(parts.slice(1, 9).every((part) => part === `value ${value}\n`));
    const refusal = `not run: the answer has reached its limit of ${kLimit} bytes`;
    assert.deepEqual(parts.slice(9), [refusal, refusal]);
    const { body: after } = await httpPost(server.http, `use-db ${db} ${db};get after;remove big`);
    assert.equal(after, 'empty;value <Empty>\n;empty');
  });

  test('any origin may post, and a preflight is answered with 204', async () => {
    const { headers } = await httpPost(server.http, 'ping', {
      headers: { Origin: 'https://app.example' },
    });
    assert.ok(['*', 'https://app.example'].includes(headers['access-control-allow-origin']));
    const preflight = await httpPost(server.http, '', {
      method: 'OPTIONS',
      headers: {
        Origin: 'https://app.example',
        'Access-Control-Request-Method': 'POST',
        'Access-Control-Request-Headers': 'content-type',
      },
    });
    assert.equal(preflight.status, 204);
    assert.ok(
      ['*', 'https://app.example'].includes(preflight.headers['access-control-allow-origin']),
    );
    assert.match(preflight.headers['access-control-allow-methods'], /POST/);
    assert.match(preflight.headers['access-control-allow-headers'], /content-type|\*/i);
  });

  test('an address that is not there and a method that is not known are told apart', async () => {
    assert.equal((await httpGet(server.http, '/nothing-here')).status, 404);
    const refused = await httpPost(server.http, 'ping', { method: 'DELETE' });
    assert.equal(refused.status, 405);
    assert.match(refused.headers.allow, /POST/);
  });

  test('the health addresses say 200', async () => {
    for (const path of ['/livez', '/readyz'])
      assert.equal((await httpGet(server.http, path)).status, 200, path);
  });

  test('the demo page is served from the binary and asks nobody else', async () => {
    const { status, headers, body } = await httpGet(server.http, '/demo');
    assert.equal(status, 200);
    assert.match(headers['content-type'], /^text\/html/);
    assert.doesNotMatch(body, /(src|href)="https?:/);
  });
});

describe('http: refusals', () => {
  const head = (fields) => `POST / HTTP/1.1\r\n${fields}Content-Length: 4\r\n\r\nping`;
  const cases = [
    ['no Host', 400, head('')],
    ['two Hosts', 400, head('Host: a\r\nHost: b\r\n')],
    ['a folded header', 400, head('Host: a\r\nX-Long: one\r\n two\r\n')],
    ['two different lengths', 400, head('Host: a\r\nContent-Length: 5\r\n')],
    ['a length and chunks', 400, head('Host: a\r\nTransfer-Encoding: chunked\r\n')],
    [
      'a length that is no number',
      400,
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4x\r\n\r\nping',
    ],
    ['a negative length', 400, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -4\r\n\r\nping'],
    ['a space before the colon', 400, head('Host : a\r\n')],
    ['a control character in a header', 400, head('Host: a\r\nX-Bad: a\x01b\r\n')],
    ['what is no HTTP at all', 400, 'use-db x y\r\n\r\n'],
    [
      'a body above the limit',
      413,
      `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${64 << 20}\r\n\r\n`,
    ],
    ['a head above 16 KiB', 431, head(`Host: a\r\nX-Long: ${'x'.repeat(17_000)}\r\n`)],
    ['more than 100 headers', 431, head(`Host: a\r\n${'X-Many: 1\r\n'.repeat(101)}`)],
  ];
  for (const [what, status, request] of cases) {
    test(`${what} is refused with ${status}, and the connection closed`, async () => {
      const socket = await Http.connect();
      socket.send(request);
      assert.equal((await socket.answer(what)).status, status);
      await socket.closed;
      assert.equal((await httpPost(server.http, 'ping')).body, 'pong\n');
    });
  }

  test('what comes behind a refused request is never run', async () => {
    const socket = await Http.connect();
    socket.send(`${head('')}${post(`use-db ${db} ${db};set smuggled 1`)}`);
    assert.equal((await socket.answer()).status, 400);
    await socket.closed;
    const { body } = await httpPost(server.http, `use-db ${db} ${db};get smuggled`);
    assert.equal(body, 'empty;value <Empty>\n');
  });

  test('a body that is no UTF-8 is an error and the connection lives on', async () => {
    const socket = await Http.connect();
    socket.send(
      Buffer.concat([
        Buffer.from('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n'),
        Buffer.from([0x67, 0xff, 0xfe]),
        Buffer.from(post('ping')),
      ]),
    );
    const refused = await socket.answer('the refusal');
    assert.ok(refused.status === 200 || refused.status === 400, `${refused.status}`);
    await socket.client.inbox.takeThrough((line) => line.endsWith('pong'), 'the pong');
    socket.destroy();
  });
});
