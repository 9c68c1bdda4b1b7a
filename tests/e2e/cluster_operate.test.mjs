// `nunc cluster add|remove|promote`, and nodes that find their cluster by TCP doors:
// docs/cluster.md.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { agreedPrimary, ClusterNodes, clusterState } from './cluster_nodes.mjs';
import {
  kBinary,
  kExit,
  launch,
  makeFolder,
  nunc,
  removeFolder,
  startArguments,
  startServer,
  stopCleanly,
  until,
  within,
} from './harness.mjs';

const kMs = 40_000; // longer than the command itself has patience

const ask = (server, ...words) =>
  nunc(['-h', `http://${server.http}`, 'cluster', ...words], { ms: kMs });

async function expectOk(server, ...words) {
  const ended = await ask(server, ...words);
  assert.equal(ended.code, kExit.ok, `${words.join(' ')}: ${ended.errors}`);
  return ended.output;
}

async function expectRefused(server, why, ...words) {
  const ended = await ask(server, ...words);
  assert.equal(ended.code, kExit.unreachable);
  assert.match(ended.errors, why);
}

/** Whether the newest slot of its meta file says that it is on its way: docs/formats.md. */
function joins(folder) {
  const meta = readFileSync(path.join(folder, 'meta'));
  const [first, second] = [0, 4096].map((at) => ({
    counter: meta.readBigUInt64LE(at + 16),
    flags: meta.readUInt32LE(at + 12),
  }));
  return ((first.counter > second.counter ? first : second).flags & 2) !== 0;
}

const votersOf = async (admin) =>
  (await clusterState(admin)).members.filter(({ standing }) => standing === 'voter');

describe('members of a cluster', () => {
  const cluster = new ClusterNodes();
  const admins = new Map();
  const args = ['--takeover', 'off'];
  const start = async (id, options) => {
    const server = await cluster.start(id, { args, ...options });
    admins.set(id, await cluster.admin(id));
    return server;
  };
  const voters = async (ids) =>
    until(async () => {
      for (const id of ids) {
        const now = (await votersOf(admins.get(id))).map((member) => member.id);
        if (now.join() !== ids.join()) return false;
      }
      return true;
    }, `the voters to be ${ids}`);

  before(async () => {
    for (const id of [1, 2, 3]) await start(id);
    await voters([1, 2, 3]);
  });
  after(() => cluster.stopAll());

  test('any node hands the role to the one that is named', async () => {
    for (const [at, to] of [[3, 2], [2, 3], [3, 1], [2, 2]]) {
      const printed = await expectOk(cluster.nodes.get(at), 'promote', String(to));
      assert.match(printed, new RegExp(`^node ${to} is primary, term \\d+$`, 'm'));
      assert.equal(await agreedPrimary(admins), to);
    }
    // It is one already.
    assert.match(await expectOk(cluster.nodes.get(1), 'promote', '2'), /^node 2 is primary/);
    await expectRefused(cluster.nodes.get(1), /no member has that id; .* 1, 2, 3/, 'promote', '9');
  });

  test('a restore at another node is refused, and names the primary', async () => {
    await cluster.writer('create-db kept token', admins);
    const folder = makeFolder('restore');
    const file = path.join(folder, 'all.backup');
    const to = (id) => ['-h', `http://${cluster.nodes.get(id).http}`];
    const primary = await agreedPrimary(admins);
    const saved = await nunc([...to(primary), 'backup', file]);
    assert.equal(saved.code, kExit.ok, saved.errors);
    const other = [1, 2, 3].find((id) => id !== primary);
    const restore = ['restore', file, '--db', 'kept', '--as', 'again'];
    const refused = await nunc([...to(other), ...restore]);
    assert.equal(refused.code, kExit.unreachable);
    const door = cluster.nodes.get(primary).tcp;
    assert.ok(refused.errors.includes(`421: not-primary ${door}: a restore is for the primary`));
    const restored = await nunc([...to(primary), ...restore]);
    assert.equal(restored.code, kExit.ok, restored.errors);
    removeFolder(folder);
  });

  test('a node that waits is let in, and can be primary', async () => {
    const fourth = await start(4, { enter: ['--join', 'wait'] });
    assert.deepEqual((await clusterState(admins.get(4))).members, []);
    const other = cluster.nodes.get(3);
    assert.equal(await expectOk(other, 'add', fourth.peers), 'node 4 is a member\n');
    await voters([1, 2, 3, 4]);
    await expectRefused(other, /a member is at .* already/, 'add', fourth.peers);
    await expectOk(fourth, 'promote', '4');
    await expectOk(fourth, 'promote', '1');
  });

  test('a node that is away is taken out, and is told so when it comes back', async () => {
    await cluster.kill(4);
    admins.delete(4);
    const other = cluster.nodes.get(2);
    const removed = await expectOk(other, 'remove', '4');
    assert.match(removed, /^node 4 is no member any more/);
    await voters([1, 2, 3]);
    await expectRefused(other, /no member has that id/, 'remove', '4');
    const back = await start(4);
    await until(() => /no member any more/.test(back.errors), 'node 4 to know');
    assert.notEqual((await clusterState(admins.get(4))).role, 'primary');
    await cluster.kill(4);
    admins.delete(4);
    await voters([1, 2, 3]);
  });

  test('a primary that is taken out hands its role over first', async () => {
    await cluster.writer('create-db shop token', admins);
    assert.equal(await agreedPrimary(admins), 1);
    assert.match(await expectOk(cluster.nodes.get(2), 'remove', '1'), /^node 1 is no member/);
    await cluster.kill(1);
    admins.delete(1);
    await voters([2, 3]);
    assert.ok([2, 3].includes(await agreedPrimary(admins)));
  });

  test('nobody goes who is needed for a majority', async () => {
    await start(5, { enter: ['--join', cluster.nodes.get(2).peers] });
    await voters([2, 3, 5]);
    await cluster.kill(5);
    admins.delete(5);
    const primary = await agreedPrimary(admins);
    const other = primary === 2 ? 3 : 2;
    await until(async () => {
      const { members } = await clusterState(admins.get(primary));
      return members.some(({ id, linked }) => id === 5 && !linked);
    }, 'the link with node 5 to be gone');
    await expectRefused(
      cluster.nodes.get(other),
      /no majority of the voters/,
      'remove',
      String(other),
    );
    const seen = await ask(cluster.nodes.get(primary), 'status');
    assert.match(seen.output, new RegExp(`^missing, as node ${primary} sees it: 5$`, 'm'));
    await expectOk(cluster.nodes.get(other), 'remove', '5');
    await voters([2, 3]);
  });

  test('without a majority nothing changes, and the answer names no primary', async () => {
    const [left, gone] = [...cluster.nodes.keys()];
    await cluster.kill(gone);
    admins.delete(gone);
    await until(
      async () => (await clusterState(admins.get(left))).primary === null,
      'no primary',
    );
    await expectRefused(cluster.nodes.get(left), /there is no primary now/, 'remove', String(gone));
    assert.equal((await clusterState(admins.get(left))).members.length, 2);
  });
});

