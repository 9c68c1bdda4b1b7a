// The checkers of histories find what they are for: right histories pass, and each planted fault of
// a cluster is seen.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { randomOf } from './crash_disk.mjs';
import { checkLinearizable } from './linearizable.mjs';
import { checkWatcher, checkWitness } from './witness.mjs';

const kClients = 5;
const kCalls = 300;
const kSeeds = 50;
const kKinds = ['set', 'set', 'put', 'set-safe', 'increment', 'increment', 'remove', 'get', 'get'];

/** A store of one machine, which does what it is asked, or what `fault` says at its `at`th call. */
class Store {
  log = [];
  keys = new Map();
  before = new Map(); // what the key was before its newest change

  #write(call, type, value, version) {
    const { key } = call;
    const revision = this.log.length + 1;
    this.before.set(key, this.keys.get(key));
    if (type === 'remove') this.keys.delete(key);
    else this.keys.set(key, { value, version, revision });
    this.log.push({ revision, type, key, ...(type === 'set' && { value, version }) });
    Object.assign(call, { outcome: 'ok', revision, ...(type === 'set' && { version }) });
  }

  run(call) {
    const { kind, key, value, expected, by } = call;
    const state = this.keys.get(key);
    const next = state ? state.version + 1 : 0;
    const refuse = (code) => Object.assign(call, { outcome: 'refused', code });
    if (kind === 'get') {
      const found = state ? { value: state.value, version: state.version } : null;
      Object.assign(call, { outcome: 'ok', found, revision: state?.revision });
    } else if (kind === 'put' && !state) refuse('key-absent');
    else if (kind === 'put' && state.version !== expected) refuse('version-differs');
    else if (kind === 'set-safe' && state?.version > expected) refuse('invalid-version');
    else if (kind === 'remove') this.#write(call, 'remove');
    else if (kind === 'increment') {
      call.sum = `${Number(state?.value ?? 0) + by}`;
      this.#write(call, 'set', call.sum, next);
    } else this.#write(call, 'set', value, kind === 'set' ? next : expected + 1);
  }

  runFaulty(call, fault) {
    const state = this.keys.get(call.key);
    if (fault === 'lost') {
      const [length, before] = [this.log.length, this.before.get(call.key)];
      this.run(call);
      this.log.length = length;
      this.before.set(call.key, before);
      if (state) this.keys.set(call.key, state);
      else this.keys.delete(call.key);
    } else if (fault === 'twice') {
      this.run(call);
      const answer = { ...call };
      this.run(call);
      Object.assign(call, answer);
    } else if (fault === 'refused stands') {
      this.run(call);
      call.outcome = 'failed';
    } else if (fault === 'stale read') {
      const old = this.before.get(call.key);
      const found = old ? { value: old.value, version: old.version } : null;
      Object.assign(call, { outcome: 'ok', found, revision: old?.revision });
    } else if (fault === 'thin air') {
      const found = { value: 'never-written', version: state?.version ?? 0 };
      Object.assign(call, { outcome: 'ok', found, revision: this.log.length });
    } else if (fault === 'version falls') {
      this.run(call);
      call.version -= 1;
      this.log.at(-1).version -= 1;
      this.keys.get(call.key).version -= 1;
    }
  }
}

// Which calls a fault may befall, so that it can be told from outside. Counters are never removed,
// and a removal explains much.
const counts = ({ kind }) => kind === 'increment';
const kFits = {
  lost: counts,
  twice: counts,
  'refused stands': counts,
  'stale read': ({ kind, client, key }, last) => {
    const change = last.get(key);
    return kind === 'get' && change?.client === client && counts(change);
  },
  'thin air': ({ kind }) => kind === 'get',
  'version falls': ({ kind, key }, _, store) =>
    counts({ kind }) && store.keys.get(key)?.version > 0,
};

/**
 * Clients call, and the store does it before they return. Of the writes `lost` are not answered,
 * and half of these are not done.
 */
