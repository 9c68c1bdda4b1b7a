// The HTTP interface under /v1, from the outside: docs/http.md.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createDatabase, httpPost, startServer, stopCleanly, TcpClient } from './harness.mjs';
import { JsonClient } from './json_client.mjs';
import { basic, bearer, kJson, kMergePatch, Rest } from './rest_client.mjs';

let server;
before(async () => {
  server = await startServer();
});
after(() => stopCleanly(server));

const open = async (name, options) =>
  new Rest(await createDatabase(server, name, options), { to: server });

describe('rest: keys', () => {
  test('a value is written, read, changed and removed', async () => {
    const rest = await open('rest-keys');
    const made = await rest.put('cart/1', { items: [1, 2] });
    assert.deepEqual([made.status, made.body], [201, '']);
    const got = await rest.json('GET', 'keys/cart/1');
    assert.deepEqual([got.status, got.body], [200, '{"items":[1,2]}']);
    assert.match(got.headers.etag, /^"0-\d+"$/);
    assert.equal(got.headers.etag, made.headers.etag);
    assert.equal(got.headers['access-control-allow-origin'], '*');
    assert.equal(got.headers['access-control-expose-headers'], 'ETag, Nunc-TTL');
    const again = await rest.put('cart/1', 'x');
    assert.equal(again.status, 204);
    assert.match(again.headers.etag, /^"1-\d+"$/);
    const head = await rest.ask('HEAD', 'keys/cart/1');
    assert.deepEqual([head.status, head.body, head.headers.etag], [200, '', again.headers.etag]);
    assert.equal(head.headers['content-length'], '3');
    assert.equal((await rest.ask('DELETE', 'keys/cart/1')).status, 204);
    for (const method of ['GET', 'DELETE']) {
      const absent = await rest.error(method, 'keys/cart/1');
      assert.deepEqual([absent.status, absent.code], [404, 'key-absent']);
    }
    assert.equal((await rest.patch('cart/1', {})).status, 404);
  });

  test('a key is percent-decoded, and may hold what a path may not', async () => {
    const rest = await open('rest-escapes');
    const key = 'a/b?c#d%&é+😀';
    await rest.put(encodeURIComponent(key), 1);
    await rest.put('a/b+c', 2);
    const { json } = await rest.json('GET', 'keys?prefix=a%2F');
    assert.deepEqual(
      json.entries.map((entry) => entry.key),
      ['a/b+c', key],
    );
  });

  test('what is stored leaves as JSON, as text or as bytes', async () => {
    const rest = await open('rest-types');
    const bytes = (type, body) =>
      rest.ask('PUT', 'keys/k', { body, headers: type ? { 'Content-Type': type } : {} });
    const type = async () => (await rest.ask('GET', 'keys/k')).headers['content-type'];
    await bytes('application/JSON; charset=utf-8', ' { "a" : 1 } ');
    assert.equal((await rest.json('GET', 'keys/k')).body, '{"a":1}');
    await bytes('text/plain', 'plain é');
    assert.equal((await rest.ask('GET', 'keys/k')).body, 'plain é');
    assert.equal(await type(), 'text/plain; charset=UTF-8');
    await bytes('text/plain', ' [1, 2]');
    assert.equal((await rest.json('GET', 'keys/k')).body, ' [1, 2]');
    await bytes('image/png', Buffer.from([0, 255, 10]));
    assert.equal(await type(), 'application/octet-stream');
    await bytes(null, '');
    assert.deepEqual(
      [(await rest.ask('GET', 'keys/k')).body, await type()],
      ['', 'text/plain; charset=UTF-8'],
    );
    for (const wrong of ['', '{', 'x', '1e999', '\u00ff{}']) {
      const refused = await rest.error('PUT', 'keys/k', {
        body: wrong,
        headers: { 'Content-Type': kJson },
      });
      assert.deepEqual([refused.status, refused.code], [400, 'bad-json'], wrong);
    }
  });

  test('a key that cannot be is refused, and one that the server keeps', async () => {
    const rest = await open('rest-bad-keys');
    const refuse = async (key, method = 'PUT') => {
      const { status, code } = await rest.error(method, `keys/${key}`, {
        body: method === 'PUT' ? 'v' : undefined,
      });
      return [status, code];
    };
    assert.deepEqual(await refuse(''), [400, 'empty-key']);
    assert.deepEqual(await refuse('a%20b'), [400, 'key-character']);
    assert.deepEqual(await refuse('a%00'), [400, 'key-character']);
    assert.deepEqual(await refuse('k'.repeat(4097)), [400, 'key-too-long']);
    assert.equal((await rest.put('k'.repeat(4096), 1)).status, 201);
    assert.deepEqual(await refuse('$connections'), [403, 'server-key']);
    assert.deepEqual(await refuse('$$token'), [403, 'secure-key']);
    assert.deepEqual(await refuse('$$token', 'GET'), [403, 'secure-key']);
    assert.deepEqual(await refuse('$$token', 'DELETE'), [403, 'secure-key']);
  });
});