describe('a node that has moved', () => {
  const cluster = new ClusterNodes();
  after(() => cluster.stopAll());

  test('tells the others, whichever it is, also when it is alone', async () => {
    const move = async (id) => {
      const before = cluster.nodes.get(id);
      await cluster.kill(id);
      cluster.move(id);
      const now = await cluster.start(id);
      assert.notEqual(now.peers, before.peers);
      for (const at of cluster.nodes.keys()) {
        const admin = await cluster.admin(at);
        await until(async () => {
          const { members, primary } = await clusterState(admin);
          const seen = members.find((member) => member.id === id);
          return (
            primary !== null &&
            seen?.peer === now.peers &&
            seen.client === now.tcp &&
            members.every(({ linked, standing }) => linked && standing === 'voter')
          );
        }, `node ${at} to know where node ${id} is`);
        await admin.close();
      }
    };
    await cluster.start(1);
    await move(1);
    await cluster.start(2);
    await cluster.start(3);
    const admin = await cluster.admin(2);
    await until(async () => (await votersOf(admin)).length === 3, 'three voters');
    for (const id of [1, 3, 2]) await move(id);
  });
});

describe('a node that is given TCP doors', () => {
  const cluster = new ClusterNodes();
  const admins = new Map();
  after(() => cluster.stopAll());

  test('asks them where to join, and needs them no more when it is a member', async () => {
    const first = await cluster.start(1);
    admins.set(1, await cluster.admin(1));
    // Nobody is at the first one.
    const doors = `127.0.0.1:1,${first.tcp}`;
    await cluster.start(2, { enter: ['--replicate-address', doors] });
    await cluster.start(3, { enter: [], env: { NUN_REPLICATE_ADDR: doors } });
    await until(async () => (await votersOf(admins.get(1))).length === 3, 'three voters');
    await until(() => !joins(cluster.folderOf(2)), 'its folder to say that it has joined');
    await cluster.kill(1);
    await cluster.kill(2);
    const again = await cluster.start(2, { enter: ['--replicate-address', doors] });
    const admin = await cluster.admin(2);
    await until(async () => (await clusterState(admin)).primary !== null, 'a primary');
    assert.ok(again.peers);
  });

  test('tells its own TCP door as --external-address says', async () => {
    const fourth = { enter: ['--replicate-address', cluster.nodes.get(3).tcp] };
    await cluster.start(4, { ...fourth, args: ['--external-address', 'localhost:9999'] });
    const admin = await cluster.admin(3);
    await until(async () => {
      const { members } = await clusterState(admin);
      return members.some(({ id, client }) => id === 4 && client === 'localhost:9999');
    }, 'its address');
  });

  test('says what it lacks, and waits for a cluster', async () => {
    const folder = makeFolder('doors');
    const alone = await startServer({});
    const doors = ['--replicate-address', alone.tcp];
    const start = (more) => startArguments({}, [...doors, ...more], path.join(folder, 'data'));
    const listen = ['--listen', '127.0.0.1:0'];
    const refused = await nunc(start(listen));
    assert.equal(refused.code, kExit.usage);
    assert.match(refused.errors, /needs the secret of the cluster/);
    const waits = launch(kBinary, start([...listen, '--cluster-secret-file', cluster.secretFile]));
    await until(() => /member of no cluster/.test(waits.errors), 'it to say that it waits');
    waits.child.kill('SIGTERM');
    assert.equal((await within(waits.exited, 'its end')).code, kExit.ok);
    assert.equal(waits.output, '');
    await stopCleanly(alone);
    removeFolder(folder);
  });
});
