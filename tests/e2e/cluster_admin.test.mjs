// What an admin sees of a cluster and asks of it: docs/language.md (administration).
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { agreedPrimary, ClusterNodes, clusterState } from './cluster_nodes.mjs';
import { kExit, nunc, openAdmin, startServer, stopCleanly, until } from './harness.mjs';

const status = (server, ...args) =>
  nunc(['-h', `http://${server.http}`, 'cluster', 'status', ...args]);

describe('the admin of a cluster', () => {
  const cluster = new ClusterNodes();
  const clients = new Map();
  const state = (id) => clusterState(clients.get(id));
  const primary = () => agreedPrimary(clients);

  before(async () => {
    for (const id of [1, 2, 3]) {
      await cluster.start(id, { args: ['--takeover', 'off'] });
      clients.set(id, await cluster.admin(id));
    }
    await until(async () => {
      const { members } = await state(1);
      return members.length === 3 && members.every((one) => one.standing === 'voter');
    }, 'three voters');
  });
  after(() => cluster.stopAll());

  test('the listing has all members in the words of existing clients', async () => {
    assert.equal(await primary(), 1);
    const addresses = [1, 2, 3].map((id) => [cluster.nodes.get(id).tcp, id]).sort();
    for (const self of [1, 2]) {
      await until(async () => {
        const text = addresses
          .map(([address, id]) => {
            const role = id === 1 ? 'Primary' : 'Secoundary';
            return id === self ? `${address}(self):${role} ,` : `${address}(Connected):${role},`;
          })
          .join(' ');
        const [line] = await clients.get(self).expectOk('cluster-state');
        return line === `cluster-state  ${text}`;
      }, `the listing of node ${self}`);
    }
  });

  test('the primary tells how far each member is, the others do not know', async () => {
    const shown = await until(async () => {
      const now = await state(1);
      return now.commit === now.head && now.members.every((one) => one.lag === 0) && now;
    }, 'nobody to lag');
    assert.deepEqual([shown.id, shown.role, shown.primary], [1, 'primary', 1]);
    for (const { id, peer, client, linked, received } of shown.members) {
      assert.equal(client, cluster.nodes.get(id).tcp);
      assert.equal(peer, cluster.nodes.get(id).peers);
      assert.equal(linked, true);
      assert.equal(received, shown.head);
    }
    const other = await state(2);
    assert.equal(other.role, 'secondary');
    assert.ok(other.members.every((one) => !('lag' in one)));
    assert.deepEqual(await clients.get(1).expectOk('debug pending-ops'), ['pending-ops ']);
  });

  test('databases are of level quorum unless it is said otherwise', async () => {
    await clients.get(1).expectOk('create-db final token');
    await clients.get(1).expectOk('create-db fast token none ack written');
    for (const [name, level] of [['final', 'quorum'], ['fast', 'written']]) {
      const [, record] = await clients.get(1).expectOk(`oplog since 1 ${name}`);
      assert.equal(JSON.parse(record).ack, level);
    }
  });

  test('cluster status is a table, of any node', async () => {
    for (const id of [1, 3]) {
      const ended = await status(cluster.nodes.get(id));
      assert.equal(ended.code, kExit.ok, ended.errors);
      assert.match(ended.output, new RegExp(`^node ${id} is .*, primary 1, `));
      assert.match(ended.output, /^ID +ROLE +PRIORITY +LINKED +LAST +LAG +CLIENTS +NODES$/m);
      assert.match(ended.output, /^1 +primary /m);
      for (const server of cluster.nodes.values()) assert.ok(ended.output.includes(server.peers));
    }
    const json = await status(cluster.nodes.get(2), '--json');
    assert.equal(json.code, kExit.ok, json.errors);
    assert.equal(JSON.parse(json.output).id, 2);
  });

  test('words of nodes are refused from clients', async () => {
    for (const line of ['join a:1', 'election win', 'set-primary a:1']) {
      assert.match((await clients.get(1).command(line)).at(-1), /^error .* is for nodes/);
    }
    assert.equal((await state(1)).members.length, 3);
  });

  test('force-election gives the role to another node', async () => {
    for (const at of [1, 2, 3]) {
      const before = await primary();
      await clients.get(at).expectOk('debug force-election');
      await until(async () => (await primary()) !== before, `another primary, asked at node ${at}`);
    }
  });

  test('a node that wants to leave may be told so itself', async () => {
    const stays = await primary();
    const other = [1, 2, 3].find((id) => id !== stays);
    const refused = await clients.get(other).command('leave 7');
    assert.deepEqual(refused, ['error no member has that id; their ids are 1, 2, 3 ']);
    assert.equal((await state(stays)).members.length, 3);
    await clients.get(other).expectOk(`leave ${other}`);
    await until(
      async () => (await state(stays)).members.every((one) => one.id !== other),
      'it to be gone',
    );
    assert.equal((await state(stays)).members.length, 2);
    await cluster.kill(other);
    clients.delete(other);
  });

  test('without a primary cluster status ends with 1', async () => {
    const [left, gone] = [...clients.keys()];
    await cluster.kill(gone);
    clients.delete(gone);
    const ended = await until(async () => {
      const now = await status(cluster.nodes.get(left));
      return now.code === kExit.usage && now;
    }, 'no primary');
    assert.match(ended.output, /, primary -, /);
    const refused = await clients.get(left).command('debug force-election');
    assert.deepEqual(refused, ['error not-primary - ']);
  });
});

test('a server that is in no cluster says so', async () => {
  const server = await startServer({});
  const admin = await openAdmin(server);
  const lines = ['cluster-state json', 'leave 1', 'debug force-election', 'promote 1'];
  for (const line of [...lines, 'add-node a:1', 'peer-address']) {
    assert.match((await admin.command(line)).at(-1), /^error this server is a member of no clu/);
  }
  assert.match((await admin.command('leave')).at(-1), /^error leave must be followed by the id/);
  const ended = await status(server);
  assert.equal(ended.code, kExit.unreachable);
  assert.match(ended.errors, /member of no cluster/);
  await admin.close();
  await stopCleanly(server);
});
