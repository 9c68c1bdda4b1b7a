// What watchers were told, written down as they hear it, and held against the op log of the server
// once that has ended: the same oracle that looks at simulated histories (tests/watch_check).
import assert from 'node:assert/strict';
import { closeSync, openSync, writeSync } from 'node:fs';
import path from 'node:path';
import {
  kBinary,
  launch,
  makeFolder,
  removeFolder,
  startServer,
  stopCleanly,
  within,
} from './harness.mjs';

const kCheck = path.join(path.dirname(kBinary), 'nunc_watch_check');
const kTold = /^(changed-version|removed|started|ready|gap) /;
const kBufferBytes = 1 << 20;
const kCheckMs = 300_000;

/** Of one watcher, over all its connections. */
class Watcher {
  constructor(journal, name) {
    Object.assign(this, { journal, name });
  }

  /** It watches from here on: note it before the answer can come, or when it has. */
  watch(pattern, since, policy = 'latest') {
    this.#note({ watch: pattern, since, policy });
  }

  unwatch(pattern) {
    this.#note({ unwatch: pattern });
  }

  login({ user = '', admin = false }) {
    this.#note({ login: { user, admin } });
  }

  /** A line or a message, as it came; what is no news of a watch is passed over. */
  told(text) {
    const line = text.trimEnd();
    const push = line.startsWith('{') ? line.startsWith('{"push":') : kTold.test(line);
    if (push) this.#note({ told: line });
  }

  cut() {
    this.#note({ cut: true });
  }

  /** It has been told everything. */
  rest() {
    this.#note({ rest: true });
  }

  #note(what) {
    this.journal.write({ watcher: this.name, ...what });
  }
}

export class WatchJournal {
  #folder = makeFolder('journal');
  #buffer = '';

  constructor(database) {
    this.database = database;
    this.file = path.join(this.#folder, 'journal');
    this.descriptor = openSync(this.file, 'w');
  }

  watcher(name) {
    return new Watcher(this, name);
  }

  write(entry) {
    this.#buffer += `${JSON.stringify(entry)}\n`;
    if (this.#buffer.length > kBufferBytes) this.#flush();
  }

  /** A watcher that writes down all that comes to this client, and that it has ended. */
  listenTo(client, name) {
    const watcher = this.watcher(name);
    const { inbox, socket } = client.ws ?? client;
    const push = inbox.push.bind(inbox);
    inbox.push = (text) => {
      watcher.told(text);
      push(text);
    };
    socket.on('close', () => watcher.cut());
    return watcher;
  }

  #flush() {
    writeSync(this.descriptor, this.#buffer);
    this.#buffer = '';
  }

  /** The server of that data folder has ended. Gives how much was looked at. */
  async check(data) {
    this.#flush();
    closeSync(this.descriptor);
    const run = launch(kCheck, [data, this.database, this.file]);
    const { code, output, errors } = await within(run.exited, 'the check of a journal', kCheckMs);
    assert.equal(code, 0, `${errors}${output.slice(0, 2000)}`);
    removeFolder(this.#folder);
    return output.trimEnd();
  }
}

/** Those of the databases of one server, or of one node: what happened is in its primary's log. */
export class Journals {
  #data = makeFolder('watched');
  #journals = [];

  async start() {
    const alone = process.env.NUNC_E2E_AT !== 'secondary';
    const server = await startServer(alone ? { data: this.#data } : undefined);
    this.#data = server.data ?? this.#data;
    return server;
  }

  of(database) {
    const journal = new WatchJournal(database);
    this.#journals.push(journal);
    return journal;
  }

  /** For `after` hooks: ends the server and looks at what was told. */
  async stopAndCheck(server) {
    await stopCleanly(server);
    for (const journal of this.#journals) await journal.check(this.#data);
    removeFolder(this.#data);
  }
}
