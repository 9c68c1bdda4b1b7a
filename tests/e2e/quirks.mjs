// Which of the vectors of level `quirk` this server keeps, and which it changes on purpose.
// Those kept are run like the `must` ones; a change to one of these lists is a change of protocol.

export const keptQuirks = new Set([
  'ws: auth without arguments',
  'ws: create-db without a token',
  'ws: words after the key of a get are ignored',
  'ws: get, get-safe, watch and unwatch without a key',
  'ws: set-safe with missing parts',
  'ws: the secure key check comes before the selected database check',
  'ws: a pattern without a star matches any key that contains it',
  'ws: set-permissions with missing parts',
  'ws: debug without a subcommand',
  'ws: snapshot of unknown databases',
  'ws: after its arbiter left a database still queues conflicts',
  'ws: watching $conflicts is the same as registering as arbiter, without the backlog',
  'ws: after a remove the version starts again at 0',
]);

export const changedQuirks = new Map([]);
