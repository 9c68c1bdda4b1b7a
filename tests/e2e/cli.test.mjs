// The command line of docs/operations.md: what it prints, and with which exit code it ends.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import {
  createDatabase,
  kAdmin,
  kBinary,
  kExit,
  kRepository,
  launch,
  makeFolder,
  nunc,
  openAdmin,
  startArguments,
  startServer,
  stopCleanly,
  TcpClient,
  within,
} from './harness.mjs';

let server;
before(async () => {
  server = await startServer();
});
after(() => stopCleanly(server));

const credentials = ['-u', kAdmin.user, '-p', kAdmin.password];
const host = () => ['-h', `http://${server.http}`];

async function expectRun(args, code, options) {
  const run = await nunc(args, options);
  assert.equal(run.code, code, `${args.join(' ')}: ${run.output}${run.errors}`);
  return run;
}

/** A port that nobody listens on: it was free a moment ago. */
async function freePort() {
  const listener = net.createServer();
  await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const { port } = listener.address();
  await new Promise((resolve) => listener.close(resolve));
  return port;
}

describe('nunc', () => {
  test('the flags of start are those of the table in docs/operations.md', async () => {
    const { output } = await expectRun(['start', '--help'], kExit.ok);
    const lines = output.split('\n').filter((line) => !/--help|has no effect yet/.test(line));
    const known = lines.map((line) => /^ +(?:-\w,)?(--[a-z-]+)/.exec(line)?.[1]);
    const document = readFileSync(path.join(kRepository, 'docs/operations.md'), 'utf8');
    const rows = document.match(/^\| flag of `start` [^]*?\n\n/m)[0].split('\n');
    const told = rows.map((row) => /^\| (?:`-\w`, )?`(--[a-z-]+)`/.exec(row)?.[1]);
    const sorted = (flags) => flags.filter((flag) => flag !== undefined).sort();
    assert.ok(sorted(known).includes('--listen'));
    // The account is one of all sub-commands.
    assert.deepEqual(sorted(told), sorted([...known, '--user', '--password']));
  });

  test('without a sub-command and with --help prints the usage', async () => {
    for (const args of [[], ['--help'], ['start', '--help']]) {
      const { output } = await expectRun(args, kExit.ok);
      assert.match(output, /usage/i);
    }
    const { output } = await expectRun(['--help'], kExit.ok);
    for (const word of ['start', 'create-db', 'exec', 'watch', 'ping'])
      assert.match(output, new RegExp(`\\b${word}\\b`));
    assert.ok(!output.includes(kAdmin.password), 'the default password is not shown');
  });

  test('prints its version', async () => {
    for (const flag of ['-V', '--version']) {
      assert.match((await expectRun([flag], kExit.ok)).output, /^nunc [0-9]+\.[0-9]+/);
    }
  });

  test('a wrong use is named on standard error', async () => {
    for (const args of [
      ['nonsense'],
      ['--nonsense'],
      ['exec'],
      ['watch'],
      ['create-db', '-d', 'x'],
      ['ping', '--tcp-address', 'x'],
    ]) {
      const { output, errors } = await expectRun(args, kExit.usage);
      assert.equal(output, '');
      assert.match(errors, /^nunc: .+/, args.join(' '));
    }
  });
});

