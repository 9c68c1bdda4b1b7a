// The pages that README.md tells one to save are opened from files, as a reader would, and show
// what is set: also what was set while the server was away, where the README says so.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { kStartMs, startChromium, stopChromium } from './chromium.mjs';
import {
  kDeadlineMs,
  kRepository,
  makeFolder,
  nunc,
  startServer,
  stopCleanly,
} from './harness.mjs';

let browser;

before(
  async () => {
    browser = await startChromium();
  },
  { timeout: 2 * kStartMs },
);

after(() => stopChromium(browser));

const exec = (server, commands) => nunc(['exec', commands, '-h', `http://${server.http}`]);
const setPrice = (server, price) => exec(server, `use-db shop shop-token; set price ${price}`);

async function openPages(server, folder) {
  const readme = readFileSync(path.join(kRepository, 'README.md'), 'utf8');
  const texts = [...readme.matchAll(/^```html\n([^]*?)^```$/gm)].map((match) =>
    match[1].replaceAll('127.0.0.1:3012', server.ws).replaceAll('127.0.0.1:3013', server.http),
  );
  assert.equal(texts.length, 2);
  return Promise.all(
    texts.map(async (text, index) => {
      const file = path.join(folder, `price${index}.html`);
      writeFileSync(file, text);
      const page = await browser.newPage();
      page.setDefaultTimeout(kDeadlineMs);
      await page.goto(pathToFileURL(file).href);
      return page;
    }),
  );
}

const shows = (page, text) =>
  page.waitForFunction((wanted) => document.getElementById('price').textContent === wanted, text);

test('the pages of the README show the value', async () => {
  const data = makeFolder('readme-data');
  let server = await startServer({ data });
  const { ws, http, tcp } = server;
  await exec(server, 'auth admin admin-pwd; create-db shop shop-token');
  await setPrice(server, 41);
  const [socketPage, eventsPage] = await openPages(server, makeFolder('readme-pages'));
  await Promise.all([shows(socketPage, '41'), shows(eventsPage, '41')]);
  await socketPage.click('button');
  await Promise.all([shows(socketPage, '42'), shows(eventsPage, '42')]);

  await stopCleanly(server);
  server = await startServer({ data, addresses: { ws, http, tcp } });
  await setPrice(server, 43);
  await shows(eventsPage, '43');
  await exec(server, 'use-db shop shop-token; remove price');
  await shows(eventsPage, 'none');
  await stopCleanly(server);
});
