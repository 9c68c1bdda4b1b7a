// The websocket door as RFC 6455 and RFC 7692 describe it, from the outside.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { deflateRawSync } from 'node:zlib';
import {
  createDatabase,
  residentBytes,
  startServer,
  stopCleanly,
  TcpClient,
  within,
  WsClient,
} from './harness.mjs';
import { frame, kOpcode, RawWs } from './raw_ws.mjs';

const { continuation, text, binary, close, ping, pong } = kOpcode;
const kFragmentBytes = 65_535;
const kMessageBytesMax = 8 * 1024 * 1024 + 8192; // the default value limit and room for the verb

let server;
let bystander; // lives through all of it
before(async () => {
  server = await startServer();
  bystander = await WsClient.open(server.ws, await createDatabase(server, 'bystander'));
});
after(async () => {
  await bystander.close();
  await stopCleanly(server);
});

const raw = (options) => RawWs.connect(server.ws, options);
const textOf = (item) => item.payload.toString();

async function answerTo(client, ...frames) {
  client.send(...frames);
  return (await client.frames.next('an answer')).payload.toString();
}

describe('websocket: opening', () => {
  test('both ports upgrade, on any path, and say nothing first', async () => {
    for (const address of [server.ws, server.http]) {
      const client = await RawWs.connect(address, { resource: '/any/path?x=1' });
      assert.equal(await answerTo(client, frame(text, 'ping')), 'pong\n');
      client.destroy();
    }
  });

  test('a subprotocol that is asked for is not chosen, any Origin is taken', async () => {
    const client = await raw({
      headers: { 'Sec-WebSocket-Protocol': 'chat', Origin: 'https://elsewhere.example' },
    });
    assert.doesNotMatch(client.head, /sec-websocket-protocol/i);
    client.destroy();
  });

  test('a command sent together with the handshake is answered', async () => {
    const client = await TcpClient.connect(server.ws);
    client.send(
      Buffer.concat([
        Buffer.from(
          `GET / HTTP/1.1\r\nHost: ${server.ws}\r\n` +
            'Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n' +
            'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
        ),
        frame(text, 'ping'),
      ]),
    );
    const lines = await client.inbox.takeThrough((line) => line.endsWith('pong'), 'the pong');
    assert.ok(
      lines.some((line) => line.includes('s3pPLMBiTxaQ9kYGzzhZRbK+xOo=')),
      'RFC 6455 §1.3 accept key',
    );
    client.socket.destroy();
  });

  test('what is no websocket handshake is refused with a status that says why', async () => {
    const head = (fields) => `GET / HTTP/1.1\r\nHost: x\r\n${fields}\r\n`;
    const wanted = 'Upgrade: websocket\r\nConnection: Upgrade\r\n';
    const cases = [
      [
        head(
          `${wanted}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 8\r\n`,
        ),
        426,
        /sec-websocket-version: 13/i,
      ],
      [head(`${wanted}Sec-WebSocket-Version: 13\r\n`), 400],
      [head(`${wanted}Sec-WebSocket-Key: short\r\nSec-WebSocket-Version: 13\r\n`), 400],
      [head(''), 426],
    ];
    for (const [request, status, pattern] of cases) {
      const client = await TcpClient.connect(server.ws);
      client.send(request);
      const first = await client.inbox.next('a status line');
      assert.match(first, new RegExp(`^HTTP/1.1 ${status} `), request);
      await within(client.closed, 'the connection to be closed');
      if (pattern) assert.match(client.inbox.drain().join('\n'), pattern);
    }
  });
});

