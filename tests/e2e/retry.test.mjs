// Writes that are sent again and done once: docs/protocol.md (writes that are sent again).
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { agreedPrimary, ClusterNodes, clusterState } from './cluster_nodes.mjs';
import { createDatabase, makeFolder, removeFolder, startServer, until } from './harness.mjs';
import { JsonClient } from './json_client.mjs';
import { kJson, Rest } from './rest_client.mjs';

describe('one server', () => {
  const folder = makeFolder('retry');
  let server;
  let client;
  let session; // that outlives its connection

  const restart = async () => {
    await server.stop('SIGKILL');
    server = await startServer({ data: folder });
    client = await JsonClient.open(server.ws, 'shop');
  };

  before(async () => {
    server = await startServer({ data: folder });
    await createDatabase(server, 'shop');
    client = await JsonClient.open(server.ws, 'shop');
    session = client.hello.session;
  });
  after(async () => {
    await server?.stop('SIGKILL');
    removeFolder(folder);
  });

  test('each kind of write is done once, also after kill -9 of the server', async () => {
    const writes = [
      { op: 'set', key: 'a', value: 1 },
      { op: 'set-safe', key: 'a', version: 5, value: 2 },
      { op: 'put', key: 'a', 'if-version': 6, value: 3 },
      { op: 'increment', key: 'n', by: 4 },
      { op: 'remove', key: 'a' },
    ];
    const first = [];
    for (const [i, write] of writes.entries()) {
      first.push(await client.ok({ ...write, seq: i + 1 }));
    }
    const expectSame = async (named) => {
      for (const [i, write] of writes.entries()) {
        assert.deepEqual(await client.ok({ ...write, seq: i + 1, ...named }), first[i]);
      }
      assert.deepEqual((await client.ok({ op: 'get', key: 'n' })).value, 4);
      assert.deepEqual(await client.ok({ op: 'get', key: 'a' }), { found: false });
    };
    await expectSame({});
    await restart();
    await expectSame({ session });
  });

  test('a transaction is done once', async () => {
    const exec = async () => {
      await client.ok({ op: 'multi' });
      await client.ok({ op: 'increment', key: 'n' });
      await client.ok({ op: 'set', key: 'paid', value: true });
      return client.ok({ op: 'exec', seq: 10, session });
    };
    const first = await exec();
    assert.deepEqual(first.versions, [1, 0]);
    await restart();
    assert.deepEqual(await exec(), first);
    assert.equal((await client.ok({ op: 'get', key: 'n' })).value, 5);
  });

  test('batches, over HTTP too, bear names request by request', async () => {
    const requests = [
      { op: 'increment', key: 'n', seq: 11, session },
      { op: 'increment', key: 'm', seq: 12, session },
    ];
    const first = await client.ok({ op: 'batch', requests });
    assert.equal(first.replies[0].ok.value, 6);
    const rest = new Rest('shop', { to: server });
    const overHttp = async (asked) => {
      const body = JSON.stringify({ requests: asked });
      const { json } = await rest.json('POST', 'batch', {
        body,
        headers: { 'Content-Type': kJson },
      });
      return json;
    };
    assert.deepEqual(await overHttp(requests), first);
    const nameless = await overHttp([{ op: 'increment', key: 'n', seq: 13 }]);
    assert.equal(nameless.replies[0].error.code, 'bad-sequence');
  });

  test('what cannot be told apart is refused by name', async () => {
    const reused = await client.error({ op: 'increment', key: 'other', seq: 11, session });
    assert.deepEqual([reused.code, reused.field], ['sequence-reused', 'seq']);
    for (let seq = 100; seq < 164; seq += 1) {
      await client.ok({ op: 'increment', key: 'n', seq, session });
    }
    const forgotten = await client.error({ op: 'increment', key: 'n', seq: 12, session });
    assert.deepEqual([forgotten.code, forgotten.field], ['sequence-forgotten', 'seq']);
    await client.ok({ op: 'multi' });
    const held = await client.error({ op: 'increment', key: 'n', seq: 200, session });
    assert.equal(held.code, 'bad-sequence');
    await client.ok({ op: 'discard' });
    assert.equal((await client.ok({ op: 'get', key: 'n' })).value, 70);
  });

  test('what was refused is run anew', async () => {
    const put = { op: 'put', key: 'new', 'if-version': 3, value: 1, seq: 300, session };
    assert.equal((await client.error(put)).code, 'key-absent');
    await client.ok({ op: 'set-safe', key: 'new', version: 2, value: 0 });
    assert.equal((await client.ok(put)).version, 4);
  });
});

