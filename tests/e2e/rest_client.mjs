// Programs that use the HTTP interface under /v1: docs/http.md.
import assert from 'node:assert/strict';
import http from 'node:http';
import { hostAndPort, httpPost, Inbox, within } from './harness.mjs';

export const kJson = 'application/json';
export const kMergePatch = 'application/merge-patch+json';
export const bearer = (token) => ({ Authorization: `Bearer ${token}` });
export const basic = (user, token) => ({
  Authorization: `Basic ${Buffer.from(`${user}:${token}`).toString('base64')}`,
});

/** What a program says to one database. */
export class Rest {
  constructor(db, { to, headers = bearer(db) } = {}) {
    Object.assign(this, { db, to, headers });
  }

  ask(method, path, { body, headers = {} } = {}) {
    return httpPost(this.to.http, body, {
      method,
      path: `/v1/db/${this.db}/${path}`,
      headers: { ...this.headers, ...headers },
    });
  }

  async json(method, path, options) {
    const answer = await this.ask(method, path, options);
    assert.equal(answer.headers['content-type'], kJson, answer.body);
    return { ...answer, json: JSON.parse(answer.body) };
  }

  async error(method, path, options) {
    const { status, json, headers } = await this.json(method, path, options);
    return { status, headers, ...json.error };
  }

  put(key, value, headers = {}) {
    const body = JSON.stringify(value);
    return this.ask('PUT', `keys/${key}`, { body, headers: { 'Content-Type': kJson, ...headers } });
  }

  patch(key, value, headers = {}) {
    const body = JSON.stringify(value);
    const type = { 'Content-Type': kMergePatch };
    return this.ask('PATCH', `keys/${key}`, { body, headers: { ...type, ...headers } });
  }
}

/** A stream of events as a browser reads it: it keeps the last id, and knows when it ends. */
export class Events {
  static async open(rest, query, { last, headers } = {}) {
    const events = new Events();
    events.inbox = new Inbox(`events of ${query}`);
    events.comments = 0;
    events.lastId = last;
    const sent = { ...(headers ?? rest.headers), ...(last ? { 'Last-Event-ID': last } : {}) };
    const path = `/v1/db/${rest.db}/watch?${query}`;
    const to = { ...hostAndPort(rest.to.http), path };
    const answered = new Promise((resolve, reject) => {
      events.request = http.get({ ...to, headers: sent, agent: false }, resolve);
      events.request.on('error', reject);
    });
    events.response = await within(answered, 'the head of a stream');
    assert.equal(events.response.statusCode, 200);
    assert.equal(events.response.headers['content-type'], 'text/event-stream');
    let text = '';
    events.response.setEncoding('utf8').on('data', (part) => {
      const blocks = (text += part).split('\n\n');
      text = blocks.pop();
      for (const block of blocks) events.take(block);
    });
    events.ended = new Promise((resolve) => {
      events.response.on('end', () => resolve('end'));
      events.response.on('error', () => resolve('error'));
    });
    return events;
  }

  take(block) {
    if (block.startsWith(':')) {
      this.comments += 1;
      return this.inbox.push({ event: 'comment' });
    }
    const fields = block.split('\n').map((line) => line.split(/: (.*)/s));
    const of = (name) => fields.filter(([field]) => field === name).map(([, value]) => value);
    const [id] = of('id');
    if (id !== undefined) this.lastId = id;
    this.inbox.push({ event: of('event')[0], id, data: JSON.parse(of('data').join('\n')) });
  }

  async untilEvent(name) {
    const all = await this.inbox.takeThrough(({ event }) => event === name, name);
    return all.filter(({ event }) => event !== 'comment');
  }

  close() {
    this.request.destroy();
  }
}
/** Of the events that show a value; `$connections` comes and goes by itself. */
export const keysOf = (events) =>
  events
    .filter(({ event }) => event === 'set')
    .map(({ data }) => data.key)
    .filter((key) => key[0] !== '$');
