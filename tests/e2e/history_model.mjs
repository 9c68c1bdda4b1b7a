// What one key may do, said once: both checkers of histories rest on it.
//
// A call: { client, connection, kind, key, call, return, outcome } and what its kind needs. Times
// are nanoseconds of one clock. `outcome` is one of
//   ok        done: `revision`, and `version`, `sum` or `found` as they were answered
//   refused   a condition did not hold: `code` says which; it tells of the state, as a read does
//   failed    not done, and never will be
//   unknown   may have been done, or be done yet; `return` is Infinity
//
// The state of a key is { value, version }, or null where it is missing.

/** The kinds that leave a record in the log when they are done. */
export const kWrites = new Set(['set', 'put', 'set-safe', 'increment', 'remove']);

export const mayStand = ({ kind, outcome }) =>
  kWrites.has(kind) && (outcome === 'ok' || outcome === 'unknown');

export const observes = ({ kind, outcome }) =>
  outcome === 'refused' || (kind === 'get' && outcome === 'ok');

function written(state, call) {
  const { kind, value, expected } = call;
  switch (kind) {
    case 'set':
      return { value, version: state ? state.version + 1 : 0 };
    case 'put':
      return state?.version === expected ? { value, version: expected + 1 } : undefined;
    case 'set-safe':
      return state && expected < state.version ? undefined : { value, version: expected + 1 };
    case 'increment':
      return {
        value: `${Number(state?.value ?? 0) + call.by}`,
        version: state ? state.version + 1 : 0,
      };
    case 'remove':
      return null;
    default:
      throw new Error(`no such kind of call: ${kind}`);
  }
}

function refusalHolds(state, { code, expected }) {
  switch (code) {
    case 'version-differs':
      return state !== null && state.version !== expected;
    case 'key-absent':
      return state === null;
    case 'invalid-version':
      return state !== null && expected < state.version;
    default:
      throw new Error(`no such refusal: ${code}`);
  }
}

const same = (state, found) =>
  state === null || found === null
    ? state === found
    : state.value === found.value && state.version === found.version;

/** The state after `call` was done at `state`; undefined: it cannot have been, with its answer. */
export function stateAfter(state, call) {
  if (call.outcome === 'refused') return refusalHolds(state, call) ? state : undefined;
  if (call.kind === 'get') return same(state, call.found) ? state : undefined;
  const next = written(state, call);
  if (next === undefined || call.outcome === 'unknown' || next === null) return next;
  if (next.version !== call.version) return undefined;
  return call.kind === 'increment' && next.value !== call.sum ? undefined : next;
}

/** A call in few words, for people. */
export function show(call) {
  const { client, kind, key, value, by, expected, outcome, revision, version, sum, found, code } =
    call;
  const argument = [value, by && `+${by}`, expected !== undefined && `if ${expected}`];
  const answer = [
    revision && `revision ${revision}`,
    version !== undefined && `version ${version}`,
    sum && `sum ${sum}`,
    found !== undefined && `found ${found && `${found.value} version ${found.version}`}`,
    code,
  ];
  const words = [`client ${client}: ${kind} ${key}`, ...argument, `-> ${outcome}`, ...answer];
  return words.filter(Boolean).join(' ');
}
