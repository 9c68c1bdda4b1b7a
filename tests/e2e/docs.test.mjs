// Every command that README.md and docs/ show in a ```console block is run, and must print what
// the block shows.
//
// In such a block a line `$ COMMAND` is run by sh; the lines up to the next one are what it prints.
// `...` stands for any text in a line, and as a line of its own for any number of lines. A command
// that ends in ` &` stays in the background, and what it prints may come between the lines of later
// ones. `nunc` and `build/release/nunc` are the binary under test, and the three default
// addresses stand for those of a fresh server, one for each document.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import {
  kBinary,
  kRepository,
  launch,
  startServer,
  stopCleanly,
  until,
  within,
} from './harness.mjs';

const kDefaults = { ws: '127.0.0.1:3012', http: '127.0.0.1:3013', tcp: '127.0.0.1:3014' };

export function consoleBlocks(markdown) {
  const blocks = [];
  for (const match of markdown.matchAll(/^```console\n([^]*?)^```$/gm)) {
    const steps = [];
    for (const line of match[1].split('\n').slice(0, -1)) {
      if (line.startsWith('$ ')) steps.push({ command: line.slice(2), expected: [] });
      else if (steps.length > 0) steps.at(-1).expected.push(line);
      else throw new Error(`a console block begins with output: ${line}`);
    }
    blocks.push(steps);
  }
  return blocks;
}

const fits = (pattern, line) =>
  new RegExp(
    `^${pattern
      .split('...')
      .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
      .join('.*')}$`,
  ).test(line);

/** Whether the lines of `streams`, each in its order, together are the expected ones. */
export function printed(expected, streams) {
  if (expected.length === 0) return streams[0].length === 0;
  const [pattern, ...rest] = expected;
  if (pattern === '...' && printed(rest, streams)) return true;
  for (const [index, [line, ...later]] of streams.entries()) {
    if (line === undefined || (pattern !== '...' && !fits(pattern, line))) continue;
    const left = streams.map((stream, at) => (at === index ? later : stream));
    if (printed(pattern === '...' ? expected : rest, left)) return true;
  }
  return false;
}

// Runs the binary with the addresses of the server where a document relies on the default ones.
function writeShim(folder, server) {
  const shim = path.join(folder, 'nunc');
  writeFileSync(
    shim,
    [
      '#!/bin/sh',
      'case " $* " in',
      `  *" --tcp-address "*|*" -h "*|*" --host "*) ;;`,
      `  *" watch "*|*" ping "*) set -- "$@" --tcp-address '${server.tcp}' ;;`,
      '  *" restore "*" --db "*|*" exec "*|*" create-db "*|*" drop-db "*|*" backup "*)',
      `    set -- -h 'http://${server.http}' "$@" ;;`,
      'esac',
      `exec '${kBinary}' "$@"`,
      '',
    ].join('\n'),
  );
  chmodSync(shim, 0o755);
}

async function runBlock(steps, server, folder) {
  const actual = (text) =>
    Object.entries(kDefaults).reduce(
      (line, [door, address]) => line.replaceAll(address, server[door]),
      text,
    );
  const background = [];
  try {
    for (const { command, expected } of steps) {
      const stays = / &$/.test(command);
      const script = actual(command.replace(/ &$/, '').replaceAll('build/release/nunc', 'nunc'));
      // With exec the signal that ends it reaches the command, not only the shell.
      const run = launch('/bin/sh', ['-c', stays ? `exec ${script}` : script], {
        cwd: folder,
        env: { PATH: `${folder}:${process.env.PATH}` },
      });
      run.child.stdin.end();
      if (!stays) {
        const { code, errors } = await within(run.exited, command);
        assert.equal(code, 0, `${command}: ${errors}`);
      }
      const streams = [run, ...background];
      let lines = streams.map(() => []);
      const wanted = expected.map(actual);
      await until(
        () => {
          lines = lines.map((before, index) => [...before, ...streams[index].lines.drain()]);
          return printed(wanted, lines);
        },
        command,
        5000,
      ).catch(() => assert.deepEqual(lines.flat(), wanted, command));
      if (stays) background.push(run);
    }
  } finally {
    for (const run of background) run.child.kill('SIGINT');
    for (const run of background) await within(run.exited, 'the end of a background command');
  }
}

const files = [
  'README.md',
  ...readdirSync(path.join(kRepository, 'docs')).map((name) => `docs/${name}`),
].filter((name) => name.endsWith('.md') && existsSync(path.join(kRepository, name)));

describe('the documents', () => {
  for (const name of files) {
    const blocks = consoleBlocks(readFileSync(path.join(kRepository, name), 'utf8'));
    if (blocks.length === 0) continue;
    test(`${name} prints what it shows`, async () => {
      const folder = mkdtempSync(path.join(os.tmpdir(), 'nunc-docs-'));
      const server = await startServer();
      try {
        writeShim(folder, server);
        for (const steps of blocks) await runBlock(steps, server, folder);
      } finally {
        await stopCleanly(server);
        rmSync(folder, { recursive: true });
      }
    });
  }
});

describe('the reader of documents', () => {
  test('finds commands and what they print', () => {
    const markdown =
      'text\n```console\n$ one\nfirst\n\n$ two\n```\n' +
      '```sh\n$ not this\n```\n```console\n$ three &\n```\n';
    assert.deepEqual(consoleBlocks(markdown), [
      [
        { command: 'one', expected: ['first', ''] },
        { command: 'two', expected: [] },
      ],
      [{ command: 'three &', expected: [] }],
    ]);
  });

  test('compares with placeholders, and mixes in what runs in the background', () => {
    assert.ok(printed(['a...z', '...', 'end'], [['abcz', '1', '2', 'end']]));
    assert.ok(
      printed(
        ['one', 'event', 'two'],
        [
          ['one', 'two'],
          ['event', 'not awaited yet'],
        ],
      ),
    );
    assert.ok(!printed(['one'], [['one', 'surplus']]));
    assert.ok(!printed(['one', 'two'], [['one']]));
    assert.ok(!printed(['a.c'], [['abc']]));
  });
});