describe('websocket: messages', () => {
  test('fragments of any size make one message, also cut inside a character', async () => {
    const client = await WsClient.open(server.ws, await createDatabase(server, 'fragments-in'));
    const value = 'é漢😀 '.repeat(500);
    for (const size of [1, 7, 1000]) {
      client.sendFragments(`set k ${size}${value}.`, size);
      assert.equal(await client.inbox.next(), 'ok \n');
      assert.deepEqual(await client.expectOk('get k'), [`value ${size}${value}.\n`]);
    }
    await client.close();
  });

  test('frames that arrive byte by byte are understood', async () => {
    const client = await raw();
    client.socket.setNoDelay(true);
    for (const byte of frame(text, 'ping')) {
      await new Promise((resolve) => client.socket.write(Buffer.from([byte]), resolve));
    }
    assert.equal(textOf(await client.frames.next()), 'pong\n');
    client.destroy();
  });

  test('a message that takes several turns is split by one rule to its end', async () => {
    // The openers that nothing closes use up what a message may cost, so that every later `;`
    // separates, also behind the 512 commands that one turn runs.
    const db = await createDatabase(server, 'turns');
    const client = await raw();
    assert.equal(await answerTo(client, frame(text, `use-db ${db} ${db}`)), 'ok \n');
    const message = `${'get [;'.repeat(200)}${'ping;'.repeat(1500)}set k {"a;b"}`;
    client.send(frame(text, message));
    const answers = await client.frames.take(2 * 1700 + 2, 'every answer');
    assert.equal(textOf(answers.at(-2)), 'ok \n');
    assert.match(textOf(answers.at(-1)), /^error .*b"\}/);
    client.destroy();
  });

  test('3 MB travel in and out, and leave in fragments of at most 65,535 bytes', async () => {
    const db = await createDatabase(server, 'fragments-out');
    const writer = await WsClient.open(server.ws, db);
    const value = 'v'.repeat(3_000_000);
    writer.sendFragments(`set k ${value}`);
    assert.equal(await writer.inbox.next(), 'ok \n');
    const client = await raw();
    await answerTo(client, frame(text, `use-db ${db} ${db}`));
    client.send(frame(text, 'get k'));
    const frames = await client.frames.takeThrough((item) => item.fin, 'the whole value');
    assert.ok(
      frames.every(
        (item) => item.payload.length <= kFragmentBytes && !item.masked && item.rsv === 0,
      ),
    );
    assert.deepEqual(
      frames.map((item) => item.opcode),
      frames.map((_, index) => (index === 0 ? text : continuation)),
    );
    assert.ok(
      Buffer.concat(frames.map((item) => item.payload)).equals(Buffer.from(`value ${value}\n`)),
    );
    client.destroy();
    await writer.close();
  });

  test('a ping is answered with its payload, also between the fragments of a message', async () => {
    const client = await raw();
    client.send(frame(ping, 'one'));
    assert.deepEqual(await client.frames.next().then((item) => [item.opcode, textOf(item)]), [
      pong,
      'one',
    ]);
    client.send(
      frame(text, 'pi', { fin: false }),
      frame(ping, 'two'),
      frame(pong, 'unasked'),
      frame(continuation, 'ng'),
    );
    const [first, second] = await client.frames.take(2);
    assert.deepEqual([first.opcode, textOf(first)], [pong, 'two']);
    assert.deepEqual([second.opcode, textOf(second)], [text, 'pong\n']);
    client.destroy();
  });

  test('a binary message of UTF-8 is treated like text and answered in text', async () => {
    const client = await raw();
    client.send(frame(binary, 'ping'));
    const [item] = await client.frames.take(2);
    assert.deepEqual([item.opcode, textOf(item)], [text, 'pong\n']);
    client.destroy();
  });

  test('a binary message that is no UTF-8 is an error and the connection lives on', async () => {
    const client = await raw();
    assert.match(
      await answerTo(client, frame(binary, Buffer.from([0x67, 0xff, 0xfe]))),
      /^error .+ \n$/,
    );
    assert.equal(await answerTo(client, frame(text, 'ping')), 'pong\n');
    client.destroy();
  });
});

describe('websocket: closing', () => {
  test('a close is answered with its code', async () => {
    for (const code of [1000, 1001, 3000, 4999]) {
      const client = await WsClient.connect(server.ws);
      assert.equal((await client.close(code)).code, code);
    }
  });

  test('what was asked before the close is answered before it', async () => {
    const client = await raw();
    client.send(frame(text, 'ping'), frame(close, Buffer.from([0x03, 0xe8])));
    const items = await client.frames.takeThrough((item) => item.opcode === close, 'the close');
    assert.deepEqual(items.slice(0, -1).map(textOf), ['pong\n', 'ok \n']);
    await within(client.closed, 'the connection to close');
  });

  const badUtf8 = Buffer.from([0xc3, 0x28]);
  const violations = [
    ['an unmasked frame', 1002, () => [frame(text, 'ping', { masked: false })]],
    ['a reserved bit', 1002, () => [frame(text, 'ping', { rsv: 2 })]],
    ['a compressed frame that was not negotiated', 1002, () => [frame(text, 'ping', { rsv: 4 })]],
    ['a reserved opcode', 1002, () => [frame(3, 'ping')]],
    ['a reserved control opcode', 1002, () => [frame(11, 'x')]],
    ['a fragmented ping', 1002, () => [frame(ping, 'x', { fin: false })]],
    ['a ping of 126 bytes', 1002, () => [frame(ping, 'x'.repeat(126))]],
    ['a continuation of nothing', 1002, () => [frame(continuation, 'x')]],
    [
      'a new message inside a message',
      1002,
      () => [frame(text, 'a', { fin: false }), frame(text, 'b')],
    ],
    ['a close of one byte', 1002, () => [frame(close, 'x')]],
    ['a close code that is never sent', 1002, () => [frame(close, Buffer.from([0x03, 0xed]))]],
    [
      'a length that does not fit',
      1002,
      () => [Buffer.from([0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])],
    ],
    ['text that is no UTF-8', 1007, () => [frame(text, badUtf8)]],
    [
      'text that is no UTF-8, in two fragments',
      1007,
      () => [
        frame(text, badUtf8.subarray(0, 1), { fin: false }),
        frame(continuation, badUtf8.subarray(1)),
      ],
    ],
    [
      'text that ends inside a character',
      1007,
      () => [frame(text, Buffer.from([0x61, 0xe2, 0x82]))],
    ],
    ['a surrogate in text', 1007, () => [frame(text, Buffer.from([0xed, 0xa0, 0x80]))]],
    [
      'a close reason that is no UTF-8',
      1007,
      () => [frame(close, Buffer.concat([Buffer.from([0x03, 0xe8]), badUtf8]))],
    ],
    [
      'a frame that announces too much',
      1009,
      () => [frame(text, 'set k v', { length: kMessageBytesMax + 1 })],
    ],
    [
      'a frame that announces 2^62 bytes',
      1009,
      () => [frame(text, 'set k v', { length: 2 ** 62 })],
    ],
  ];
  for (const [what, code, frames] of violations) {
    test(`${what} ends the connection with ${code}, and nobody else's`, async () => {
      const client = await raw();
      client.send(...frames());
      assert.equal(await client.closeCode(what), code);
      client.socket.end();
      await within(client.closed, 'the connection to close');
      await bystander.settle();
    });
  }

  test('a message that grows too large in fragments ends with 1009', async () => {
    const client = await raw();
    const part = frame(continuation, Buffer.alloc(1 << 20, 'x'), { fin: false });
    client.send(frame(text, 'set k ', { fin: false }));
    for (let sent = 0; sent <= kMessageBytesMax; sent += 1 << 20) client.socket.write(part);
    assert.equal(await client.closeCode('too many fragments'), 1009);
    client.destroy();
    await bystander.settle();
  });

  test('a peer that never answers our close does not keep the connection', async () => {
    const client = await raw();
    client.send(frame(3, 'reserved'));
    assert.equal(await client.closeCode('a reserved opcode'), 1002);
    await within(client.closed, 'the server to close by itself');
  });
});

describe('websocket: permessage-deflate', () => {
  test('one big change reaches compressed and plain watchers alike', async () => {
    const db = await createDatabase(server, 'deflate');
    const plain = await WsClient.open(server.ws, db);
    const deflated = await WsClient.open(server.ws, db, db, {
      perMessageDeflate: { threshold: 0 },
    });
    assert.match(deflated.socket.extensions, /permessage-deflate/);
    assert.equal(plain.socket.extensions, '');
    const watchers = [plain, deflated];
    for (const client of watchers) await client.expectOk('watch k');
    const writer = await WsClient.open(server.ws, db, db, { perMessageDeflate: { threshold: 0 } });
    for (const value of [
      '{"now":true} '.repeat(10_000),
      'é漢😀'.repeat(30_000),
      'é漢😀'.repeat(2000),
      'short',
    ]) {
      await writer.expectOk(`set k ${value}`);
      for (const client of watchers) {
        const [changed, versioned] = await client.inbox.take(2);
        assert.ok(changed === `changed k ${value}\n`);
        assert.match(versioned.slice(0, 20), /^changed-version k [0-9]/);
        assert.ok(versioned.endsWith(` ${value}\n`));
      }
    }
    for (const client of [...watchers, writer]) await client.close();
  });

  test('compressed means compressed: repeated text leaves in few bytes', async () => {
    const db = await createDatabase(server, 'deflate-small');
    const client = await raw({ headers: { 'Sec-WebSocket-Extensions': 'permessage-deflate' } });
    assert.match(client.head, /server_no_context_takeover/);
    const send = (command) => client.send(frame(text, deflateMessage(command), { rsv: 4 }));
    send(`use-db ${db} ${db}`);
    await client.frames.next('the ok');
    send(`set k ${'now '.repeat(15_000)}.`);
    await client.frames.next('the ok');
    send('get k');
    const [first] = await client.frames.take(1);
    assert.equal(first.rsv, 4);
    assert.ok(first.fin && first.payload.length < 1000, `${first.payload.length} bytes`);
    client.destroy();
  });

  test('every way of asking for it ends in a connection that works', async () => {
    const offers = [
      { serverNoContextTakeover: true, clientNoContextTakeover: true },
      { clientMaxWindowBits: 10 },
      { serverMaxWindowBits: 15 },
      { threshold: 0, clientMaxWindowBits: true },
    ];
    for (const perMessageDeflate of offers) {
      const client = await WsClient.connect(server.ws, {
        perMessageDeflate: { threshold: 0, ...perMessageDeflate },
      });
      assert.deepEqual(
        await client.command('ping'),
        ['pong\n', 'ok \n'],
        JSON.stringify(perMessageDeflate),
      );
      assert.deepEqual(
        await client.command('ping'),
        ['pong\n', 'ok \n'],
        JSON.stringify(perMessageDeflate),
      );
      await client.close();
    }
  });

  test('an offer that cannot be kept is declined, not refused', async () => {
    const client = await raw({
      headers: { 'Sec-WebSocket-Extensions': 'permessage-deflate; unknown_parameter=1, x-other' },
    });
    assert.doesNotMatch(client.head, /sec-websocket-extensions/i);
    assert.equal(await answerTo(client, frame(text, 'ping')), 'pong\n');
    client.destroy();
  });

  test('a small message that unpacks to too much ends with 1009 and costs no memory', async () => {
    const client = await raw({ headers: { 'Sec-WebSocket-Extensions': 'permessage-deflate' } });
    const before = residentBytes(server.pid);
    client.send(frame(text, deflateMessage(Buffer.alloc(200 << 20, 'x')), { rsv: 4 }));
    assert.equal(await client.closeCode('a bomb'), 1009);
    assert.ok(residentBytes(server.pid) - before < 64 << 20);
    client.destroy();
    await bystander.settle();
  });

  test('what does not unpack ends with 1007, unpacked text that is no UTF-8 as well', async () => {
    for (const payload of [
      Buffer.from([0xff, 0xff, 0xff, 0xff]),
      deflateMessage(Buffer.from([0xc3, 0x28])),
    ]) {
      const client = await raw({ headers: { 'Sec-WebSocket-Extensions': 'permessage-deflate' } });
      client.send(frame(text, payload, { rsv: 4 }));
      assert.equal(await client.closeCode('bad data'), 1007);
      client.destroy();
    }
  });

  // RFC 7692 §7.2.1: an empty stored block at the end, its last four bytes removed.
  function deflateMessage(data) {
    const packed = deflateRawSync(data, { finishFlush: 2 /* Z_SYNC_FLUSH */ });
    return packed.subarray(0, packed.length - 4);
  }
});
