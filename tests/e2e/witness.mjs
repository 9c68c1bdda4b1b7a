// Answers carry revisions, so the log is the order that the cluster claims. This checks the claim
// against what clients were told and when, in O(n log n); docs/cluster.md section 17.5.
//
// `log` is the records of one database as `nunc oplog dump` prints them, in their order.
import { kWrites, observes, show, stateAfter } from './history_model.mjs';

/** What each key was, and since which revision: [{ revision, state, record }] in order. */
export class Timelines {
  #keys = new Map();

  constructor(log) {
    for (const record of log) {
      const { key, revision, type, value, version } = record;
      if (!this.#keys.has(key)) this.#keys.set(key, [{ revision: 0, state: null }]);
      const state = type === 'remove' ? null : { value, version };
      this.#keys.get(key).push({ revision, state, record });
    }
  }

  of(key) {
    return this.#keys.get(key) ?? [{ revision: 0, state: null }];
  }

  get keys() {
    return [...this.#keys.keys()];
  }

  /** The place in the key's timeline that counts at `revision`. */
  placeAt(key, revision) {
    const timeline = this.of(key);
    let [low, high] = [0, timeline.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (timeline[middle].revision <= revision) low = middle;
      else high = middle;
    }
    return low;
  }

  stateAt(key, revision) {
    return this.of(key)[this.placeAt(key, revision)].state;
  }

  /** Whether the value that was found was written at the revision that came with it. */
  wasAt({ key, found, revision }) {
    const at = this.of(key)[this.placeAt(key, revision)];
    return at.revision === revision && at.state?.value === found.value;
  }

  /** The first revision from `least` on at which `call` may have been answered so; or null. */
  firstFit(call, least) {
    const timeline = this.of(call.key);
    for (let place = this.placeAt(call.key, least); place < timeline.length; place += 1) {
      if (stateAfter(timeline[place].state, call) === undefined) continue;
      return Math.max(timeline[place].revision, least);
    }
    return null;
  }
}

/** Which call wrote a record, when it does not say so with a revision: values are unique. */
function tokenOf(call) {
  if (call.kind === 'remove') return null;
  return `${call.key} ${call.kind === 'increment' ? `+${call.by}` : call.value}`;
}

/** Gives each record the call that made it, and each call its place; says what does not fit. */
function claim(calls, timelines) {
  const wrong = [];
  const writes = calls.filter(({ kind }) => kWrites.has(kind));
  const byRevision = new Map();
  for (const call of writes) {
    if (call.outcome !== 'ok') continue;
    const other = byRevision.get(call.revision);
    if (other) wrong.push(`two writes at one revision: ${show(other)}, ${show(call)}`);
    byRevision.set(call.revision, call);
  }
  const byToken = new Map(writes.map((call) => [tokenOf(call), call]));
  const removes = new Map(); // by key: unknown ones
  for (const { kind, key, outcome } of writes) {
    if (kind === 'remove' && outcome === 'unknown') removes.set(key, (removes.get(key) ?? 0) + 1);
  }
  const places = new Map(); // of writes that stand in the log
  const claimRecord = (key, { revision, record, state }, before) => {
    const told = byRevision.get(revision);
    const delta = `${key} +${Number(state?.value) - Number(before?.value ?? 0)}`;
    const made = state && (byToken.get(`${key} ${state.value}`) ?? byToken.get(delta));
    const shown = `${record.type} ${key} ${record.value ?? ''} at ${revision}`;
    if (!state) {
      if (told?.kind === 'remove' && told.key === key) return told;
      if (!told && removes.get(key) > 0) removes.set(key, removes.get(key) - 1);
      else wrong.push(`nobody did this: ${shown}`);
      return null;
    }
    if (!made) wrong.push(`out of thin air: ${shown}`);
    else if (places.has(made)) wrong.push(`done twice: ${shown}, ${show(made)}`);
    else if (made.outcome === 'failed' || made.outcome === 'refused')
      wrong.push(`stands there though it was not done: ${shown}, ${show(made)}`);
    else if (made.outcome === 'ok' && made !== told)
      wrong.push(`stands elsewhere: ${shown}, ${show(made)}`);
    else if (stateAfter(before, made)?.version !== state.version)
      wrong.push(`does not follow: ${shown} upon ${JSON.stringify(before)}, ${show(made)}`);
    else return made;
    return null;
  };
  for (const key of timelines.keys) {
    const timeline = timelines.of(key);
    for (let place = 1; place < timeline.length; place += 1) {
      const made = claimRecord(key, timeline[place], timeline[place - 1].state);
      if (made) places.set(made, timeline[place].revision);
    }
  }
  for (const call of byRevision.values()) {
    if (!places.has(call)) wrong.push(`lost, or not as it was answered: ${show(call)}`);
  }
  return { wrong, places };
}

/**
 * What returned before another began stands before it: of writes, refusals and linear reads. Walks
 * through time with the newest revision that anything finished rests on.
 */
function checkClock(calls, timelines, places) {
  const wrong = [];
  const events = [];
  const counted = calls.filter(
    (call) => places.has(call) || (observes(call) && call.linear !== false),
  );
  for (const call of counted) {
    events.push({ at: call.call, call, enters: true });
    if (call.return !== Infinity) events.push({ at: call.return, call, enters: false });
  }
  events.sort((a, b) => a.at - b.at || Number(b.enters) - Number(a.enters));
  let newest = 0;
  const least = new Map();
  const points = new Map(places);
  for (const { call, enters } of events) {
    if (enters) {
      least.set(call, newest);
      if (places.get(call) <= newest)
        wrong.push(`stands at ${places.get(call)}, after ${newest} was answered: ${show(call)}`);
      continue;
    }
    if (!points.has(call)) points.set(call, timelines.firstFit(call, least.get(call)));
    if (points.get(call) === null) wrong.push(`older than ${least.get(call)}: ${show(call)}`);
    else newest = Math.max(newest, points.get(call));
  }
  // Backwards: nothing rests on a write that had not begun.
  let oldest = Infinity;
  for (const { call, enters } of events.reverse()) {
    if (enters && places.has(call)) oldest = Math.min(oldest, places.get(call));
    if (!enters && observes(call) && points.get(call) >= oldest)
      wrong.push(`rests on ${points.get(call)}, when ${oldest} had not begun: ${show(call)}`);
  }
  return wrong;
}

/** On one connection nothing that is answered is older than what was answered before. */
function checkConnections(calls, timelines) {
  const wrong = [];
  const newest = new Map();
  for (const call of calls) {
    if (call.outcome !== 'ok') continue;
    const least = newest.get(call.connection) ?? 0;
    const at = kWrites.has(call.kind) ? call.revision : timelines.firstFit(call, least);
    if (at === null) wrong.push(`older than ${least}, on the same connection: ${show(call)}`);
    else if (at < least) wrong.push(`falls below ${least}: ${show(call)}`);
    else newest.set(call.connection, at);
    if (call.found && !timelines.wasAt(call)) wrong.push(`never was there: ${show(call)}`);
  }
  return wrong;
}

/** What is wrong, one line each. Calls stand in the order in which each client made them. */
export function checkWitness(calls, log) {
  const timelines = new Timelines(log);
  const { wrong, places } = claim(calls, timelines);
  return [
    ...wrong,
    ...checkClock(calls, timelines, places),
    ...checkConnections(calls, timelines),
  ];
}

/**
 * What a watcher was told, against the log: at each `ready` it holds what was there, behind that it
 * is told every change once, in order. `told` is its pushes, with { connected: true } where a
 * connection begins; `alive`: the last one was never cut, and so must have been told everything.
 */
export function checkWatcher(told, log, { alive = true } = {}) {
  const wrong = [];
  const timelines = new Timelines(log);
  const view = new Map();
  let [place, live] = [0, false]; // of the next record that is to be told
  for (const push of told) {
    if (push.connected) live = false;
    else if (push.push === 'started') {
      if (/^rew/.test(push.with)) wrong.push(`taken back: ${JSON.stringify(push)}`);
      if (push.with === 'snapshot') view.clear();
    } else if (push.push === 'ready') {
      if (!live) place = log.filter(({ revision }) => revision <= push.revision).length;
      live = true;
      for (const key of timelines.keys) {
        const state = timelines.stateAt(key, push.revision);
        if (state?.value !== view.get(key))
          wrong.push(`at ready ${push.revision}, ${key} is ${view.get(key)}, not ${state?.value}`);
      }
    } else {
      const { push: what, key, value, revision } = push;
      if (what === 'set') view.set(key, value);
      else view.delete(key);
      if (!live) continue;
      const next = log[place];
      place += 1;
      const type = what === 'set' ? 'set' : 'remove';
      const fits = next?.revision === revision && next.key === key && next.type === type;
      if (!fits || (what === 'set' && next.value !== value))
        wrong.push(`told ${JSON.stringify(push)}, not ${JSON.stringify(next)}`);
    }
  }
  if (alive && place < log.length) wrong.push(`not told of ${JSON.stringify(log[place])} and on`);
  return wrong;
}
