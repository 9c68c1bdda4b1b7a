// Writes at any node of a cluster: docs/cluster.md.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { agreedPrimary, ClusterNodes, clusterState } from './cluster_nodes.mjs';
import { TcpClient, until, within, WsClient } from './harness.mjs';

const kNodes = [1, 2, 3];

describe('writes at any of three nodes', () => {
  const cluster = new ClusterNodes();
  const admins = new Map();
  const primary = () => agreedPrimary(admins);
  const other = async () => {
    const leads = await primary();
    return [...cluster.nodes.keys()].find((id) => id !== leads);
  };
  const open = (id, user = 'token') => TcpClient.open(cluster.nodes.get(id).tcp, 'shop', user);

  before(async () => {
    for (const id of kNodes) {
      await cluster.start(id, { args: ['--takeover', 'off'] });
      admins.set(id, await cluster.admin(id));
    }
    await until(async () => {
      const { members } = await clusterState(admins.get(1));
      return members.filter(({ standing }) => standing === 'voter').length === 3;
    }, 'three voters');
  });
  after(() => cluster.stopAll());

  test('a database is made at one that is not primary, and used at once', async () => {
    const client = await cluster.admin(await other());
    const made = 'create-db shop token arbiter\nuse-db shop token\n';
    client.send(`${made}set price 10\nget price\n`);
    const told = await client.inbox.take(6, 'all replies');
    assert.deepEqual(
      told.map((line) => line.trimEnd()),
      ['create-db success', 'ok', 'ok', 'ok', 'value 10', 'ok'],
    );
    await client.close();
    for (const id of kNodes) {
      const reader = await until(() => open(id).catch(() => null), `the database at node ${id}`);
      await until(
        async () => (await reader.expectOk('get price'))[0] === 'value 10',
        `the value at node ${id}`,
      );
      await reader.close();
    }
  });

  test('a client reads what it wrote, in one message too', async () => {
    const server = cluster.nodes.get(await other());
    const client = await WsClient.open(server.ws, 'shop', 'token');
    for (let i = 0; i < 20; ++i) {
      client.send(`set counter ${i};increment counter 5;get counter;remove counter;get counter`);
      const told = await client.inbox.take(7, 'the replies');
      assert.deepEqual(
        told.map((text) => text.trimEnd()),
        ['ok', 'ok', `value ${i + 5}`, 'ok', 'ok', 'value <Empty>', 'ok'],
      );
    }
    await client.close();
  });

  test('increments at all nodes at once are all counted', async () => {
    const clients = await Promise.all(kNodes.map((id) => open(id)));
    await clients[0].expectOk('set sum 0');
    const kEach = 200;
    for (const client of clients) client.send('increment sum\n'.repeat(kEach));
    for (const client of clients) {
      const replies = await client.inbox.take(kEach, 'the statuses');
      assert.ok(replies.every((line) => line.trimEnd() === 'ok'));
    }
    for (const client of clients) {
      await until(
        async () => (await client.expectOk('get sum'))[0] === `value ${3 * kEach}`,
        'the sum at each node',
      );
      await client.close();
    }
  });

  test('a conflict of one node is decided at another', async () => {
    const leads = await primary();
    const [at, there] = kNodes.filter((id) => id !== leads);
    const arbiter = await open(at);
    await arbiter.expectOk('arbiter');
    const writer = await open(there);
    for (const value of ['a', 'b', 'c']) await writer.expectOk(`set disputed ${value}`);
    const refused = await writer.command('set-safe disputed 0 mine');
    assert.match(refused.at(-1), /^error /);
    const message = await arbiter.inbox.next('the conflict');
    const [, id, , version] = message.split(' ');
    await arbiter.expectOk(`resolve ${id} shop disputed ${version} merged`);
    await until(
      async () => (await writer.expectOk('get disputed'))[0] === 'value merged',
      'the decision',
    );
    await arbiter.close();
    await writer.close();
  });

  test('a key lives with a session at a node that is not primary', async () => {
    const leads = await primary();
    const [at, there] = kNodes.filter((id) => id !== leads);
    const guest = await open(at);
    const watcher = await open(there);
    await watcher.expectOk('watch here');
    await guest.expectOk('set-session here : yes');
    const told = await watcher.inbox.take(2, 'the key');
    assert.deepEqual(
      told.map((line) => line.trimEnd()),
      ['changed here yes', 'changed-version here 0 yes'],
    );
    await guest.close();
    assert.equal((await watcher.inbox.next('its end')).trimEnd(), 'removed here');
    await watcher.close();
  });

  test('a read behind `wait linear` has all that was written anywhere before', async () => {
    const clients = await Promise.all(kNodes.map((id) => open(id)));
    for (let i = 0; i < 60; ++i) {
      const [writer, reader] = [clients[i % 3], clients[(i + 1) % 3]];
      await writer.expectOk(`set linear ${i}`);
      reader.send('wait linear\nget linear\n');
      const told = await reader.inbox.take(3, 'the value');
      assert.deepEqual(
        told.map((line) => line.trimEnd()),
        ['ok', `value ${i}`, 'ok'],
      );
    }
    for (const client of clients) await client.close();
  });

  test('what was seen at one node is waited for at another', async () => {
    const [first, second] = await Promise.all([open(1), open(2)]);
    for (let i = 0; i < 20; ++i) {
      await first.expectOk(`set seen ${i}`);
      first.send('watch seen since 0\n');
      const told = await first.inbox.takeThrough((line) => line.startsWith('ready '), 'a token');
      const token = told.at(-1).trimEnd().split(' ').at(-1);
      await first.settle();
      await first.expectOk('unwatch-all');
      second.send(`wait ${token}\nget seen\n`);
      const read = await second.inbox.take(3, 'the value');
      assert.equal(read[1].trimEnd(), `value ${i}`);
    }
    const later = '99999999999.1.00000000';
    const [foreign] = await second.command(`wait ${later}`);
    assert.match(foreign, /^error no place of this database/);
    await second.expectOk('wait max-age=1000');
    await first.close();
    await second.close();
  });

  test('no write is refused while the role is handed over', async () => {
    const before = await primary();
    const id = kNodes.find((one) => one !== before);
    const client = await open(id);
    let asked = 0;
    const write = async () => {
      asked += 1;
      const reply = await within(client.command(`set handed ${asked}`), 'an answer');
      assert.deepEqual(reply, ['ok ']);
    };
    await write();
    let handed = false;
    const handing = admins
      .get(before)
      .expectOk('debug force-election')
      .then(async () => {
        await until(async () => (await primary()) !== before, 'another primary');
        handed = true;
      });
    // One write at least meets the handover, however short it is.
    while (!handed) await write();
    await handing;
    await write();
    assert.ok(asked > 2);
    await client.close();
  });

  test('when the primary is killed, writes elsewhere are done, unknown, or not done', async () => {
    const before = await primary();
    const id = kNodes.find((one) => one !== before);
    const client = await open(id);
    const guest = await open(id);
    await guest.expectOk('set-session guest : here');
    const killed = cluster.kill(before);
    admins.delete(before);
    let done = null;
    for (let i = 0; done === null; ++i) {
      const [status] = (await within(client.command(`set last ${i}`), 'an answer')).slice(-1);
      if (status === 'ok ') done = i;
      else assert.match(status, /^error (unknown|not-primary -)/);
    }
    await killed;
    assert.deepEqual((await client.expectOk('get last'))[0], `value ${done}`);
    // The session is still there, at its own node.
    assert.deepEqual((await client.expectOk('get guest'))[0], 'value here');
    await guest.close();
    await until(
      async () => (await client.expectOk('get guest'))[0] === 'value <Empty>',
      'the key of the session that has ended',
    );
    await client.close();
  });
});

test('with --forward off the answer is where to write', async () => {
  const cluster = new ClusterNodes();
  const args = ['--takeover', 'off', '--forward', 'off'];
  try {
    await cluster.start(1, { args });
    await cluster.start(2, { args });
    const second = await cluster.admin(2);
    const expected = `error not-primary ${cluster.nodes.get(1).tcp} `;
    await until(
      async () => (await second.command('create-db shop token')).at(-1) === expected,
      'the address of the primary',
    );
    await second.close();
  } finally {
    await cluster.stopAll();
  }
});