describe('rest: conditions', () => {
  test('If-Match and If-None-Match hold for writes', async () => {
    const rest = await open('rest-conditions');
    const none = { 'If-None-Match': '*' };
    assert.equal((await rest.put('k', 1, { 'If-Match': '*' })).status, 412);
    const made = await rest.put('k', 1, none);
    assert.equal(made.status, 201);
    const taken = await rest.put('k', 2, none);
    assert.deepEqual([taken.status, taken.headers.etag], [412, made.headers.etag]);
    assert.deepEqual(JSON.parse(taken.body).error.code, 'key-exists');
    const tag = { 'If-Match': made.headers.etag };
    assert.equal((await rest.put('k', 2, { 'If-Match': '*' })).status, 204);
    const late = await rest.error('PUT', 'keys/k', { body: '3', headers: tag });
    assert.deepEqual([late.status, late.code, late.field], [412, 'version-differs', 'If-Match']);
    assert.ok(late.message.includes(late.headers.etag), late.message);
    assert.equal((await rest.ask('DELETE', 'keys/k', { headers: tag })).status, 412);
    assert.equal((await rest.patch('k', 1, tag)).status, 412);
    const now = { 'If-Match': `"x", ${late.headers.etag}` };
    assert.equal((await rest.put('k', 3, { 'If-None-Match': late.headers.etag })).status, 412);
    assert.equal((await rest.put('k', 3, { 'If-None-Match': '"x"', ...now })).status, 204);
    const weak = (await rest.ask('GET', 'keys/k')).headers.etag;
    assert.equal((await rest.put('k', 4, { 'If-Match': `W/${weak}` })).status, 412);
    assert.equal(
      (await rest.ask('DELETE', 'keys/k', { headers: { 'If-Match': weak } })).status,
      204,
    );
    assert.equal(
      (await rest.ask('DELETE', 'keys/k', { headers: { 'If-Match': weak } })).status,
      412,
    );
  });

  test('a version that came back after a removal is not the same', async () => {
    const rest = await open('rest-aba');
    const first = (await rest.put('k', 1)).headers.etag;
    await rest.ask('DELETE', 'keys/k');
    const second = (await rest.put('k', 1)).headers.etag;
    assert.equal(first.split('-')[0], second.split('-')[0]);
    assert.equal((await rest.put('k', 2, { 'If-Match': first })).status, 412);
    assert.equal((await rest.put('k', 2, { 'If-Match': second })).status, 204);
  });

  test('a GET tells whether what is known still holds', async () => {
    const rest = await open('rest-cache');
    const { etag } = (await rest.put('k', 1)).headers;
    const get = (headers) => rest.ask('GET', 'keys/k', { headers });
    const same = await get({ 'If-None-Match': `W/${etag}` });
    assert.deepEqual([same.status, same.body, same.headers.etag], [304, '', etag]);
    assert.equal((await get({ 'If-None-Match': '*' })).status, 304);
    assert.equal((await get({ 'If-None-Match': '"0-1", "9-9"' })).status, 200);
    assert.equal((await get({ 'If-Match': etag })).status, 200);
    assert.equal((await get({ 'If-Match': '"9-9"' })).status, 412);
    const absent = await rest.ask('GET', 'keys/none', { headers: { 'If-Match': '*' } });
    assert.equal(absent.status, 412);
    const bad = await rest.error('GET', 'keys/k', { headers: { 'If-Match': '3-41' } });
    assert.deepEqual([bad.status, bad.code, bad.field], [400, 'bad-condition', 'If-Match']);
  });

  test('of clients that race with the same tag exactly one wins', async () => {
    const rest = await open('rest-race', { more: [] });
    let { etag } = (await rest.put('k', 0)).headers;
    for (let round = 1; round <= 20; round += 1) {
      const racers = ['a', 'b', 'c', 'd'];
      const answers = await Promise.all(
        racers.map((who) => rest.put('k', who, { 'If-Match': etag })),
      );
      const won = answers.filter(({ status }) => status === 204);
      assert.equal(won.length, 1);
      assert.equal(answers.filter(({ status }) => status === 412).length, 3);
      const now = await rest.json('GET', 'keys/k');
      assert.equal(now.json, racers[answers.indexOf(won[0])]);
      assert.equal(now.headers.etag, won[0].headers.etag);
      etag = now.headers.etag;
    }
  });
});

