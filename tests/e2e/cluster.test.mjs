// A cluster of real processes: what is final survives the primary, watchers stay connected.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { ClusterNodes, kSecret } from './cluster_nodes.mjs';
import {
  kExit,
  makeFolder,
  nunc,
  removeFolder,
  startServer,
  TcpClient,
  until,
} from './harness.mjs';

describe('a cluster of three', () => {
  const cluster = new ClusterNodes();
  const clients = new Map();
  let token; // of what was final

  before(async () => {
    for (const id of [1, 2, 3]) {
      await cluster.start(id);
      clients.set(id, await cluster.admin(id));
    }
    const made = await cluster.writer('create-db shop token none ack disk', clients);
    assert.ok([1, 2, 3].includes(made));
    for (const client of clients.values()) {
      await until(
        async () => (await client.command('use-db shop token')).at(-1) === 'ok ',
        'the database at every node',
      );
    }
    // All are voters when the highest priority has taken over.
    await cluster.leads(3, clients.get(3));
  });
  after(() => cluster.stopAll());

  test('a write at the primary is seen at every node', async () => {
    const watchers = [];
    for (const server of cluster.nodes.values()) {
      const watcher = await TcpClient.open(server.tcp, 'shop', 'token');
      await watcher.expectOk('watch price');
      watchers.push(watcher);
    }
    await clients.get(3).expectOk('set price 10');
    for (const watcher of watchers) {
      assert.equal(await watcher.inbox.next('the change'), 'changed price 10');
      await watcher.close();
    }
  });

  test('the primary is killed: another one takes writes, and no watcher is cut off', async () => {
    await clients.get(3).expectOk('set stock 7');
    const watcher = await TcpClient.open(cluster.nodes.get(1).tcp, 'shop', 'token');
    await watcher.expectOk('watch stock');
    await cluster.kill(3);
    const second = await cluster.writer('set stock 8', clients);
    assert.notEqual(second, 3);
    assert.equal(await watcher.inbox.next('the change'), 'changed stock 8');
    for (const id of [1, 2]) {
      await until(async () => {
        const reply = await clients.get(id).command('get stock');
        return reply.includes('value 8');
      }, `node ${id} to have what is new`);
    }
    await watcher.close();
  });

  test('it comes back, has what it missed, and is primary again', async () => {
    await cluster.start(3);
    const third = await cluster.admin(3);
    clients.set(3, third);
    await third.expectOk('use-db shop token');
    await cluster.leads(3, third);
    assert.ok((await third.command('get stock')).includes('value 8'));
    const watcher = await TcpClient.open(cluster.nodes.get(3).tcp, 'shop', 'token');
    await watcher.expectOk('watch stock since 0');
    const told = await watcher.inbox.takeThrough((line) => line.startsWith('ready '), 'a token');
    token = told.at(-1).split(' ').at(-1);
    await watcher.close();
  });

  test('a primary that is stopped hands its role over first', async () => {
    const server = cluster.nodes.get(3);
    const stopped = server.stop('SIGTERM');
    const others = new Map([...clients].filter(([id]) => id < 3));
    assert.equal((await stopped).code, 0);
    const next = await cluster.writer('set stopped 1', others);
    assert.ok([1, 2].includes(next));
    cluster.nodes.delete(3);
  });

  test('with one of three nothing is confirmed: the answer is unknown', async () => {
    const left = [...cluster.nodes.keys()].at(-1);
    for (const id of cluster.nodes.keys()) if (id !== left) await cluster.kill(id);
    await until(async () => {
      const reply = await clients.get(left).command('set alone 1');
      return /^error (unknown|not-primary -)/.test(reply.at(-1));
    }, 'a refusal');
  });

  test('what one of three has begins another cluster when the others are lost', async () => {
    const [left] = [...cluster.nodes.keys()];
    const [stock] = await clients.get(left).expectOk('get stock');
    const folder = makeFolder('survivor');
    const data = path.join(folder, 'data');
    const recover = ['cluster', 'recover', cluster.folderOf(left)];
    const accepting = [...recover, '--into', data, '--i-accept-loss'];
    const used = await nunc(accepting);
    assert.equal(used.code, kExit.cannotBind, used.errors);
    await cluster.kill(left);
    const looked = await nunc(recover);
    assert.equal(looked.code, kExit.usage);
    assert.match(looked.output, /holds term \d+ up to revision \d+ of .*; final, .* \d+$/m);
    assert.match(looked.errors, /nothing was done/);
    const full = await nunc([...recover, '--into', cluster.folder, '--i-accept-loss']);
    assert.equal(full.code, kExit.usage);
    assert.match(full.errors, /is not empty/);
    const recovered = await nunc(accepting);
    assert.equal(recovered.code, kExit.ok, recovered.errors);
    assert.match(recovered.output, /as another cluster: start it with --bootstrap/);
    const args = ['--id', '9', '--listen', '127.0.0.1:0', '--bootstrap'];
    const next = await startServer({
      data,
      args: [...args, '--cluster-secret-file', cluster.secretFile],
    });
    const client = await TcpClient.open(next.tcp, 'shop', 'token');
    assert.deepEqual((await client.expectOk('get stock'))[0], stock);
    await client.expectOk('set stock 100');
    // No token of the old cluster is taken for one of this.
    const [refused] = await client.command(`watch stock since ${token}`);
    assert.match(refused, /^error no place of this database to go on from/);
    await client.close();
    await next.stop();
    removeFolder(folder);
  });
});

