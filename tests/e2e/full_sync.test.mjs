// A node that the primary's log does not reach gets its whole state: docs/cluster.md (full sync).
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { randomBytes } from 'node:crypto';
import { ClusterNodes, clusterState } from './cluster_nodes.mjs';
import { TcpClient, until } from './harness.mjs';

const kMiB = 1 << 20;
const kKeys = 8;
// The log is cleaned of what is older, whoever needs it, for it may not be longer.
const kArgs = ['--segment', '32MiB', '--oplog-keep', '1MiB,1s', '--oplog-max', '33MiB'];
const kCatchUpMs = 60_000;

describe('a full sync', { timeout: 180_000 }, () => {
  const cluster = new ClusterNodes();
  const clients = new Map();
  let written = 0;
  const values = new Map(); // that do not shrink much, so that a state comes in many pieces

  const state = (id) => clusterState(clients.get(id));
  const number = async (id, name) => {
    const lines = await clients.get(id).expectOk('oplog info');
    return Number(lines.find((line) => line.startsWith(`${name}: `)).split(' ')[1]);
  };
  const start = async (id) => {
    await cluster.start(id, { args: kArgs });
    clients.set(id, await cluster.admin(id));
  };
  /** Also where the machine is so busy that there is no primary for a moment. */
  const write = (line) =>
    until(
      async () => (await clients.get(3).command(line)).at(-1) === 'ok ',
      line.slice(0, 20),
      kCatchUpMs,
    );
  const writeBig = async () => {
    written += 1;
    const key = `big-${written % kKeys}`;
    values.set(key, randomBytes((3 * kMiB) / 4).toString('base64'));
    await write(`set ${key} ${values.get(key)}`);
  };
  /** 80 MiB over a few keys, and all of it out of the log again. */
  const leaveBehind = async (last) => {
    const client = clients.get(3);
    for (let i = 0; i < 80; i += 1) {
      await writeBig();
    }
    await write(`set small/1 ${written}`);
    await write('remove small/2');
    await until(async () => {
      await client.expectOk('snapshot false shop');
      await client.expectOk('oplog clean keep 1');
      return (await number(3, 'first_revision')) > last;
    }, 'the log to be cleaned');
  };
  const expectAll = async (id) => {
    const client = await TcpClient.open(cluster.nodes.get(id).tcp, 'shop', 'token');
    for (const [key, expected] of values) {
      const [value] = await client.expectOk(`get ${key}`);
      assert.ok(value === `value ${expected}`, `${key} of node ${id}`);
    }
    assert.deepEqual(await client.expectOk('get small/1'), [`value ${written}`]);
    await client.close();
  };
  /** Through the stop that a full sync means for it: its clients come back. */
  const caughtUp = (id) =>
    until(
      async () => {
        try {
          const { head } = await state(3);
          const client = await cluster.admin(id);
          const own = await clusterState(client);
          await client.close();
          return own.head >= head;
        } catch {
          return false;
        }
      },
      `node ${id} to have all`,
      kCatchUpMs,
    );

  before(async () => {
    for (const id of [1, 2, 3]) await start(id);
    await cluster.writer('create-db shop token none ack disk', clients);
    for (const client of clients.values()) {
      await until(
        async () => (await client.command('use-db shop token')).at(-1) === 'ok ',
        'the database at every node',
      );
    }
    await until(async () => {
      const { role, members } = await state(3);
      const voters = members.filter((member) => member.standing === 'voter');
      return role === 'primary' && voters.length === 3;
    }, 'node 3 to be primary of three voters');
    await write('set small/1 first');
    await write('set small/2 second');
  });
  after(() => cluster.stopAll());

  test('a node that was away for longer than the log has everything again', async () => {
    const watcher = await TcpClient.open(cluster.nodes.get(1).tcp, 'shop', 'token');
    await watcher.expectOk('watch small/* since 0');
    const ready = /^ready .*?(\S+)$/;
    const heard = await watcher.inbox.takeThrough((line) => ready.test(line), 'a token');
    const [, token] = ready.exec(heard.at(-1));
    const last = (await state(1)).head;
    await cluster.kill(1);
    await leaveBehind(last);
    const { tcp } = await cluster.start(1, { args: kArgs });
    await caughtUp(1);
    assert.equal(cluster.nodes.get(1).tcp, tcp);
    clients.set(1, await cluster.admin(1));
    await expectAll(1);
    // It holds the state, so what a client was not told it can be told from there.
    const again = await TcpClient.open(tcp, 'shop', 'token');
    await again.expectOk(`watch small/* since ${token}`);
    const told = await again.inbox.takeThrough((line) => ready.test(line), 'what has changed');
    assert.ok(told.includes(`changed small/1 ${written}`), JSON.stringify(told));
    assert.ok(!told.some((line) => line.includes('second')), JSON.stringify(told));
    await write('set small/1 live');
    assert.equal(
      (await again.inbox.takeThrough((line) => /^changed/.test(line), 'a change')).at(-1),
      'changed small/1 live',
    );
    assert.ok((await number(1, 'first_revision')) > last, 'it has no older records');
    await again.close();
    await write(`set small/1 ${written}`);
  });

  test('it is a voter like any other: with it alone there is a majority', async () => {
    const { members } = await state(3);
    assert.equal(members.find((member) => member.id === 1).standing, 'voter');
    assert.ok(members.every((member) => member.sync_bytes === undefined));
    await cluster.kill(2);
    await writeBig();
    await write(`set small/1 ${written}`);
    await start(2);
    await caughtUp(2);
  });

  test('an empty node joins after the log was cleaned', async () => {
    await start(4);
    await caughtUp(4);
    await expectAll(4);
    clients.set(4, await cluster.admin(4));
    await until(async () => {
      const { members } = await state(3);
      return members.find((member) => member.id === 4)?.standing === 'voter';
    }, 'it to be a voter');
  });

  test('a node that got its state stops and starts as any other', async () => {
    const { code } = await cluster.nodes.get(4).stop('SIGTERM');
    assert.equal(code, 0);
    await start(4);
    await caughtUp(4);
    await expectAll(4);
  });
});
