// Two nodes with data and one without: docs/election.md (arbiter node).
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { agreedPrimary, ClusterNodes, clusterState } from './cluster_nodes.mjs';
import { kExit, makeFolder, nunc, removeFolder, TcpClient, until } from './harness.mjs';

const kMegabyte = 1_048_576;

describe('two nodes and an arbiter node', () => {
  const cluster = new ClusterNodes();
  const clients = new Map();
  const args = ['--takeover', 'off'];
  const state = (id) => clusterState(clients.get(id));
  const ofMember = async (at, id) => (await state(at)).members.find((one) => one.id === id);

  const start = async (id, more = []) => {
    await cluster.start(id, { args: [...args, ...more] });
    clients.set(id, await cluster.admin(id));
  };
  const kill = async (id) => {
    await cluster.kill(id);
    clients.delete(id);
  };
  const other = (id) => 3 - id;
  // A client of the one of the two that is primary, with that database.
  const at = (id, database) => TcpClient.open(cluster.nodes.get(id).tcp, database, 'token');
  const leads = (id) =>
    until(async () => (await state(id)).role === 'primary', `node ${id} to be primary`);
  const voters = (count) =>
    until(async () => {
      const { members } = await state(1);
      const vote = (one) => one.standing === (one.id === 3 ? 'arbiter-node' : 'voter');
      return members.length === count && members.every(vote);
    }, `${count} voters`);

  before(async () => {
    await start(1);
    await start(2);
    await voters(2);
    await start(3, ['--arbiter']);
    await voters(3);
    for (const level of ['written', 'quorum']) {
      await cluster.writer(`create-db ${level} token none ack ${level}`, clients);
    }
  });
  after(() => cluster.stopAll());

  test('it is shown as what it is, and holds no data', async () => {
    const primary = await agreedPrimary(clients);
    assert.equal((await state(3)).role, 'arbiter-node');
    for (const id of [1, 2, 3]) {
      const shown = await ofMember(primary, id);
      assert.equal('lag' in shown, id !== 3);
      assert.equal('floor' in shown, id === 3);
    }
    const files = readdirSync(cluster.folderOf(3));
    assert.ok(files.every((name) => !name.startsWith('snapshot') && !name.startsWith('spare')));
  });

  test('it says of all that is about data where to go', async () => {
    const primary = await agreedPrimary(clients);
    const { tcp } = cluster.nodes.get(primary);
    const asked = ['use-db quorum token', 'get key', 'set key 1', 'keys', 'watch key', 'snapshot'];
    for (const line of [...asked, 'create-db more token', 'oplog info', 'multi']) {
      assert.deepEqual(await clients.get(3).command(line), [`error not-primary ${tcp} `], line);
    }
    await clients.get(3).expectOk('ping');
    const { http } = cluster.nodes.get(3);
    assert.equal((await fetch(`http://${http}/livez`)).status, 200);
    const folder = makeFolder('arbiter-node');
    const saved = await nunc(['-h', `http://${http}`, 'backup', path.join(folder, 'all.backup')]);
    assert.notEqual(saved.code, kExit.ok);
    assert.match(saved.errors, /arbiter node, which holds no data/);
    assert.ok(!existsSync(path.join(folder, 'all.backup')));
    removeFolder(folder);
  });

  test('no other node is let in, and none of the two leaves', async () => {
    for (const [more, why] of [
      [[], /an arbiter node is a member, and with it exactly two nodes with data/],
      [['--arbiter'], /an arbiter node is a member already/],
    ]) {
      const id = more.length + 4;
      await start(id, more);
      await until(async () => why.test((await state(id)).refused ?? ''), `node ${id} refused`);
      await kill(id);
    }
    assert.equal((await state(1)).members.length, 3);
    const [refused] = await clients.get(1).command('leave 1');
    assert.match(refused, /^error .*an arbiter node is a member/);
  });

  test('the primary is killed: the other one has all that was confirmed and goes on', async () => {
    const first = await agreedPrimary(clients);
    const before = await at(first, 'quorum');
    await before.expectOk('set stock 7');
    await before.close();
    await kill(first);
    const second = other(first);
    await leads(second);
    const reader = await at(second, 'quorum');
    assert.ok((await reader.expectOk('get stock')).includes('value 7'));
    // One disk is not two: nothing is confirmed where that is asked for.
    assert.match((await reader.command('set stock 8')).at(-1), /^error unknown/);
    const writer = await at(second, 'written');
    await writer.expectOk('set visits 1');
    await start(first);
    await until(async () => (await reader.command('set stock 9')).at(-1) === 'ok ', 'two disks');
    const back = await at(first, 'written');
    await until(
      async () => (await back.command('get visits')).includes('value 1'),
      'what it has missed',
    );
    for (const client of [reader, writer, back]) await client.close();
  });

  test('who has slept is not elected before it has what the other one did alone', async () => {
    const awake = await agreedPrimary(clients);
    const asleep = other(awake);
    await kill(asleep);
    const writer = await at(awake, 'written');
    // More than it could take back: it need not.
    for (let i = 0; i < 40; ++i) await writer.expectOk(`set large ${'x'.repeat(kMegabyte)}`);
    await writer.expectOk('set alone 1');
    await writer.close();
    await until(async () => {
      const { head } = await state(awake);
      return (await ofMember(awake, 3)).floor >= head;
    }, 'the floor to cover it');
    await kill(awake);
    await start(asleep);
    await until(async () => (await state(asleep)).role === 'candidate', 'it to ask for votes');
    await start(awake);
    await agreedPrimary(clients);
    for (const id of [1, 2]) {
      const reader = await at(id, 'written');
      await until(async () => (await reader.command('get alone')).includes('value 1'), 'it there');
      await reader.close();
    }
  });

  test('without it two go on, and one does not', async () => {
    const primary = await agreedPrimary(clients);
    await kill(3);
    const writer = await at(primary, 'quorum');
    await writer.expectOk('set stock 10');
    await kill(other(primary));
    await until(async () => {
      const reply = await writer.command('set stock 11');
      return reply.at(-1) === 'error not-primary - ';
    }, 'a refusal');
    await writer.close();
    // Its folder knows what it is.
    await start(3);
    await leads(primary);
    const alone = await at(primary, 'written');
    await alone.expectOk('set visits 2');
    await alone.close();
    await start(other(primary));
    await agreedPrimary(clients);
  });

  test('it leaves, and two are left', async () => {
    await until(async () => {
      const reply = await clients.get(3).command('leave 3');
      return reply.at(-1) === 'ok ';
    }, 'it to be asked');
    await voters(2);
  });

  test('a folder with data is not made one of an arbiter node', async () => {
    const data = cluster.folderOf(1);
    await kill(1);
    const doors = ['-h', '127.0.0.1:0', '-w', '127.0.0.1:0', '-t', '127.0.0.1:0'];
    const member = ['--listen', '127.0.0.1:0', '--cluster-secret-file', cluster.secretFile];
    const join = ['--arbiter', '--join', cluster.nodes.get(2).peers];
    const ended = await nunc(['start', '--data', data, ...doors, ...member, ...join]);
    assert.notEqual(ended.code, kExit.ok);
    assert.match(ended.errors, /give --arbiter an empty folder/);
    const begins = await nunc(['start', ...doors, ...member, '--arbiter', '--bootstrap']);
    assert.equal(begins.code, kExit.usage);
    assert.match(begins.errors, /begins no cluster: give --join/);
  });
});