describe('nunc exec', () => {
  test('prints the answer as one quoted line', async () => {
    const { output } = await expectRun(
      [
        ...credentials,
        ...host(),
        'exec',
        'create-db cli-exec t; use-db cli-exec t; set k "é"; get k',
      ],
      kExit.ok,
    );
    assert.equal(
      output,
      'Response "valid auth\\n;create-db success\\n;empty;empty;value \\"é\\"\\n"\n',
    );
  });

  test('takes the credentials from the environment, a flag wins', async () => {
    const answer = async (args, env) =>
      (await expectRun([...args, ...host(), 'exec', 'debug'], kExit.ok, { env })).output;
    for (const names of [
      ['NUNC_USER', 'NUNC_PWD'],
      ['NUN_USER', 'NUN_PWD'],
    ]) {
      const env = { [names[0]]: kAdmin.user, [names[1]]: kAdmin.password };
      assert.match(await answer([], env), /^Response "valid auth/);
      assert.match(await answer(['-p', 'wrong'], env), /^Response "invalid auth/);
    }
  });

  test('an error of a command is part of the answer, not of the exit code', async () => {
    const { output } = await expectRun([...credentials, ...host(), 'exec', 'nonsense'], kExit.ok);
    assert.equal(output, 'Response "valid auth\\n;unknown command: nonsense"\n');
  });

  test('a port that does not speak HTTP is said, with its exit code', async () => {
    const { errors } = await expectRun(
      [...credentials, '-h', `http://${server.tcp}`, 'exec', 'ping'],
      kExit.unreachable,
    );
    assert.match(errors, /does not speak HTTP/);
    await expectRun([...credentials, '-h', 'ftp://127.0.0.1:1', 'exec', 'ping'], kExit.usage);
  });

  test('no server there is said, with its exit code', async () => {
    const port = await freePort();
    const { output, errors } = await expectRun(
      [...credentials, '-h', `http://127.0.0.1:${port}`, 'exec', 'ping'],
      kExit.unreachable,
    );
    assert.equal(output, '');
    assert.match(errors, new RegExp(`^nunc: .*${port}`));
  });

  test('empty credentials are refused', async () => {
    await expectRun(['-u', '', '-p', 'x', ...host(), 'exec', 'ping'], kExit.usage);
    await expectRun(['-u', 'x', '-p', '', ...host(), 'exec', 'ping'], kExit.usage);
  });
});

describe('nunc create-db', () => {
  test('creates a database, once', async () => {
    const args = [...credentials, ...host(), 'create-db', '-d', 'cli-made', '-t', 'its-token'];
    assert.equal(
      (await expectRun(args, kExit.ok)).output,
      'Response "valid auth\\n;create-db success\\n"\n',
    );
    assert.equal(
      (await expectRun(args, kExit.ok)).output,
      'Response "valid auth\\n;database already exists"\n',
    );
    const client = await TcpClient.open(server.tcp, 'cli-made', 'its-token');
    await client.close();
  });

  test('takes a strategy, and only one that exists', async () => {
    const create = [
      ...credentials,
      ...host(),
      'create-db',
      '-d',
      'cli-newer',
      '-t',
      't',
      '--strategy',
    ];
    await expectRun([...create, 'newer'], kExit.ok);
    const admin = await openAdmin(server);
    assert.ok((await admin.expectOk('debug list-dbs')).includes('cli-newer : newer'));
    await admin.close();
    await expectRun([...create, 'latest'], kExit.usage);
  });
});

describe('nunc watch', () => {
  const watch = (key, address, ...more) =>
    launch(kBinary, ['watch', key, '--tcp-address', address, ...more]);

  test('prints the present value, then each change and removal, until Ctrl-C', async () => {
    const db = await createDatabase(server, 'cli-watch', { more: ['set k first value'] });
    const run = watch('k', server.tcp, '-d', db, '-t', db);
    assert.equal(await run.lines.next('the present value'), 'k 0 first value');
    const writer = await TcpClient.open(server.tcp, db);
    await writer.expectOk('set k second');
    assert.equal(await run.lines.next('the change'), 'k 1 second');
    await writer.expectOk('remove k');
    assert.equal(await run.lines.next('the removal'), 'k removed');
    await writer.expectOk('set k third');
    assert.match(await run.lines.next('the next value'), /^k [0-9]+ third$/);
    await writer.close();
    run.child.kill('SIGINT');
    assert.equal((await within(run.exited, 'the end')).code, kExit.ok);
  });

  test('of a prefix it prints what is there, what changes and what changed meanwhile', async () => {
    const data = makeFolder('cli-prefix');
    let own = await startServer({ data });
    const { ws, http, tcp } = own;
    const more = ['set p/a 1', 'set q 1', 'set p/b 2'];
    const db = await createDatabase(own, 'prefix', { more });
    const run = watch('p/*', tcp, '-d', db, '-t', db);
    const first = [await run.lines.next('a key'), await run.lines.next('another key')];
    assert.deepEqual(first.sort(), ['p/a 0 1', 'p/b 0 2']);
    const write = async (command) => {
      const writer = await TcpClient.open(own.tcp, db);
      await writer.expectOk(command);
      await writer.close();
    };
    await write('set p/a 3');
    assert.equal(await run.lines.next('a change'), 'p/a 1 3');
    await write('remove p/b');
    assert.equal(await run.lines.next('a removal'), 'p/b removed');
    await stopCleanly(own);
    own = await startServer({ data, addresses: { ws, http, tcp } });
    await write('set p/c 4');
    // What came since the last token may come again before it.
    const lines = await run.lines.takeThrough((line) => line === 'p/c 0 4', 'what changed');
    for (const line of lines) assert.ok(['p/a 1 3', 'p/b removed', 'p/c 0 4'].includes(line), line);
    run.child.kill('SIGINT');
    assert.equal((await within(run.exited, 'the end')).code, kExit.ok);
    await stopCleanly(own);
  });

  test('says so when the key is not there yet', async () => {
    const run = watch('missing', server.tcp, '-d', 'demo', '-t', 'demo');
    assert.equal(await run.lines.next('the state'), 'missing removed');
    run.child.kill('SIGTERM');
    assert.equal((await within(run.exited, 'the end')).code, kExit.ok);
  });

  test('works as a user of the database', async () => {
    const db = await createDatabase(server, 'cli-user', {
      more: ['create-user ana ana-pwd', 'set-permissions ana r k', 'set k v'],
    });
    const run = watch('k', server.tcp, '-d', db, '-t', 'ana-pwd', '--db-user', 'ana');
    assert.equal(await run.lines.next('the present value'), 'k 0 v');
    run.child.kill('SIGINT');
    await within(run.exited, 'the end');
    const denied = await expectRun(
      [
        'watch',
        'other',
        '--tcp-address',
        server.tcp,
        '-d',
        db,
        '-t',
        'ana-pwd',
        '--db-user',
        'ana',
      ],
      kExit.unreachable,
    );
    assert.match(denied.errors, /permission denied/);
  });

  test('a refused login or an unreachable server ends it', async () => {
    const refused = await expectRun(
      ['watch', 'k', '--tcp-address', server.tcp, '-d', 'demo', '-t', 'wrong'],
      kExit.unreachable,
    );
    assert.match(refused.errors, /Invalid token/);
    const port = await freePort();
    const unreachable = await expectRun(
      ['watch', 'k', '--tcp-address', `127.0.0.1:${port}`, '-d', 'demo', '-t', 'demo'],
      kExit.unreachable,
    );
    assert.match(unreachable.errors, new RegExp(`${port}`));
  });

  test('comes back by itself after a restart of the server', async () => {
    const first = await startServer();
    const run = watch('k', first.tcp, '-d', 'demo', '-t', 'demo');
    assert.equal(await run.lines.next('the present state'), 'k removed');
    const { ws, http, tcp } = first;
    await stopCleanly(first);
    const second = await startServer({ addresses: { ws, http, tcp } });
    const writer = await TcpClient.open(second.tcp, 'demo');
    await writer.expectOk('set k back');
    assert.equal(await run.lines.next('the value after the restart'), 'k 0 back');
    assert.match(run.errors, /again/);
    run.child.kill('SIGINT');
    await within(run.exited, 'the end');
    await writer.close();
    await stopCleanly(second);
  });
});

describe('nunc ping', () => {
  test('tells the time an answer takes', async () => {
    const { output } = await expectRun(['ping', '--tcp-address', server.tcp], kExit.ok);
    assert.match(output, /^pong from 127\.0\.0\.1:[0-9]+ in [0-9.e-]+ ms\n$/);
  });

  test('no server there is said, with its exit code', async () => {
    const port = await freePort();
    const { errors } = await expectRun(
      ['ping', '--tcp-address', `127.0.0.1:${port}`],
      kExit.unreachable,
    );
    assert.match(errors, new RegExp(`${port}`));
  });
});

describe('nunc start', () => {
  test('says in a fixed form where its doors are', async () => {
    const run = launch(kBinary, startArguments());
    const lines = await run.lines.takeThrough(
      (line) => line.startsWith('nunc ready'),
      'nunc ready',
    );
    const address = '127\\.0\\.0\\.1:[1-9][0-9]*';
    const said = lines.filter((line) => line.startsWith('nunc '));
    const patterns = [
      `^nunc ws ${address}$`,
      `^nunc http ${address}$`,
      `^nunc tcp ${address}$`,
      `^nunc demo http://${address}/demo$`,
      '^nunc data .*memory',
      '^nunc ready',
    ];
    assert.equal(said.length, patterns.length, JSON.stringify(said));
    for (const [index, pattern] of patterns.entries())
      assert.match(said[index], new RegExp(pattern));
    run.child.kill('SIGTERM');
    assert.equal((await within(run.exited, 'the end')).code, kExit.ok);
  });

  test('a flag wins over the environment, the environment over the file', async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'nunc-config-'));
    const file = path.join(folder, 'nunc.toml');
    writeFileSync(file, 'user = "from-file"\npassword = "file-pwd"\n');
    const login = async (settings, user, password) => {
      const started = await startServer(settings);
      const client = await TcpClient.open(started.tcp);
      assert.deepEqual(await client.expectOk(`auth ${user} ${password}`), ['valid auth']);
      await client.close();
      await stopCleanly(started);
    };
    try {
      await login({ args: ['--config', file] }, 'from-file', 'file-pwd');
      await login(
        { args: ['--config', file], env: { NUN_USER: 'from-env' } },
        'from-env',
        'file-pwd',
      );
      await login(
        { args: ['--config', file], env: { NUN_USER: 'legacy', NUNC_USER: 'preferred' } },
        'preferred',
        'file-pwd',
      );
      await login(
        { args: ['--config', file, '-u', 'from-flag'], env: { NUNC_USER: 'from-env' } },
        'from-flag',
        'file-pwd',
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('what it cannot use is named with its source, and ends it', async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'nunc-config-'));
    const file = path.join(folder, 'nunc.toml');
    writeFileSync(file, 'colour = "red"\n');
    const cases = [
      [['--value-bytes-max', 'many'], {}, /value-bytes-max.*many/],
      [['--log-level', 'loud'], {}, /log-level.*loud/],
      [['-e', 'nowhere'], {}, /external-address.*nowhere/],
      [[], { NUNC_CONNECTIONS_MAX: '-1' }, /NUNC_CONNECTIONS_MAX.*-1/],
      [[], { NUN_LOG_LEVEL: 'loud' }, /NUN_LOG_LEVEL.*loud/],
      [['--config', file], {}, /colour/],
      [['--config', path.join(folder, 'missing.toml')], {}, /missing\.toml/],
      [[], { NUNC_USER: '' }, /NUNC_USER|user/],
      [[], { NUNC_PWD: '' }, /NUNC_PWD|password/],
    ];
    try {
      for (const [args, env, pattern] of cases) {
        const { errors } = await expectRun(startArguments({}, args), kExit.usage, { env });
        assert.match(errors, pattern);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('--no-demo leaves the database demo out', async () => {
    const started = await startServer({ args: ['--no-demo'] });
    const client = await TcpClient.open(started.tcp);
    assert.equal(
      (await client.command('use-db demo demo')).at(-1),
      'error Not a valid database name ',
    );
    await client.close();
    await stopCleanly(started);
  });

  test('listens on IPv6 when told', async () => {
    const started = await startServer({ addresses: { tcp: '[::1]:0' } });
    const client = await TcpClient.open(started.tcp, 'demo');
    await client.settle();
    await client.close();
    await stopCleanly(started);
  });
});
