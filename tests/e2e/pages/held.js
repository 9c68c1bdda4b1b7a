// What a page holds of the keys it watches, and whether it was told wrongly.
class Held {
  entries = {}; // key to [value, version]
  seen = 0; // changes taken
  again = 0; // changes told anew because the stream broke before a `ready` stood behind them
  connections = 0;
  token = '0';
  wrong = [];
  #takenAt = new Map(); // key to the revision of the change that was taken last
  #token = -1; // its revision
  #told; // of this connection: key to revision
  #newest; // of this connection: the highest revision

  take(push) {
    if (push.push === 'started') this.#begin(push.with);
    else if (push.push === 'ready') this.#end(push);
    else this.#change(push);
  }

  #begin(how) {
    this.connections += 1;
    this.#told = new Map();
    this.#newest = -1;
    this.resumed = how === 'delta' || how === 'current';
    if (this.resumed) return;
    this.entries = {}; // what is not told now does not exist
    this.#takenAt = new Map();
  }

  #change(push) {
    const { key, revision } = push;
    if (revision <= (this.#told.get(key) ?? -1)) this.#blame('twice, or out of order', push);
    if (!push.more && revision <= this.#newest) this.#blame('live and out of order', push);
    if (this.resumed && revision <= this.#token) this.#blame('older than the token', push);
    this.#told.set(key, revision);
    this.#newest = Math.max(this.#newest, revision);
    if (revision <= (this.#takenAt.get(key) ?? -1)) {
      this.again += 1;
      return;
    }
    this.seen += 1;
    this.#takenAt.set(key, revision);
    if (push.push === 'removed') delete this.entries[key];
    else this.entries[key] = [push.value, push.version];
  }

  #end({ token, revision }) {
    if (revision < this.#newest || revision < this.#token) this.#blame('ready too early', token);
    this.token = token;
    this.#token = revision;
    this.#newest = revision;
  }

  #blame(what, push) {
    this.wrong.push(`${what}: ${JSON.stringify(push)}`);
  }
}