function makeHistory(random, { fault = null, lost = 1 / 12 } = {}) {
  const store = new Store();
  const calls = [];
  const last = new Map(); // by key: the last change
  const free = new Array(kClients).fill(0); // when each client has its answer
  let planted = false;
  const one = (kind, key, client, at) => {
    const call = { client, connection: client, kind, key, call: at + random(), linear: true };
    const id = calls.length + 1;
    if (kind === 'increment') call.by = id;
    else if (kind !== 'get' && kind !== 'remove') call.value = `v${id}`;
    if (kind === 'put' || kind === 'set-safe')
      call.expected = Math.max(0, (store.keys.get(key)?.version ?? 0) - (random() < 0.3 ? 1 : 0));
    const doing = fault !== null && !planted && id > kCalls / 3 && kFits[fault](call, last, store);
    const unknown = !doing && kind !== 'get' && random() < lost;
    if (doing) store.runFaulty(call, fault);
    else if (!unknown || random() < 0.5) store.run(call);
    planted ||= doing;
    call.return = at + 2 + random() * 6; // `at` + 1 is when it is done
    free[client] = call.return;
    if (call.outcome === 'ok' && kind !== 'get') last.set(key, unknown ? null : call);
    if (unknown) {
      const { version, revision, sum, code, ...rest } = call;
      Object.assign(rest, { outcome: 'unknown', return: Infinity });
      calls.push(rest);
    } else calls.push(call);
  };
  for (let at = 0; calls.length < kCalls || (fault !== null && !planted); at += 1) {
    const client = Math.floor(random() * kClients);
    if (free[client] > at) continue;
    const kind = kKinds[Math.floor(random() * kKinds.length)];
    const counter = kind === 'increment' || (kind === 'get' && random() < 0.5);
    const key = `${counter ? 'c' : 'r'}${Math.floor(random() * 2)}`;
    one(kind, key, client, at);
  }
  const end = Math.max(...free) + 1;
  for (const [number, key] of ['r0', 'r1', 'c0', 'c1'].entries())
    one('get', key, 0, end + number * 10);
  return { calls, log: store.log };
}

describe('right histories pass', () => {
  for (let seed = 1; seed <= kSeeds; seed += 1) {
    test(`seed ${seed}`, () => {
      const { calls, log } = makeHistory(randomOf(seed));
      assert.deepEqual(checkWitness(calls, log), []);
      assert.deepEqual(checkLinearizable(calls), []);
    });
  }
});

for (const fault of Object.keys(kFits)) {
  test(`found by both, wherever it is: ${fault}`, () => {
    for (let seed = 1; seed <= kSeeds; seed += 1) {
      const { calls, log } = makeHistory(randomOf(seed), { fault });
      assert.notDeepEqual(checkWitness(calls, log), [], `the witness, seed ${seed}`);
      // A write that may be done at any time explains much to who has no log.
      const told = makeHistory(randomOf(seed), { fault, lost: 0 });
      assert.notDeepEqual(checkLinearizable(told.calls), [], `the search, seed ${seed}`);
    }
  });
}

