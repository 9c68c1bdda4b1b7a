// The commands that NunDB does not have, over each door: what one asks is what another one sees,
// and an answer of several lines is one message.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  createDatabase,
  httpPost,
  openAdmin,
  startServer,
  stopCleanly,
  TcpClient,
  WsClient,
} from './harness.mjs';

let server;
before(async () => {
  server = await startServer();
});
after(() => stopCleanly(server));

// `ask` gives the data of a command as one text, `refused` the text of its error.
const doors = {
  async tcp(db) {
    const client = await TcpClient.open(server.tcp, db);
    return {
      ask: async (line) => (await client.expectOk(line)).map((text) => `${text}\n`).join(''),
      refused: async (line) => /^error (.*) $/.exec((await client.command(line)).at(-1))[1],
      close: () => client.close(),
    };
  },
  async websocket(db) {
    const client = await WsClient.open(server.ws, db);
    return {
      async ask(line) {
        const messages = await client.expectOk(line);
        assert.equal(messages.length, 1, line);
        return messages[0];
      },
      refused: async (line) => /^error (.*) \n$/.exec((await client.command(line)).at(-1))[1],
      close: () => client.close(),
    };
  },
  async http(db) {
    const ask = async (line) => {
      const { body } = await httpPost(server.http, `use-db ${db} ${db};${line}`);
      return body.replace(/^empty;/, '');
    };
    return { ask, refused: ask, close: () => {} };
  },
};

for (const [name, open] of Object.entries(doors)) {
  describe(name, () => {
    let door;
    before(async () => {
      const db = await createDatabase(server, `verbs-${name}`, {
        more: ['set a 1', 'set a 2', 'set b two words', 'set empty'],
      });
      door = await open(db);
    });
    after(() => door.close());

    test('get-many shows what there is, in the order asked', async () => {
      assert.equal(
        await door.ask('get-many b missing $$token a empty'),
        'values 3\nb 0 two words\na 1 2\nempty 0 \n',
      );
      assert.equal(await door.ask('get-many missing'), 'values 0\n');
      assert.equal(await door.refused('get-many'), 'get-many must contain a key');
      assert.equal(await door.refused('get-many a  b'), 'the key must not be empty');
      const most = `get-many${' a'.repeat(1000)}`;
      assert.equal(await door.ask(most), `values 1000\n${'a 1 2\n'.repeat(1000)}`);
      assert.equal(
        await door.refused(`${most} a`),
        'too many keys: allowed are 1000 in one get-many',
      );
    });

    test('scan goes through a prefix part by part', async () => {
      assert.equal(await door.ask('scan b'), 'scan 1 end\nb 0 two words\n');
      assert.equal(await door.ask('scan missing*'), 'scan 0 end\n');
      let after = '$connections';
      const seen = [];
      for (;;) {
        const [title, ...lines] = (await door.ask(`scan * limit 1 after ${after}`)).split('\n');
        seen.push(...lines.slice(0, -1));
        const more = /^scan 1 more (.+)$/.exec(title);
        if (!more) {
          assert.equal(title, 'scan 1 end');
          break;
        }
        after = more[1];
      }
      assert.deepEqual(seen, ['a 1 2', 'b 0 two words', 'empty 0 ']);
      const allowed = 'scan: the limit must be a whole number from 1 to 10000, not';
      assert.equal(await door.ask('scan a limit 10000'), 'scan 1 end\na 1 2\n');
      for (const bad of ['0', '10001', 'all']) {
        assert.equal(await door.refused(`scan a limit ${bad}`), `${allowed} '${bad}'`);
      }
    });

    test('put stores under a condition and answers the version', async () => {
      assert.equal(await door.ask('put p if-absent : {"a": "x;y"}'), 'put 0\n');
      assert.equal(await door.ask('put p if-version 0 : two : words'), 'put 1\n');
      assert.equal(await door.ask('get-safe p'), 'value-version 1 two : words\n');
      assert.equal(
        await door.refused('put p if-version 0 : late'),
        'the key has version 1, not 0',
      );
      assert.equal(
        await door.refused('put p if-absent : late'),
        'the key exists already, at version 1',
      );
      assert.equal(
        await door.refused('put missing if-version 3 : v'),
        'the key is absent, not at version 3',
      );
      assert.equal(await door.ask('put p :'), 'put 2\n');
      assert.equal(await door.ask('get-safe p'), 'value-version 2 \n');
      const form = 'put KEY [ttl MS] [if-version N|if-absent] : VALUE';
      assert.ok((await door.refused('put p value')).endsWith(`not 'value': ${form}`));
    });

    test('whoami tells what the session has', async () => {
      assert.equal(
        await door.ask('whoami'),
        `whoami\ndatabase: verbs-${name}\nuser:\nadmin: false\n`,
      );
    });
  });
}

for (const [name, Client, port] of [
  ['tcp', TcpClient, 'tcp'],
  ['websocket', WsClient, 'ws'],
]) {
  test(`${name}: multi and exec make several writes as one, or none`, async () => {
    const db = await createDatabase(server, `multi-${name}`, { more: ['set a 1'] });
    const client = await Client.open(server[port], db);
    const tell = async (line) => (await client.command(line)).join('\n').replace(/\n+/g, '|');
    assert.match(await tell('multi'), /^ok/);
    assert.match(await tell('put a if-version 0 : 2'), /^queued\|/);
    assert.match(await tell('increment n 5'), /^queued\|/);
    assert.match(await tell('remove none'), /^queued\|/);
    assert.match(await tell('exec'), /^exec 1 0 -\|ok/);
    await tell('multi');
    await tell('set b 1');
    await tell('put a if-version 0 : 3');
    const why = 'write 2 of the transaction was refused: the key has version 1, not 0';
    assert.match(await tell('exec'), new RegExp(`^error nothing was done: ${why}`));
    assert.match(await tell('get-many a b n'), /^values 2\|a 1 2\|n 0 5\|/);
    assert.match(await tell('exec'), /^error there is no transaction: multi begins one/);
    await client.close();
  });
}

test('list-commands names them', async () => {
  const admin = await openAdmin(server);
  const words = (await admin.expectOk('list-commands'))[0].split(',');
  const added = ['get-many', 'scan', 'put', 'expire', 'set-session', 'hello', 'multi', 'exec'];
  for (const word of [...added, 'discard', 'whoami']) {
    assert.ok(words.includes(word), word);
  }
  await admin.close();
});