test('rest: a key that the server keeps has no tag, as its value changes without one', async () => {
  const rest = await open('rest-live');
  const got = await rest.ask('GET', 'keys/$connections', { headers: { 'If-None-Match': '"0-0"' } });
  assert.deepEqual([got.status, got.body, got.headers.etag], [200, '0', undefined]);
});

describe('rest: merge patches', () => {
  test('a patch changes what it names, and answers the whole', async () => {
    const rest = await open('rest-patch');
    await rest.put('k', { a: { b: 1, c: 2 }, d: [1] });
    const patched = await rest.patch('k', { a: { b: null, e: 3 }, d: 'x' });
    assert.deepEqual([patched.status, patched.headers['content-type']], [200, kJson]);
    assert.deepEqual(JSON.parse(patched.body), { a: { c: 2, e: 3 }, d: 'x' });
    const got = await rest.json('GET', 'keys/k');
    assert.deepEqual([got.body, got.headers.etag], [patched.body, patched.headers.etag]);
  });

  test('patches at the same time are all there, also where the disk is waited for', async () => {
    await httpPost(
      server.http,
      'auth admin admin-pwd; create-db rest-disk rest-disk none ack disk',
    );
    for (const rest of [await open('rest-patches'), new Rest('rest-disk', { to: server })]) {
      await rest.put('k', {});
      const names = Array.from({ length: 40 }, (_, i) => `n${i}`);
      const answers = await Promise.all(names.map((name) => rest.patch('k', { [name]: 1 })));
      assert.ok(answers.every(({ status }) => status === 200));
      const { json } = await rest.json('GET', 'keys/k');
      assert.deepEqual(Object.keys(json).sort(), [...names].sort());
    }
  });

  test('what cannot be patched is refused', async () => {
    const rest = await open('rest-patch-bad');
    await rest.put('k', {});
    const refuse = async (body, type = kMergePatch) => {
      const headers = { 'Content-Type': type };
      const { status, code } = await rest.error('PATCH', 'keys/k', { body, headers });
      return [status, code];
    };
    assert.deepEqual(await refuse('{}', kJson), [415, 'bad-content-type']);
    assert.deepEqual(await refuse('{'), [400, 'bad-json']);
    const text = (bytes) => `"${'x'.repeat(bytes - 2)}"`;
    assert.deepEqual(await refuse(text(1048577)), [413, 'patch-too-long']);
    assert.equal((await rest.patch('k', 'x'.repeat(1048574))).status, 200);
    await rest.put('k', 'x'.repeat(1048575));
    assert.deepEqual(await refuse('{}'), [409, 'not-editable']);
    await rest.ask('PUT', 'keys/k', { body: 'plain text' });
    assert.deepEqual(await refuse('{}'), [409, 'not-editable']);
  });
});