describe('a node that does not belong', () => {
  const folder = makeFolder('stranger');
  const secretFile = path.join(folder, 'secret');
  writeFileSync(secretFile, kSecret);
  const start = ['start', '--data', path.join(folder, 'data'), '-h', '127.0.0.1:0'];
  const doors = ['-w', '127.0.0.1:0', '-t', '127.0.0.1:0'];
  after(() => removeFolder(folder));

  const refused = async (args, why, exit = kExit.usage) => {
    const ended = await nunc([...start, ...doors, ...args]);
    assert.equal(ended.code, exit);
    assert.match(ended.errors, why);
  };

  test('unsafe or useless combinations of flags are refused', async () => {
    const listen = ['--listen', '127.0.0.1:0'];
    const secret = ['--cluster-secret-file', secretFile];
    await refused(['--bootstrap', ...secret], /give --listen/);
    await refused(['--bootstrap', ...listen], /needs the secret of the cluster/);
    const both = ['--bootstrap', '--join', '127.0.0.1:1'];
    await refused([...both, ...listen, ...secret], /give one of them/);
    await refused(
      ['--bootstrap', '--listen', '0.0.0.0:0', ...secret],
      /nobody can dial 0\.0\.0\.0:0/,
    );
    await refused(['--bootstrap', ...listen, ...secret, '--lease', '2s'], /lease/);
    await refused(['--bootstrap', ...listen, ...secret, '--ping', '500ms'], /ping/);
    await refused([...listen, ...secret], /is in no cluster yet/, kExit.damaged);
    await refused(['--cluster-secret-file', path.join(folder, 'none')], /cannot be read/);
    writeFileSync(path.join(folder, 'short'), 'short');
    await refused(['--cluster-secret-file', path.join(folder, 'short')], /16 to/);
  });

  test('a wrong secret opens no link', async () => {
    const cluster = new ClusterNodes();
    try {
      await cluster.start(1);
      const wrong = path.join(cluster.folder, 'wrong');
      writeFileSync(wrong, 'another-secret-another-secret');
      const stranger = await cluster.start(2, { secretFile: wrong });
      await until(() => /no link to .*secret/.test(stranger.errors), 'its log to say so');
      const admin = await cluster.admin(1);
      await cluster.writer('create-db only token none ack disk', new Map([[1, admin]]));
    } finally {
      await cluster.stopAll();
    }
  });

  test('a folder on its way into a cluster begins none, and may go on', async () => {
    const data = path.join(folder, 'early');
    const member = ['--listen', '127.0.0.1:0', '--cluster-secret-file', secretFile];
    const joining = [...member, '--join', '127.0.0.1:1'];
    for (let times = 0; times < 2; ++times) {
      const early = await startServer({ data, args: joining });
      await early.stop('SIGKILL');
    }
    const begins = await nunc([
      ...['start', '--data', data, '-h', '127.0.0.1:0'],
      ...doors,
      ...member,
      '--bootstrap',
    ]);
    assert.equal(begins.code, kExit.damaged);
    assert.match(begins.errors, /on its way into a cluster/);
  });

  test('data of its own are kept, and no member starts alone or is repaired', async () => {
    const cluster = new ClusterNodes();
    try {
      const data = path.join(folder, 'own');
      const alone = await startServer({ data });
      await alone.stop();
      const recovered = await nunc(['cluster', 'recover', data]);
      assert.equal(recovered.code, kExit.usage);
      assert.match(recovered.errors, /is in no cluster/);
      const listen = ['--listen', '127.0.0.1:0', '--join', '127.0.0.1:1'];
      const joins = await nunc([
        ...['start', '--data', data, '-h', '127.0.0.1:0'],
        ...doors,
        ...listen,
        ...['--cluster-secret-file', secretFile],
      ]);
      assert.equal(joins.code, kExit.damaged);
      assert.match(joins.errors, /has data of its own, and would lose it/);
      await cluster.start(1);
      const member = path.join(cluster.folder, 'node-1');
      await cluster.kill(1);
      const ended = await nunc(['start', '--data', member, '-h', '127.0.0.1:0', ...doors]);
      assert.equal(ended.code, kExit.damaged);
      assert.match(ended.errors, /member of a cluster: give --listen/);
      const repaired = await nunc(['repair', '--keep-prefix', member]);
      assert.notEqual(repaired.code, kExit.ok);
      assert.match(repaired.errors, /let the node enter again with an empty one/);
    } finally {
      await cluster.stopAll();
    }
  });
});
