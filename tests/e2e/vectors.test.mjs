// Every `must` vector of tests/conformance on its own transport, and the websocket ones a second
// time through the HTTP port with compression, each against one fresh server.
//
// "Nothing more arrived" needs no silence: a `ping` on the connection is answered after everything
// that was queued for it, and the loop is one thread, so what another connection caused is queued
// before that one's own answer.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { httpPost, startServer, stopCleanly, TcpClient, WsClient } from './harness.mjs';
import { changedQuirks, keptQuirks } from './quirks.mjs';
import { expandSend, loadVectors, matches } from './vectors.mjs';

const vectors = loadVectors();
const title = (vector) => `${vector.transport}: ${vector.name}`;
const runs = (vector) => vector.level === 'must' || keptQuirks.has(title(vector));

class TcpDoor {
  constructor(server) {
    this.server = server;
  }

  open = () => TcpClient.connect(this.server.tcp);

  async exchange(client, bytes) {
    client.send(bytes);
    if (bytes === '' || bytes.endsWith('\n')) return client.settle();
    // A line that has not ended yet would swallow the ping, so another connection is asked.
    await wholeTurn(this.server);
    return client.inbox.drain();
  }
}

class WsDoor {
  constructor(server, address, options) {
    this.server = server;
    this.open = () => WsClient.connect(address, options);
  }

  async exchange(client, text) {
    if (text !== '') client.sendFragments(text);
    return client.settle();
  }
}

// A connection made now is accepted, greeted and answered after everything that was sent before.
async function wholeTurn(server) {
  const client = await TcpClient.open(server.tcp);
  await client.settle();
  await client.close();
}

// What a server says of itself alone, a member of a cluster says of all.
const expectedOf = (server, expected) =>
  server.listed ? expected.replace('<<addr>>(self):Primary ,', server.listed) : expected;

async function runOnConnections(door, vector) {
  const names = new Map();
  const clients = new Map();
  try {
    for (const [index, step] of vector.steps.entries()) {
      const name = step.conn ?? 'c1';
      if (!clients.has(name)) clients.set(name, await door.open());
      const client = clients.get(name);
      const items = await door.exchange(client, expandSend(step.send, names));
      const received = step.exact ? items : items.map((item) => item.trimEnd());
      const where = `step ${index + 1}, ${JSON.stringify(step.send).slice(0, 200)}`;
      const fits =
        received.length === step.expect.length &&
        step.expect.every((expected, at) =>
          matches(expectedOf(door.server, expected), received[at], names),
        );
      if (!fits) assert.deepEqual(received, step.expect, where);
      if (step.close) {
        await client.close();
        clients.delete(name);
        await wholeTurn(door.server);
      }
    }
  } finally {
    for (const client of clients.values()) await client.close();
  }
}

async function runOnHttp(server, vector) {
  const names = new Map();
  for (const [index, step] of vector.steps.entries()) {
    const answer = await httpPost(server.http, expandSend(step.send, names));
    assert.equal(answer.status, 200);
    const expected = expectedOf(server, step.expect[0]);
    if (!matches(expected, answer.body, names)) {
      assert.equal(
        answer.body,
        expected,
        `step ${index + 1}, ${JSON.stringify(step.send).slice(0, 200)}`,
      );
    }
  }
}

function suite(name, transport, makeRun) {
  describe(name, () => {
    let server;
    let run;
    before(async () => {
      server = await startServer();
      run = makeRun(server);
    });
    after(() => stopCleanly(server));
    const chosen = vectors.filter((vector) => vector.transport === transport && runs(vector));
    for (const vector of chosen) test(vector.name, () => run(vector));
    test('there are vectors', () => assert.ok(chosen.length > 10));
  });
}

suite('vectors on tcp', 'tcp', (server) => {
  const door = new TcpDoor(server);
  return (vector) => runOnConnections(door, vector);
});
suite('vectors on the websocket port', 'ws', (server) => {
  const door = new WsDoor(server, server.ws);
  return (vector) => runOnConnections(door, vector);
});
suite('vectors on websockets of the http port, compressed', 'ws', (server) => {
  const door = new WsDoor(server, server.http, { perMessageDeflate: true });
  return (vector) => runOnConnections(door, vector);
});
suite('vectors on http', 'http', (server) => (vector) => runOnHttp(server, vector));

describe('the vectors themselves', () => {
  test('every quirk is either kept or changed, with a reason', () => {
    const quirks = vectors.filter((vector) => vector.level === 'quirk').map(title);
    const unnamed = quirks.filter((quirk) => !keptQuirks.has(quirk) && !changedQuirks.has(quirk));
    assert.deepEqual(unnamed, []);
    const both = quirks.filter((quirk) => keptQuirks.has(quirk) && changedQuirks.has(quirk));
    assert.deepEqual(both, []);
    const unknown = [...keptQuirks, ...changedQuirks.keys()].filter(
      (quirk) => !quirks.includes(quirk),
    );
    assert.deepEqual(unknown, []);
    for (const [quirk, reason] of changedQuirks) assert.match(reason, /^Q[0-9]+: .{10}/, quirk);
  });
});