describe('rest: rights', () => {
  test('a token, a user, nobody', async () => {
    const rest = await open('rest-rights', {
      more: ['create-user ann ann-token', 'set-permissions ann r a*', 'set a1 1', 'set b1 2'],
    });
    const as = (headers) => new Rest(rest.db, { to: server, headers });
    const ann = as(basic('ann', 'ann-token'));
    assert.equal((await ann.ask('GET', 'keys/a1')).body, '1');
    const denied = await ann.error('GET', 'keys/b1');
    assert.deepEqual([denied.status, denied.code], [403, 'permission-denied']);
    assert.equal((await ann.put('a1', 3)).status, 403);
    assert.deepEqual(
      (await ann.json('GET', 'keys?prefix=')).json.entries.map(({ key }) => key),
      ['a1'],
    );
    const wrong = [
      {},
      bearer('wrong'),
      bearer(''),
      basic('ann', 'wrong'),
      basic('bob', 'ann-token'),
      { Authorization: 'Digest x' },
    ];
    const refused = await as({}).error('GET', 'keys/a1');
    assert.equal(refused.headers['www-authenticate'], 'Bearer realm="nunc"');
    const strangers = [
      ...wrong.map(as),
      new Rest('no-such-db', { to: server, headers: bearer('x') }),
    ];
    for (const stranger of strangers) {
      for (const [method, path] of [
        ['GET', 'keys/a1'],
        ['GET', 'keys'],
        ['POST', 'batch'],
        ['GET', 'watch?prefix='],
      ]) {
        const answer = await stranger.error(method, path);
        assert.deepEqual([answer.status, answer.message], [401, refused.message]);
      }
    }
  });

  test('who may write but not read cannot read by a patch', async () => {
    const rest = await open('rest-blind', {
      more: ['create-user bob bob-token', 'set-permissions bob w k', 'set k {"secret":1}'],
    });
    const bob = new Rest(rest.db, { to: server, headers: basic('bob', 'bob-token') });
    assert.equal((await bob.patch('k', {})).status, 403);
    assert.equal((await bob.put('k', {})).status, 204);
  });

  test('a page of another origin may ask with what the interface takes', async () => {
    const asked = await httpPost(server.http, undefined, {
      method: 'OPTIONS',
      path: '/v1/db/x/keys/k',
      headers: { Origin: 'http://elsewhere', 'Access-Control-Request-Method': 'PATCH' },
    });
    assert.equal(asked.status, 204);
    assert.match(asked.headers['access-control-allow-methods'], /PUT, PATCH, DELETE/);
    assert.match(asked.headers['access-control-allow-headers'], /Authorization, If-Match/);
  });
});

describe('rest: many keys', () => {
  test('keys with a prefix come part by part, as a scan of nunc.1', async () => {
    const rest = await open('rest-scan');
    await rest.put('a/1', { n: 1 });
    await rest.ask('PUT', 'keys/a/2', { body: 'text' });
    await rest.ask('PUT', 'keys/a/3', { body: Buffer.from([255]) });
    await rest.put('a*', 4);
    const scan = async (query) => (await rest.json('GET', `keys?${query}`)).json;
    assert.deepEqual(await scan('prefix=a/&limit=2'), {
      entries: [
        { key: 'a/1', value: { n: 1 }, version: 0 },
        { key: 'a/2', text: 'text', version: 0 },
      ],
      after: 'a/2',
    });
    assert.deepEqual(await scan('prefix=a/&after=a/2'), {
      entries: [{ key: 'a/3', base64: '/w==', version: 0 }],
    });
    assert.deepEqual(await scan('prefix=a*'), { entries: [{ key: 'a*', value: 4, version: 0 }] });
    assert.equal((await rest.ask('HEAD', 'keys?prefix=a/')).status, 200);
    for (const limit of ['0', '10001', 'x']) {
      const refused = await rest.error('GET', `keys?limit=${limit}`);
      assert.deepEqual([refused.status, refused.field], [400, 'limit'], limit);
    }
  });

  test('a batch answers what a batch of nunc.1 does', async () => {
    const rest = await open('rest-batch');
    const client = await JsonClient.open(server.ws, rest.db);
    const requests = [
      { op: 'remove', key: 'k' },
      { op: 'set', key: 'k', value: { n: 1 } },
      { op: 'get', key: 'none' },
      { op: 'put', key: 'k', 'if-version': 7, value: 1 },
      { op: 'set', kye: 'k', value: 1 },
      { op: 'batch', requests: [] },
      { op: 'increment', key: 'n', by: 0 },
      'no object',
    ];
    const body = (it) => ({ body: JSON.stringify(it) });
    const { json } = await rest.json('POST', 'batch', body({ requests }));
    const other = await client.ok({ op: 'batch', requests });
    const shape = JSON.stringify(other).replace(/"(revision|version)":\d+/g, '"$1":0');
    assert.deepEqual(JSON.stringify(json).replace(/"(revision|version)":\d+/g, '"$1":0'), shape);
    assert.deepEqual((await rest.json('POST', 'batch', body({ requests: [] }))).json, {
      replies: [],
    });
    const pings = (count) => body({ requests: Array(count).fill({ op: 'ping' }) });
    assert.equal((await rest.json('POST', 'batch', pings(1000))).json.replies.length, 1000);
    const many = await rest.error('POST', 'batch', pings(1001));
    assert.deepEqual([many.status, many.code], [413, 'too-many-requests']);
    for (const [wrong, code] of [
      ['', 'bad-json'],
      ['[]', 'bad-request'],
      ['{}', 'bad-field'],
    ]) {
      const refused = await rest.error('POST', 'batch', { body: wrong });
      assert.deepEqual([refused.status, refused.code], [400, code], wrong);
    }
    await client.close();
  });
});

