// From what tests/power_cut/shim.cpp noted of a server's calls: a folder as a power cut may have
// left it.
//
// What a sync covered is there: the bytes of a file that were written before its sync began, the
// names that were changed before the folder's. Of the rest any part may be there: each sector of
// 512 bytes for itself, a size without its bytes, a name without the one before it. A file that was
// synced has no name because of that. Only a rename is never half done. The idea of rebuilding
// crash states from a trace of calls is that of ALICE (OSDI 2014).
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';

const kSectorBytes = 512;
const kHeadBytes = 40;
const kEvent = {
  create: 1,
  write: 2,
  size: 3,
  grow: 4,
  rename: 5,
  remove: 6,
  syncBegin: 7,
  syncEnd: 8,
};

/** Numbers from 0 up to 1 that the seed fixes (mulberry32). */
export function randomOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

class Image {
  constructor(bytes = Buffer.alloc(0)) {
    this.bytes = bytes;
    this.size = bytes.length;
    this.pending = [];
    this.applied = 0; // of all that were ever pending
  }

  resize(size) {
    if (size > this.bytes.length) {
      const spare = Math.min(this.bytes.length, 1 << 25);
      const larger = Buffer.alloc(size + spare);
      this.bytes.copy(larger, 0, 0, this.size);
      this.bytes = larger;
    }
    if (size < this.size) this.bytes.fill(0, size, this.size);
    this.size = size;
  }

  put(change, from = 0, until = change.length) {
    const end = change.offset + until;
    if (end > this.size) this.resize(end);
    if (change.bytes) change.bytes.copy(this.bytes, change.offset + from, from, until);
    else this.bytes.fill(0, change.offset + from, end);
  }

  apply(change) {
    if (change.event === kEvent.write) this.put(change);
    else if (change.event === kEvent.size) this.resize(change.length);
    else if (change.length > this.size) this.resize(change.length);
  }

  // Those sectors that `survives` lets through.
  applyTorn(change, survives) {
    if (change.event !== kEvent.write) {
      if (survives()) this.apply(change);
      return;
    }
    for (let from = 0; from < change.length; ) {
      const left = kSectorBytes - ((change.offset + from) % kSectorBytes);
      const until = Math.min(change.length, from + left);
      if (survives()) this.put(change, from, until);
      from = until;
    }
  }

  sync(count) {
    const covered = this.pending.splice(0, count - this.applied);
    for (const change of covered) this.apply(change);
    this.applied += covered.length;
  }
}

class Names {
  constructor() {
    this.synced = new Map();
    this.current = new Map();
    this.pending = [];
    this.applied = 0;
  }

  change(change) {
    Names.apply(this.current, change);
    this.pending.push(change);
  }

  static apply(names, { image, to }) {
    for (const [name, held] of names) if (held === image) names.delete(name);
    if (to !== null) names.set(to, image);
  }

  sync(count) {
    const covered = this.pending.splice(0, count - this.applied);
    for (const change of covered) Names.apply(this.synced, change);
    this.applied += covered.length;
  }
}

function* events(trace) {
  for (let at = 0; at + kHeadBytes <= trace.length; ) {
    const head = {
      event: trace.readUInt8(at),
      inode: trace.readBigUInt64LE(at + 8),
      offset: Number(trace.readBigUInt64LE(at + 16)),
      length: Number(trace.readBigUInt64LE(at + 24)),
      number: Number(trace.readBigUInt64LE(at + 32)),
    };
    const names = [trace.readUInt16LE(at + 2), trace.readUInt16LE(at + 4)];
    const bytes = trace.readUInt8(at + 1) ? head.length : 0;
    const end = at + kHeadBytes + names[0] + names[1] + bytes;
    if (end > trace.length) return; // the process was killed while it noted it
    at += kHeadBytes;
    head.name = trace.toString('utf8', at, at + names[0]);
    head.second = trace.toString('utf8', at + names[0], at + names[0] + names[1]);
    head.bytes = bytes > 0 ? trace.subarray(end - bytes, end) : null;
    at = end;
    yield head;
  }
}

// How the unsynced changes fare; each style is one that some system shows.
function survival(random) {
  const style = ['none', 'all', 'each', 'prefix'][Math.floor(random() * 4)];
  const share = [0.5, 0.9, 0.1][Math.floor(random() * 3)];
  return {
    style: style === 'each' ? `${share} of it` : style,
    forList(changes) {
      const cut = Math.floor(random() * (changes.length + 1));
      return (index) => {
        if (style === 'none' || style === 'all') return style === 'all';
        if (style === 'each' || index === cut) return random() < share;
        return index < cut;
      };
    },
  };
}

export class CrashDisk {
  #images = new Map(); // by inode
  #names = new Names();
  #folder;
  #syncs = new Map();
  syncs = 0; // that have ended

  /** `folder` as it is now is what is safe; call it before the server starts. */
  constructor(folder) {
    this.#folder = statSync(folder, { bigint: true }).ino;
    for (const name of readdirSync(folder)) {
      const file = path.join(folder, name);
      const image = new Image(readFileSync(file));
      this.#images.set(statSync(file, { bigint: true }).ino, image);
      this.#names.synced.set(name, image);
      this.#names.current.set(name, image);
    }
  }

  /** Makes the folder, with nothing in it. */
  static empty(folder) {
    mkdirSync(folder, { mode: 0o700 });
    return new CrashDisk(folder);
  }

  replay(traceFile) {
    for (const event of events(readFileSync(traceFile))) this.#take(event);
  }

  #take(event) {
    const names = this.#names;
    switch (event.event) {
      case kEvent.create: {
        const image = new Image();
        this.#images.set(event.inode, image);
        names.change({ image, to: event.name });
        break;
      }
      case kEvent.rename: {
        names.change({ image: names.current.get(event.name), to: event.second });
        break;
      }
      case kEvent.remove:
        names.change({ image: names.current.get(event.name), to: null });
        break;
      case kEvent.syncBegin: {
        const synced = event.inode === this.#folder ? names : this.#images.get(event.inode);
        const count = synced.applied + synced.pending.length;
        this.#syncs.set(event.number, { synced, count });
        break;
      }
      case kEvent.syncEnd: {
        const { synced, count } = this.#syncs.get(event.number);
        synced.sync(count);
        this.syncs += 1;
        break;
      }
      default:
        this.#images.get(event.inode).pending.push(event);
    }
  }

  /** Writes one legal state into a new folder, and says which kind. Uses this disk up. */
  crash(folder, random) {
    const [data, names] = [survival(random), survival(random)];
    const nameSurvives = names.forList(this.#names.pending);
    const left = this.#names.synced;
    this.#names.pending.forEach((change, index) => {
      if (nameSurvives(index)) Names.apply(left, change);
    });
    mkdirSync(folder, { mode: 0o700 });
    for (const [name, image] of left) {
      const survives = data.forList(image.pending);
      image.pending.forEach((change, index) => image.applyTorn(change, () => survives(index)));
      const file = openSync(path.join(folder, name), 'wx', 0o600);
      for (let at = 0; at < image.size; ) {
        at += writeSync(file, image.bytes, at, image.size - at, at);
      }
      closeSync(file);
    }
    return `unsynced bytes: ${data.style}, names: ${names.style}`;
  }
}
