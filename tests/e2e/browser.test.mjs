// A real browser: the demo page that the server brings along, and the npm package `nun-db` as
// published, loaded by a plain <script>.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import { kStartMs, startChromium, stopChromium } from './chromium.mjs';
import {
  createDatabase,
  kDeadlineMs,
  startServer,
  stopCleanly,
  TcpClient,
  until,
} from './harness.mjs';

const kClient = readFileSync(createRequire(import.meta.url).resolve('nun-db'));
const kPage =
  '<!doctype html><meta charset="utf-8"><title>nun-db</title><script src="/nun-db.js"></script>';

let server;
let pages; // the web server of an application, on another origin than ours
let browser;
let errors = [];

before(
  async () => {
    server = await startServer();
    pages = http.createServer((request, response) => {
      const script = request.url === '/nun-db.js';
      response.setHeader('Content-Type', script ? 'text/javascript' : 'text/html');
      response.end(script ? kClient : kPage);
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
  await stopCleanly(server);
});

afterEach(async () => {
  // A context without pages would end the browser.
  const [first, ...others] = browser.pages();
  for (const page of others) await page.close();
  await first.goto('about:blank');
  assert.deepEqual(errors.splice(0), [], 'errors on the pages');
});

async function open(url) {
  const page = await browser.newPage();
  page.setDefaultTimeout(kDeadlineMs);
  page.on('pageerror', (error) => errors.push(`${error}`));
  await page.goto(url);
  return page;
}

// Who types while the present text arrives types into that, as `fill` would into an old one.
async function openDemo(doors = server) {
  const page = await open(`http://${doors.http}/demo`);
  await until(async () => (await page.locator('.state.on').count()) === 2, 'both panes to be live');
  return page;
}

/** The pane's text, once it is `text`; else what both panes have and how their connections are. */
async function shows(page, pane, text) {
  const held = () =>
    page.evaluate(() => {
      const parts = [...document.querySelectorAll('textarea, .state')];
      return parts.map((part) => part.value ?? part.textContent);
    });
  try {
    await until(
      async () => (await page.locator('textarea').nth(pane).inputValue()) === text,
      `pane ${pane} to show ${text}`,
    );
  } catch (error) {
    throw new Error(`${error.message}; the page has ${JSON.stringify(await held())}`);
  }
}

describe('the demo page', () => {
  test('what is typed in one pane is seen in the other, with the time it took', async () => {
    const page = await openDemo();
    const panes = page.locator('textarea');
    assert.equal(await panes.count(), 2);
    await panes.nth(0).fill('now');
    await shows(page, 1, 'now');
    await panes.nth(1).pressSequentially('; "and" {back}');
    await shows(page, 0, 'now; "and" {back}');
    await until(
      async () => /\d+([.,]\d+)?\s*ms/.test(await page.locator('body').innerText()),
      'a delivery time in ms',
    );
  });

  test('lines, quotes and any script survive', async () => {
    const page = await openDemo();
    const text = 'one\ntwo; "three" \\ {[é漢😀';
    await page.locator('textarea').nth(0).fill(text);
    await shows(page, 1, text);
  });

  test('a second page shows the same text, and what either types', async () => {
    const [left, right] = [await openDemo(), await openDemo()];
    await left.locator('textarea').nth(0).fill('from the left');
    await shows(right, 0, 'from the left');
    await shows(right, 1, 'from the left');
    await right.locator('textarea').nth(1).fill('from the right');
    await shows(left, 0, 'from the right');
  });

  test('a page that is opened later shows the present text', async () => {
    const first = await openDemo();
    await first.locator('textarea').nth(0).fill('already here');
    await shows(first, 1, 'already here');
    const second = await openDemo();
    await shows(second, 0, 'already here');
  });

  test('the first page names the doors and leads to the demo', async () => {
    const page = await open(`http://${server.http}/`);
    await page.locator('a[href="/demo"]').click();
    await page.waitForURL('**/demo');
    assert.equal(await page.locator('textarea').count(), 2);
  });

  test('after a restart of the server the page is live again by itself', async () => {
    const first = await startServer();
    const page = await openDemo(first);
    await page.locator('textarea').nth(0).fill('before');
    await shows(page, 1, 'before');
    const { ws, http: web, tcp } = first;
    await stopCleanly(first);
    const second = await startServer({ addresses: { ws, http: web, tcp } });
    const writer = await TcpClient.open(second.tcp, 'demo');
    await until(
      async () =>
        Number((await writer.expectOk('get $connections'))[0].slice('value '.length)) >= 3,
      'both panes to be back',
    );
    await page.locator('textarea').nth(0).fill('after');
    await shows(page, 1, 'after');
    await writer.close();
    await page.close();
    await stopCleanly(second);
  });
});

describe('nun-db in a page', () => {
  const openApp = async (db) => {
    const page = await open(`http://127.0.0.1:${pages.address().port}/`);
    await page.evaluate(
      ([url, name]) => {
        globalThis.seen = [];
        globalThis.client = new NunDb(url, name, name);
        return globalThis.client._connectionPromise;
      },
      [`ws://${server.ws}`, db],
    );
    return page;
  };
  const watch = (page, key) =>
    page.evaluate(async (name) => {
      await client.watch(name, (event) => seen.push(event.value), true);
      await client.get('barrier');
    }, key);

  test('a value set on one page is seen on another at that moment', async () => {
    const db = await createDatabase(server, 'page-watch');
    const [left, right] = [await openApp(db), await openApp(db)];
    await watch(right, 'k');
    for (const value of ['one', 'two; {"three', { deep: [1, 2] }]) {
      await left.evaluate((given) => client.set('k', given), value);
      await right.waitForFunction(
        (given) => JSON.stringify(seen.at(-1)) === JSON.stringify(given),
        value,
      );
    }
    assert.deepEqual(await right.evaluate(() => client.getValue('k')), { deep: [1, 2] });
  });

  test('keys, remove, increment and a value of a megabyte', async () => {
    const db = await createDatabase(server, 'page-values');
    const page = await openApp(db);
    const result = await page.evaluate(async () => {
      await client.set('some', 1);
      await client.increment('n', 2);
      await client.increment('n');
      const number = (await client.get('n')).value;
      const before = await client.keys();
      await client.remove('some');
      const removed = (await client.get('some')).value;
      const big = 'now'.repeat(400_000); // the client keeps copies in localStorage, which is small
      await client.set('big', big);
      return { number, before, removed, whole: (await client.get('big')).value === big };
    });
    assert.deepEqual(result, {
      number: 3,
      before: ['$connections', 'n', 'some'],
      removed: null,
      whole: true,
    });
  });

  test('a denied write says so', async () => {
    const db = await createDatabase(server, 'page-denied', {
      more: ['create-user ana ana-pwd', 'set-permissions ana r *'],
    });
    const page = await open(`http://127.0.0.1:${pages.address().port}/`);
    const message = await page.evaluate(
      async ([url, name]) => {
        const ana = new NunDb({ url, db: name, user: 'ana', token: 'ana-pwd' });
        return ana.set('k', 1).then(
          () => 'stored',
          (error) => error.message,
        );
      },
      [`ws://${server.ws}`, db],
    );
    assert.equal(message, 'permission denied');
  });

  test('a chain of two conflicts is walked by an arbiter in the page', async () => {
    const db = await createDatabase(server, 'page-arbiter', { strategy: 'arbiter' });
    const page = await openApp(db);
    await page.evaluate(async () => {
      globalThis.conflicts = [];
      globalThis.held = new Promise((resolve) => {
        globalThis.release = resolve;
      });
      await client.becameArbiter(async (conflict) => {
        conflicts.push(conflict.values.map((value) => value.value));
        await held;
        return { _id: 9, value: conflict.values.map((value) => value.value).join('+') };
      });
      await client.get('barrier');
    });
    const writer = await TcpClient.open(server.tcp, db);
    const document = (id, value) => JSON.stringify({ _id: id, value });
    await writer.expectOk(`set-safe k 7 ${document(1, 'a')}`);
    for (const [id, value] of [
      [2, 'b'],
      [3, 'c'],
    ]) {
      assert.match(
        (await writer.command(`set-safe k 7 ${document(id, value)}`)).at(-1),
        /^error \$\$conflitct unresolved/,
      );
    }
    await page.waitForFunction(() => conflicts.length > 0);
    await page.evaluate(() => release());
    await until(
      async () => (await writer.expectOk('get k'))[0] === `value ${document(9, 'a+b+c')}`,
      'the end of the chain',
    );
    assert.deepEqual(await page.evaluate(() => conflicts), [
      ['a', 'b'],
      ['a+b', 'c'],
    ]);
    await writer.close();
  });
});

test('a page of another origin may post to the HTTP door', async () => {
  const page = await open(`http://127.0.0.1:${pages.address().port}/`);
  const answer = await page.evaluate(async (address) => {
    const response = await fetch(`http://${address}/`, {
      method: 'POST',
      body: 'ping',
      headers: { 'Content-Type': 'application/json' },
    });
    return response.text();
  }, server.http);
  assert.equal(answer, 'pong\n');
});