describe('by the clock and the connection', () => {
  const set = (value, revision, version, call, more = {}) => ({
    ...{ client: 0, connection: 0, kind: 'set', key: 'r', value, outcome: 'ok' },
    ...{ revision, version, call, return: call + 5, ...more },
  });
  const get = (value, revision, version, call, more = {}) => ({
    ...{ client: 1, connection: 1, kind: 'get', key: 'r', outcome: 'ok', linear: true },
    ...{ found: value && { value, version }, revision, call, return: call + 5, ...more },
  });
  const record = (value, revision, version) => ({
    revision,
    type: 'set',
    key: 'r',
    value,
    version,
  });
  const log = [record('a', 1, 0), record('b', 2, 1)];

  test('writes that stand against the clock', () => {
    const calls = [set('b', 2, 1, 0), set('a', 1, 0, 10)];
    assert.match(checkWitness(calls, log).join(), /after 2 was answered/);
    assert.match(checkLinearizable(calls).join(), /no order fits/);
    const concurrent = [set('b', 2, 1, 0), set('a', 1, 0, 3, { client: 1, connection: 1 })];
    assert.deepEqual(checkWitness(concurrent, log), []);
    assert.deepEqual(checkLinearizable(concurrent), []);
  });

  test('an old read counts where it was to be linear, and on one connection always', () => {
    const writes = [set('a', 1, 0, 0), set('b', 2, 1, 10)];
    const old = get('a', 1, 0, 20);
    assert.match(checkWitness([...writes, old], log).join(), /older than 2/);
    assert.match(checkLinearizable([...writes, old]).join(), /no order fits/);
    const plain = get('a', 1, 0, 20, { linear: false });
    assert.deepEqual(checkWitness([...writes, plain], log), []);
    assert.deepEqual(checkLinearizable([...writes, plain]), []);
    const own = get('a', 1, 0, 20, { linear: false, connection: 0 });
    assert.match(checkWitness([...writes, own], log).join(), /on the same connection/);
  });

  test('a read of what was not called yet', () => {
    const calls = [set('a', 1, 0, 0), get('b', 2, 1, 10), set('b', 2, 1, 20)];
    assert.match(checkWitness(calls, log).join(), /had not begun/);
    assert.match(checkLinearizable(calls).join(), /no order fits/);
  });

  test('an unknown write may be there or not, but not before it was called', () => {
    const lost = { outcome: 'unknown', return: Infinity, revision: undefined, version: undefined };
    const unknown = set('b', 2, 1, 10, lost);
    const first = set('a', 1, 0, 0);
    for (const seen of [get('a', 1, 0, 20), get('b', 2, 1, 20)]) {
      assert.deepEqual(checkLinearizable([first, unknown, seen]), []);
    }
    assert.deepEqual(checkWitness([first, unknown], log), []);
    assert.deepEqual(checkWitness([first, unknown], log.slice(0, 1)), []);
    const late = set('b', 1, 0, 10, lost);
    const swapped = [record('b', 1, 0), record('a', 2, 1)];
    assert.match(checkWitness([set('a', 2, 1, 0), late], swapped).join(), /after 2/);
    const gone = [first, unknown, get('b', 2, 1, 20), get('a', 1, 0, 30)];
    assert.match(checkLinearizable(gone).join(), /no order fits/);
  });

  test('an unknown write stands there once', () => {
    const unknown = set('a', 1, 0, 0, { outcome: 'unknown', return: Infinity });
    const twice = [record('a', 1, 0), record('a', 2, 1)];
    assert.match(checkWitness([unknown], twice).join(), /done twice/);
  });

  test('a value comes with its own revision', () => {
    const writes = [set('a', 1, 0, 0), set('b', 2, 1, 10)];
    assert.match(checkWitness([...writes, get('b', 1, 1, 20)], log).join(), /never was there/);
  });

  test('a refusal tells of the state', () => {
    const put = (code, expected) => ({
      ...{ client: 2, connection: 2, kind: 'put', key: 'r', value: 'c', expected, code },
      ...{ outcome: 'refused', call: 20, return: 25 },
    });
    const writes = [set('a', 1, 0, 0), set('b', 2, 1, 10)];
    for (const [call, fits] of [
      [put('version-differs', 0), true],
      [put('version-differs', 1), false],
      [put('key-absent', 1), false],
      [{ ...put('invalid-version', 0), kind: 'set-safe' }, true],
      [{ ...put('invalid-version', 1), kind: 'set-safe' }, false],
    ]) {
      assert.equal(checkWitness([...writes, call], log).length === 0, fits);
      assert.equal(checkLinearizable([...writes, call]).length === 0, fits);
    }
  });

  test('the search says when it gives up', () => {
    const { calls } = makeHistory(randomOf(1));
    assert.match(checkLinearizable(calls, { stepsMax: 10 }).join(), /undecided after 10 steps/);
    const clients = Array.from({ length: 6 }, (_, client) => set('a', 1, 0, 0, { client }));
    assert.throws(() => checkLinearizable(clients), /allowed are 5 clients/);
  });
});

describe('what a watcher is told', () => {
  const log = [
    { revision: 1, type: 'set', key: 'a', value: '1', version: 0 },
    { revision: 2, type: 'set', key: 'b', value: '2', version: 0 },
    { revision: 3, type: 'remove', key: 'a' },
    { revision: 4, type: 'set', key: 'b', value: '3', version: 1 },
  ];
  const start = (revision, ...sets) => [
    { connected: true },
    { push: 'started', with: 'snapshot' },
    ...sets.map(([key, value]) => ({ push: 'set', key, value, revision: 1 })),
    { push: 'ready', revision },
  ];
  const removed = { push: 'removed', key: 'a', revision: 3 };
  const changed = { push: 'set', key: 'b', value: '3', revision: 4 };
  const begun = start(2, ['a', '1'], ['b', '2']);

  test('all of it is right', () => {
    assert.deepEqual(checkWatcher([...begun, removed, changed], log), []);
    assert.deepEqual(checkWatcher([...begun, removed], log, { alive: false }), []);
  });

  for (const [what, told] of [
    ['a change is missing in the middle', [...begun, changed]],
    ['a change is missing at the end', [...begun, removed]],
    ['a change comes twice', [...begun, removed, removed, changed]],
    ['changes are swapped', [...begun, changed, removed]],
    ['a value is another', [...begun, removed, { ...changed, value: '4' }]],
    ['the state it begins with lacks a key', [...start(2, ['a', '1']), removed, changed]],
    [
      'something is taken back',
      [...begun, removed, changed, { push: 'started', with: 'rewound' }],
    ],
  ]) {
    test(what, () => assert.notDeepEqual(checkWatcher(told, log), []));
  }
});
