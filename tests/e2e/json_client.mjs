// A client of the subprotocol nunc.1: docs/protocol.md.
import assert from 'node:assert/strict';
import { WsClient } from './harness.mjs';

export const kProtocol = 'nunc.1';

export class JsonClient {
  static async connect(address, options = {}) {
    const client = new JsonClient();
    client.ws = await WsClient.connect(address, { protocols: [kProtocol], ...options });
    client.hello = (await client.next()).hello;
    client.lastId = 0;
    return client;
  }

  static async open(address, db, options) {
    const client = await JsonClient.connect(address, options);
    await client.ok({ op: 'use-db', db, token: db });
    return client;
  }

  send(message) {
    this.ws.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  async next(what) {
    return JSON.parse(await this.ws.inbox.next(what));
  }

  /** Pushes that came meanwhile, and the answer. */
  async ask(request) {
    const id = (this.lastId += 1);
    this.send({ id, ...request });
    const messages = await this.ws.inbox.takeThrough(
      (text) => JSON.parse(text).id === id,
      `the answer to ${JSON.stringify(request).slice(0, 80)}`,
    );
    const parsed = messages.map((text) => JSON.parse(text));
    return { pushes: parsed.slice(0, -1), answer: parsed.at(-1) };
  }

  async ok(request) {
    const { answer } = await this.ask(request);
    assert.ok(answer.ok, JSON.stringify(answer).slice(0, 500));
    return answer.ok;
  }

  async error(request) {
    const { answer } = await this.ask(request);
    assert.ok(answer.error, JSON.stringify(answer).slice(0, 500));
    return answer.error;
  }

  async close() {
    await this.ws.close();
  }
}
