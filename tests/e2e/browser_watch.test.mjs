// Two pages in a real browser hold a part of a database, one by a plain EventSource, one over
// nunc.1, while the server is killed, stopped and started again: pages/ has them.
//
// NUNC_SEED fixes the writes.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { after, before, test } from 'node:test';
import { kStartMs, startChromium, stopChromium } from './chromium.mjs';
import { randomOf } from './crash_disk.mjs';
import {
  createDatabase,
  kDeadlineMs,
  makeFolder,
  startServer,
  stopCleanly,
  TcpClient,
} from './harness.mjs';
import { JsonClient } from './json_client.mjs';

const kSeed = Number(process.env.NUNC_SEED ?? Date.now() % 1e9);
const kKeys = 100;
const kWrites = 500;
const kUnderWay = 300; // writes that the server has not all answered when it ends
const kFiles = ['held.js', 'events.html', 'socket.html'];

let pages; // the web server of an application, on another origin than ours
let browser;

before(
  async () => {
    const folder = new URL('pages/', import.meta.url);
    const files = new Map(kFiles.map((name) => [`/${name}`, readFileSync(new URL(name, folder))]));
    pages = http.createServer((request, response) => {
      const name = request.url.split('?')[0];
      response.statusCode = files.has(name) ? 200 : 404;
      response.setHeader('Content-Type', name.endsWith('.js') ? 'text/javascript' : 'text/html');
      response.end(files.get(name));
    });
    await new Promise((resolve) => pages.listen(0, '127.0.0.1', resolve));
    browser = await startChromium();
  },
  { timeout: 2 * kStartMs },
);

after(async () => {
  await stopChromium(browser);
  pages?.closeAllConnections();
  pages?.close();
});

async function open(name, address, database) {
  const page = await browser.newPage();
  page.setDefaultTimeout(kDeadlineMs);
  await page.goto(`http://127.0.0.1:${pages.address().port}/${name}.html?${address}&${database}`);
  return page;
}

/** Sets, removes and increments keys at random. */
function randomWrites(count, random) {
  return Array.from({ length: count }, () => {
    const number = Math.floor(random() * kKeys);
    const dice = random();
    if (number % 2 === 0) {
      return dice < 0.3 ? `remove k/n${number}\n` : `increment k/n${number} ${number}\n`;
    }
    const value = JSON.stringify({ at: random(), what: 'e;"é' });
    return dice < 0.3 ? `remove k/${number}\n` : `set k/${number} ${value}\n`;
  }).join('');
}

const isOk = (line) => line === 'ok ';

async function write(server, database, text) {
  const writer = await TcpClient.open(server.tcp, database);
  writer.send(text);
  await writer.settle();
  await writer.close();
}

/** The server ends in the middle of writes, which nobody sees to their end. */
async function endUnderWrites(server, database, random, signal) {
  const writer = await TcpClient.open(server.tcp, database);
  writer.send(randomWrites(kUnderWay, random));
  await writer.inbox.takeThrough(isOk, 'the first answer');
  const { code } = await server.stop(signal);
  if (signal === 'SIGTERM') assert.equal(code, 0);
  writer.socket.destroy();
}

async function scan(server, database) {
  const client = await JsonClient.open(server.ws, database);
  const { entries, after: more } = await client.ok({ op: 'scan', prefix: 'k/', limit: 1000 });
  assert.equal(more, undefined);
  await client.close();
  return Object.fromEntries(entries.map(({ key, value, version }) => [key, [value, version]]));
}

test(`pages hold what is there, over a kill and a stop of the server, seed ${kSeed}`, async () => {
  const random = randomOf(kSeed);
  const data = makeFolder('pages');
  let server = await startServer({ data });
  const { ws, http: web, tcp } = server;
  const database = await createDatabase(server, 'pages');
  const opened = [await open('events', web, database), await open('socket', ws, database)];
  const all = (holds, argument) =>
    Promise.all(opened.map((page) => page.waitForFunction(holds, argument)));
  let mark = 0;
  const allHoldMark = async () => {
    mark += 1;
    await write(server, database, `set k/mark ${mark}\n`);
    await all((value) => held.entries['k/mark']?.[0] === value, mark);
  };
  for (const signal of ['SIGKILL', 'SIGTERM']) {
    await write(server, database, randomWrites(kWrites, random));
    await allHoldMark();
    const before = await Promise.all(opened.map((page) => page.evaluate(() => held.connections)));
    await endUnderWrites(server, database, random, signal);
    server = await startServer({ data, addresses: { ws, http: web, tcp } });
    await write(server, database, randomWrites(kWrites, random));
    await all((least) => held.connections > least, Math.min(...before));
    await write(server, database, randomWrites(kWrites, random));
    await allHoldMark();
  }
  const present = await scan(server, database);
  for (const page of opened) {
    const { entries, wrong, connections, resumed, seen, again } = await page.evaluate(() => held);
    console.log(
      `${await page.title()}, seed ${kSeed}: ${seen} changes, ${again} of them told again over ` +
        `${connections} connections`,
    );
    assert.deepEqual(wrong.slice(0, 5), []);
    assert.deepEqual(entries, present);
    assert.deepEqual([connections, resumed], [3, true]);
  }
  await stopCleanly(server);
});
