// What can be done to a data folder from the command line, with a server and without one.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { execFile } from 'node:child_process';
import {
  copyFileSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { kBinary, launch, startServer, stopCleanly, within } from './harness.mjs';

const run = (...parameters) =>
  new Promise((resolve) => {
    execFile(kBinary, parameters, (error, stdout, stderr) => {
      resolve({ code: error ? error.code : 0, lines: stdout.split('\n').slice(0, -1), stderr });
    });
  });

describe('the data folder', () => {
  let folder;
  let data;
  let server;
  const online = (...parameters) => run('-h', `http://${server.http}`, ...parameters);

  const start = async () => {
    server = await startServer({ data });
  };

  before(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'nunc-tools-'));
    data = path.join(folder, 'data');
    await start();
  });
  after(async () => {
    await stopCleanly(server);
    rmSync(folder, { recursive: true });
  });

  test('create-db takes an ack level, oplog tells it, drop-db ends it', async () => {
    assert.equal((await online('create-db', '-d', 'gone', '-t', 't', '--ack', 'disk')).code, 0);
    const since = await online('oplog', 'since', '1', 'gone');
    assert.equal(since.code, 0);
    assert.equal(since.lines.length, 1);
    const record = JSON.parse(since.lines[0]);
    assert.equal(record.type, 'create-database');
    assert.equal(record.ack, 'disk');
    assert.equal((await online('create-db', '-d', 'many', '-t', 't', '--ack', 'quorum')).code, 0);
    const many = await online('oplog', 'since', '1', 'many');
    assert.equal(JSON.parse(many.lines[0]).ack, 'quorum');
    assert.equal((await online('drop-db', '-d', 'many')).code, 0);
    assert.equal((await online('drop-db', '-d', 'gone')).code, 0);
    assert.match((await online('drop-db', '-d', 'gone')).lines[0], /Not a valid database name/);
  });

  test('oplog info, clean and a bad place', async () => {
    const info = await online('oplog', 'info');
    assert.ok(info.lines.includes('segments: 1'), info.lines.join('|'));
    const cleaned = await online('oplog', 'clean', 'keep', '1GiB');
    assert.equal(cleaned.lines[0], 'freed_bytes: 0');
    const bad = await online('oplog', 'since', 'yesterday');
    assert.notEqual(bad.code, 0);
    assert.match(bad.stderr, /allowed is a revision/);
    assert.equal((await run('oplog', 'turn')).code, 1);
    assert.equal((await run('oplog', 'dump')).code, 1);
  });

  test('check, dump and repair find, tell and keep what is intact', async () => {
    await online('create-db', '-d', 'shop', '-t', 'secret-token');
    await online('exec', 'use-db shop secret-token; set kept 1; snapshot');
    await online('exec', 'use-db shop secret-token; set lost vanishing');
    await stopCleanly(server);
    const whole = await run('check', data);
    assert.equal(whole.code, 0, whole.stderr);
    assert.deepEqual(
      whole.lines.map((line) => line.replace(/:.*/, '')),
      ['meta', ...readdirSync(data).filter((name) => name.startsWith('snapshot-')),
        'oplog-00000000000000000001'],
    );
    const dump = await run('oplog', 'dump', data);
    assert.equal(dump.code, 0, dump.stderr);
    assert.equal(JSON.parse(dump.lines.at(-1)).value, 'vanishing');
    assert.ok(!dump.lines.join('').includes('secret-token'));

    const segment = path.join(data, 'oplog-00000000000000000001');
    // What was taken back is a segment under another name.
    const rewound = path.join(data, 'rewound-7-1');
    copyFileSync(segment, rewound);
    const taken = await run('oplog', 'dump', rewound);
    assert.equal(taken.code, 0, taken.stderr);
    assert.deepEqual(taken.lines, dump.lines);
    rmSync(rewound);
    const bytes = readFileSync(segment);
    bytes[bytes.lastIndexOf('vanishing')] ^= 1;
    writeFileSync(segment, bytes);
    const damaged = await run('check', data);
    assert.equal(damaged.code, 5);
    assert.match(damaged.stderr, /oplog-00000000000000000001, offset \d+: checksum/);

    const refused = launch(kBinary, ['start', '--data', data, '-t', '127.0.0.1:0', '-w',
      '127.0.0.1:0', '-h', '127.0.0.1:0']);
    const { code, errors } = await within(refused.exited, 'a start on a damaged folder');
    assert.equal(code, 5);
    assert.match(errors, /oplog-00000000000000000001.*repair --keep-prefix/s);

    const before = readdirSync(data).map((name) => [name, readFileSync(path.join(data, name))]);
    const report = await run('repair', data);
    assert.equal(report.code, 0, report.stderr);
    assert.match(report.lines.join('\n'), /nothing was changed/);
    for (const [name, content] of before) {
      assert.ok(content.equals(readFileSync(path.join(data, name))), name);
    }
    const repaired = await run('repair', data, '--keep-prefix');
    assert.equal(repaired.code, 0, repaired.stderr);
    assert.ok(readdirSync(data).includes('repair-oplog-00000000000000000001'));

    await start();
    const busy = await run('repair', data, '--keep-prefix');
    assert.equal(busy.code, 3);
    const answer = await online('exec', 'use-db shop secret-token; get kept; get lost');
    assert.equal(
      answer.lines[0],
      'Response "valid auth\\n;empty;value 1\\n;value <Empty>\\n"',
    );
  });

  test('what is no data folder is refused by name', async () => {
    assert.notEqual((await run('check', path.join(folder, 'nowhere'))).code, 0);
    assert.notEqual((await run('repair', folder, '--keep-prefix')).code, 0);
    const dump = await run('oplog', 'dump', path.join(data, 'meta'));
    assert.equal(dump.code, 5);
    assert.match(dump.stderr, /meta/);
  });
});