describe('rest: what cannot be read', () => {
  const raw = async (bytes) => {
    const client = await TcpClient.connect(server.http);
    client.send(bytes);
    const lines = await client.inbox.takeThrough((line) => line === '\r', 'a head');
    client.socket.destroy();
    return Number(/^HTTP\/1\.1 (\d+)/.exec(lines[0])[1]);
  };

  test('paths, methods and escapes that mean nothing', async () => {
    const rest = await open('rest-garbage');
    const ask = async (method, path) => {
      const { status, body } = await httpPost(server.http, undefined, { method, path });
      assert.ok(JSON.parse(body).error.message, body);
      return status;
    };
    for (const path of [
      '/v1',
      '/v1/',
      '/v1/db',
      '/v1/db/',
      '/v1/db//',
      '/v1/db/x',
      '/v1/x/../db',
      '/v1/db/x/keyz',
    ])
      assert.equal(await ask('GET', path), 404, path);
    assert.equal(await ask('POST', '/v1/db/x/keys/k'), 405);
    assert.equal(await ask('BREW', '/v1/db/x/keys'), 405);
    assert.equal(await ask('PUT', '/v1/openapi.json'), 405);
    for (const path of [
      'keys/%',
      'keys/%4',
      'keys/%zz',
      'keys/%ff',
      'keys?prefix=%',
      'keys?%',
      'keys?x=1',
    ])
      assert.equal((await rest.error('GET', path)).status, 400, path);
    const other = await httpPost(server.http, undefined, {
      method: 'BREW',
      path: '/v1/db/x/keys',
    });
    assert.equal(other.headers.allow, 'GET, HEAD, OPTIONS');
  });

  test('a watch over HTTP/1.0, which knows no chunks', async () => {
    assert.equal(await raw('GET /v1/db/x/watch?prefix= HTTP/1.0\r\n\r\n'), 400);
    assert.equal(await raw('GET /v1/db/x/keys HTTP/1.0\r\n\r\n'), 401);
  });

  test('a query as long as a head may be, and one that is longer', async () => {
    const rest = await open('rest-long');
    const query = (bytes) =>
      `GET /v1/db/${rest.db}/keys?prefix=${'a'.repeat(bytes)} HTTP/1.1\r\nHost: x\r\n` +
      `Authorization: Bearer ${rest.db}\r\n\r\n`;
    assert.equal(await raw(query(15_000)), 200);
    assert.equal(await raw(query(17_000)), 431);
    assert.equal(await raw(query(1_000_000)), 431);
    const many = `keys?${'&'.repeat(8000)}prefix=a`;
    assert.equal((await rest.ask('GET', many)).status, 200);
  });
});