describe('three nodes, the primary killed again and again', { timeout: 180_000 }, () => {
  const kKills = 5;
  const kClients = 3;
  const cluster = new ClusterNodes();
  const admins = new Map();

  const startNode = async (id) => {
    await cluster.start(id, { args: ['--takeover', 'off', '--ack', 'quorum'] });
    admins.set(id, await cluster.admin(id));
  };

  before(async () => {
    for (const id of [1, 2, 3]) await startNode(id);
    await until(async () => {
      const { members } = await clusterState(admins.get(1));
      return members.filter(({ standing }) => standing === 'voter').length === 3;
    }, 'three voters');
    const id = await agreedPrimary(admins);
    await admins.get(id).expectOk('create-db shop shop');
  });
  after(() => cluster.stopAll());

  /** One who counts, and goes on at another node with what it does not know the outcome of. */
  class Counter {
    counted = 0;
    again = 0;
    #node = 0;

    constructor(key) {
      this.key = key;
    }

    async #open() {
      const ids = [...cluster.nodes.keys()];
      this.#node += 1;
      const id = ids[this.#node % ids.length];
      this.client = await JsonClient.open(cluster.nodes.get(id).ws, 'shop');
      this.session ??= this.client.hello.session;
    }

    async #tryOnce(seq) {
      try {
        if (!this.client) await this.#open();
        const { answer } = await this.client.ask({
          op: 'increment',
          key: this.key,
          seq,
          session: this.session,
        });
        if (answer.ok) return answer.ok;
        const { code } = answer.error;
        assert.ok(['unknown-outcome', 'not-primary'].includes(code), JSON.stringify(answer));
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error;
      }
      this.client?.ws.socket.terminate();
      this.client = null;
      return null;
    }

    async count() {
      const seq = this.counted + 1;
      const { value } = await until(async () => {
        const done = await this.#tryOnce(seq);
        if (!done) this.again += 1;
        return done;
      }, `${this.key} ${seq} to be counted`);
      assert.equal(value, seq);
      this.counted = seq;
    }

    async run(goesOn) {
      while (goesOn()) await this.count();
      this.client?.ws.socket.terminate();
    }
  }

  test('each number is counted exactly once', async () => {
    const counters = Array.from({ length: kClients }, (_, i) => new Counter(`count-${i}`));
    let ends = false;
    const runs = counters.map((counter) => counter.run(() => !ends));
    const progress = async () => {
      const before = counters.map(({ counted }) => counted);
      await until(
        () => counters.every(({ counted }, i) => counted >= before[i] + 20),
        'all to go on counting',
      );
    };
    const killing = async () => {
      for (let i = 0; i < kKills; i += 1) {
        await progress();
        const id = await agreedPrimary(admins);
        admins.delete(id);
        await cluster.kill(id);
        await progress();
        await startNode(id);
      }
      await progress();
    };
    try {
      await Promise.race([killing(), Promise.all(runs)]);
    } finally {
      ends = true;
    }
    await Promise.all(runs);
    const reader = await JsonClient.open(cluster.nodes.get(1).ws, 'shop');
    for (const { key, counted } of counters) {
      await until(
        async () => (await reader.ok({ op: 'get', key })).value === counted,
        `${key} to be ${counted}`,
      );
    }
    assert.ok(counters.some(({ again }) => again > 0));
    await reader.close();
  });
});
