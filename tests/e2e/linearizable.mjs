// Is there one order of the calls that fits all answers and the clock? The search of Wing and Gong
// with the memory of Lowe, as in Porcupine and Knossos, for each key by itself (keys are
// independent, so a history is linearizable when each key's is). It trusts no revision.
//
// A call whose outcome is unknown may stand anywhere behind its beginning, or nowhere: it has no
// return. None is left out because nobody read its value: the versions of later writes count it.
import { observes, mayStand, show, stateAfter } from './history_model.mjs';

export const kStepsMax = 5_000_000; // of the search, for one key
export const kClientsMax = 5;

/** Calls and returns in the order of time, as a list from which a placed call is lifted. */
function entriesOf(calls) {
  const entries = [];
  for (const [number, call] of calls.entries()) {
    const enter = { at: call.call, call, number };
    entries.push(enter);
    if (call.return !== Infinity) entries.push({ at: call.return, enter, call: null });
  }
  // Of one moment, calls stand before returns: then they are concurrent, which is the weaker claim.
  entries.sort((a, b) => a.at - b.at || (a.call ? 0 : 1) - (b.call ? 0 : 1));
  const head = { next: null };
  let last = head;
  for (const entry of entries) {
    entry.previous = last;
    entry.next = null;
    last.next = entry;
    last = entry;
    if (!entry.call) entry.enter.leave = entry;
  }
  return head;
}

function unlink(entry) {
  entry.previous.next = entry.next;
  if (entry.next) entry.next.previous = entry.previous;
}

function relink(entry) {
  entry.previous.next = entry;
  if (entry.next) entry.next.previous = entry;
}

/**
 * The calls that may stand next, the answered ones first: their answers leave little choice. Null
 * when nothing that has returned is left.
 */
function candidatesOf(head) {
  const answered = [];
  const open = [];
  for (let entry = head.next; entry; entry = entry.next) {
    if (!entry.call) return [...answered, ...open];
    (entry.call.outcome === 'unknown' ? open : answered).push(entry);
  }
  return null;
}

// A set of placed calls is known by the sum of their numbers' hashes: 96 bits.
function hashOf(number) {
  let state = (number + 1) * 0x9e3779b1;
  const draw = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return BigInt((mixed ^ (mixed >>> 14)) >>> 0);
  };
  return (draw() << 64n) | (draw() << 32n) | draw();
}

/** The first answer that fits no order of one key's calls, in words; null where all fit. */
function searchKey(calls, stepsMax) {
  const head = entriesOf(calls);
  const hashes = calls.map((_, number) => hashOf(number));
  const known = new Set();
  const stack = []; // of { entry, state before, candidates left }
  let [state, placed, steps, deepest, stuck] = [null, 0n, 0, -1, null];
  let candidates = candidatesOf(head);
  while (candidates !== null) {
    let taken = null;
    while (candidates.length > 0) {
      if ((steps += 1) > stepsMax) return `undecided after ${stepsMax} steps`;
      const entry = candidates.shift();
      const next = stateAfter(state, entry.call);
      if (next === undefined) continue;
      const mark = `${placed ^ hashes[entry.number]} ${next?.version} ${next?.value}`;
      if (known.has(mark)) continue;
      known.add(mark);
      taken = { entry, state, candidates };
      state = next;
      break;
    }
    if (taken) {
      stack.push(taken);
      placed ^= hashes[taken.entry.number];
      if (taken.entry.leave) unlink(taken.entry.leave);
      unlink(taken.entry);
      candidates = candidatesOf(head);
      continue;
    }
    if (stack.length > deepest) {
      deepest = stack.length;
      for (stuck = head.next; stuck.call; stuck = stuck.next);
      stuck = `${show(stuck.enter.call)}; the state was ${JSON.stringify(state)}`;
    }
    const back = stack.pop();
    if (!back) return `no order fits: ${stuck}`;
    relink(back.entry);
    if (back.entry.leave) relink(back.entry.leave);
    placed ^= hashes[back.entry.number];
    ({ state, candidates } = back);
  }
  return null;
}

/** What is wrong, one line for each key that has no order. Of reads only the `linear` count. */
export function checkLinearizable(calls, { stepsMax = kStepsMax } = {}) {
  const byKey = new Map();
  const clients = new Set();
  for (const call of calls) {
    if (!(mayStand(call) || (observes(call) && call.linear !== false))) continue;
    if (!byKey.has(call.key)) byKey.set(call.key, []);
    byKey.get(call.key).push(call);
    clients.add(call.client);
  }
  if (clients.size > kClientsMax) throw new Error(`allowed are ${kClientsMax} clients`);
  return [...byKey].flatMap(([key, own]) => {
    const wrong = searchKey(own, stepsMax);
    return wrong === null ? [] : [`${key}: ${wrong}`];
  });
}