describe('rest: its description', () => {
  const describe31 = async () => {
    const answer = await httpPost(server.http, undefined, {
      method: 'GET',
      path: '/v1/openapi.json',
    });
    assert.deepEqual([answer.status, answer.headers['content-type']], [200, kJson]);
    return JSON.parse(answer.body);
  };

  test('each path and method that it has is there, and others are not', async () => {
    const document = await describe31();
    assert.equal(document.openapi, '3.1.0');
    const methods = ['get', 'head', 'put', 'post', 'patch', 'delete'];
    for (const [path, item] of Object.entries(document.paths)) {
      const at = path.replace('{db}', 'none').replace('{key}', 'k');
      for (const method of methods) {
        const query = path.endsWith('/watch') ? '?prefix=' : '';
        const { status } = await httpPost(server.http, undefined, {
          method: method.toUpperCase(),
          path: at + query,
        });
        const there = status !== 404 && status !== 405;
        assert.equal(there, method in item, `${method} ${path}: ${status}`);
        if (there) assert.ok(item[method].responses[503], `${method} ${path}: 503`);
      }
    }
  });

  test('what it refers to is there', async () => {
    const document = await describe31();
    const text = JSON.stringify(document);
    for (const [, pointer] of text.matchAll(/"\$ref":"#\/([^"]+)"/g)) {
      const found = pointer.split('/').reduce((at, name) => at?.[name], document);
      assert.ok(found, pointer);
    }
  });

  test('the statuses that it has are given', async () => {
    const document = await describe31();
    const rest = await open('rest-described', {
      more: ['create-user ann ann-token', 'set-permissions ann r a*', 'set t plain'],
    });
    const nobody = { Authorization: 'Bearer wrong' };
    const ann = basic('ann', 'ann-token');
    const patch = { 'Content-Type': kMergePatch };
    const long = 'x'.repeat(8 * 1024 * 1024 + 1);
    const key = '/v1/db/{db}/keys/{key}';
    const table = [
      [key, 'put', 201, 'keys/k', { body: '1' }],
      [key, 'put', 204, 'keys/k', { body: '1' }],
      [key, 'put', 400, 'keys/%20', { body: '1' }],
      [key, 'put', 401, 'keys/k', { body: '1', headers: nobody }],
      [key, 'put', 403, 'keys/k', { body: '1', headers: ann }],
      [key, 'put', 412, 'keys/k', { body: '1', headers: { 'If-None-Match': '*' } }],
      [key, 'put', 413, 'keys/k', { body: long }],
      [key, 'get', 200, 'keys/k'],
      [key, 'get', 304, 'keys/k', { headers: { 'If-None-Match': '*' } }],
      [key, 'get', 404, 'keys/none'],
      [key, 'get', 412, 'keys/k', { headers: { 'If-Match': '"9-9"' } }],
      [key, 'patch', 200, 'keys/k', { body: '{}', headers: patch }],
      [key, 'patch', 404, 'keys/none', { body: '{}', headers: patch }],
      [key, 'patch', 409, 'keys/t', { body: '{}', headers: patch }],
      [key, 'patch', 413, 'keys/k', { body: long.slice(0, 1048577), headers: patch }],
      [key, 'patch', 415, 'keys/k', { body: '{}' }],
      [key, 'delete', 412, 'keys/k', { headers: { 'If-Match': '"9-9"' } }],
      [key, 'delete', 204, 'keys/k'],
      [key, 'delete', 404, 'keys/k'],
      ['/v1/db/{db}/keys', 'get', 200, 'keys'],
      ['/v1/db/{db}/keys', 'get', 400, 'keys?limit=0'],
      ['/v1/db/{db}/batch', 'post', 200, 'batch', { body: '{"requests":[]}' }],
      ['/v1/db/{db}/batch', 'post', 400, 'batch', { body: '{}' }],
      ['/v1/db/{db}/batch', 'post', 401, 'batch', { headers: nobody }],
      ['/v1/db/{db}/watch', 'get', 400, 'watch'],
      ['/v1/db/{db}/watch', 'get', 403, 'watch?key=b', { headers: ann }],
    ];
    for (const [path, method, status, target, options] of table) {
      const what = `${method} ${target} ${status}`;
      assert.ok(document.paths[path][method].responses[status], what);
      assert.equal((await rest.ask(method.toUpperCase(), target, options)).status, status, what);
    }
  });
});
