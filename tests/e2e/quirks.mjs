// Which of the vectors of level `quirk` this server keeps, and which it changes on purpose.
// Those kept are run like the `must` ones; a change to one of these lists is a change of protocol.
// The numbers are those of docs/reference-server.md §7.

export const keptQuirks = new Set([
  'ws: auth without arguments',
  'ws: create-db without a token',
  'ws: words after the key of a get are ignored',
  'ws: get, get-safe, watch and unwatch without a key',
  'ws: set-safe with missing parts',
  'ws: watches of the previous database survive a use-db and are not removed by unwatch-all',
  'ws: the secure key check comes before the selected database check',
  'ws: a pattern without a star matches any key that contains it',
  'ws: set-permissions with missing parts',
  'ws: a newline does not separate commands and is dropped from values',
  'ws: debug without a subcommand',
  'ws: snapshot of unknown databases',
  'ws: after its arbiter left a database still queues conflicts',
  'ws: watching $conflicts is the same as registering as arbiter, without the backlog',
  'ws: after a remove the version starts again at 0',
  'tcp: a semicolon does not separate commands, trailing ones are dropped',
  'tcp: an empty line and a line with a leading space are empty commands',
]);

export const changedQuirks = new Map([
  [
    'ws: unknown strategy words and surplus words of create-db mean none',
    'Q18: an unknown strategy is refused, a known one counts whatever follows it',
  ],
  [
    'ws: use-db without a token answers with the text of another command',
    'Q12: the error names use-db',
  ],
  ['ws: set without a key stores under the empty key', 'Q13: an empty key is refused'],
  [
    'ws: a key with a space silently stores something else',
    'Q14: a version that is no number is refused',
  ],
  [
    'ws: version -2 freezes a key of a database without strategy',
    'Q26: of the negative versions only -1 is taken',
  ],
  [
    'ws: increment by something unreadable adds one',
    'Q15: an unreadable amount is refused, only a missing one means 1',
  ],
  ['ws: increment resets the version to 1', 'Q25: an increment raises the version by one'],
  ['ws: increment events carry version -1', 'Q25: the event carries the version that is stored'],
  [
    'ws: watching twice doubles the events and one unwatch removes both',
    'Q24: a second watch of a key changes nothing',
  ],
  [
    'ws: $connections counts every use-db of one connection',
    'Q20: connections are counted, not use-db commands',
  ],
  ['ws: an unknown permission letter means read', 'Q36: an unknown letter is refused'],
  [
    'ws: the user name of an earlier use-db stays after a use-db with the database token',
    'Q21: the last use-db says who the session is',
  ],
  [
    'ws: a trailing semicolon makes one more, empty, command',
    'Q4: blank parts are skipped without a reply',
  ],
  ['ws: a space before a command makes it empty', 'Q4: spaces before a command are skipped'],
  [
    'ws: a semicolon in a value cuts the value',
    'Q5: a semicolon inside a balanced JSON value belongs to it',
  ],
  [
    'ws: an empty message is an empty command',
    'Q4: a message of nothing but blank parts is one empty command',
  ],
  [
    'ws: other debug subcommands, also one the manual names but nobody wrote',
    'Q40: pending-conflicts works, an unknown word is refused',
  ],
  [
    'ws: debug pendding-conflitcts without a database',
    'Q40: without a database it is the usual error, not an ok',
  ],
  [
    'ws: cluster verbs without admin auth',
    'Q52: the verbs between reference nodes do not exist here',
  ],
  [
    'ws: snapshot with a name but without a flag means the selected database',
    'Q41: a first word other than true and false is refused',
  ],
  [
    'ws: resolve skips permissions and secure key rules',
    'Q31: only arbiters with the right to write, and admins, resolve',
  ],
  ['ws: resolve with missing or wrong parts', 'Q12: the errors say what is missing or wrong'],
  [
    'ws: resolve without a selected database still ends with ok',
    'Q31: without a database it is refused with one error, not an error and an ok',
  ],
  [
    'ws: replicate writes to a named database without selecting it',
    'Q52: the verbs between reference nodes do not exist here',
  ],
  [
    'ws: replicate commands on an unknown database',
    'Q52: the verbs between reference nodes do not exist here',
  ],
  [
    'ws: cluster commands with missing parts',
    'Q12: the verbs between reference nodes do not exist here',
  ],
  [
    'ws: rp acknowledges first and then runs the inner command, without needing admin auth',
    'Q35: the verbs between reference nodes do not exist here',
  ],
  [
    'ws: election alive is accepted from anyone',
    'Q35: the verbs between reference nodes do not exist here',
  ],
  ['ws: a sum beyond 32 bits wraps', 'Q30: sums have 64 bits, and what does not fit is refused'],
  [
    'ws: an open conflict of a longer key is taken for one of a shorter key',
    'Q45: the conflicts of a key are those of exactly that key',
  ],
  ['tcp: a carriage return is part of the command', 'Q5: a line may end in CR LF'],
  [
    'tcp: a version conflict is answered with ok although nothing was stored',
    'Q3: the same error on every transport',
  ],
  [
    'tcp: a conflict message has no line end and runs into the next line',
    'Q10: a conflict message is a line',
  ],
  [
    'tcp: rp acknowledges before the inner command',
    'Q35: the verbs between reference nodes do not exist here',
  ],
  [
    'http: events of a key watched in the same request shift the later answers',
    'Q8: each part of a body is answered with its own data',
  ],
  [
    'http: a denied command shifts the later answers',
    'Q8: each part of a body is answered with its own data',
  ],
  [
    'http: a missing database shifts the later answers',
    'Q8: each part of a body is answered with its own data',
  ],
]);
