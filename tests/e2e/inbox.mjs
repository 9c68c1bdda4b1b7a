// What arrived on a connection and was not taken yet, and the waits on it.
//
// Every wait has a deadline: a test never sleeps for a fixed time, it waits for the thing itself.
// A wait that ends without it names what was awaited and shows the newest items.

export const kDeadlineMs = 15_000;

/** The promise's result, or an error naming `what` when it takes longer than `ms`. */
export function within(promise, what, ms = kDeadlineMs) {
  let timer;
  const deadline = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing within ${ms} ms`)), ms);
  });
  return Promise.race([promise, deadline]).finally(() => clearTimeout(timer));
}

/** Asks `probe` again and again until it gives something truthy; for state that sends no event. */
export async function until(probe, what, ms = kDeadlineMs) {
  const deadline = Date.now() + ms;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`${what}: not within ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export class Inbox {
  #items = [];
  #head = 0;
  #ended = null;
  #wake = null;

  constructor(name) {
    this.name = name;
  }

  push(item) {
    this.#items.push(item);
    this.#wake?.();
  }

  /** Nothing more will come; waits that are not satisfied fail with `why`. */
  end(why) {
    this.#ended ??= why;
    this.#wake?.();
  }

  get size() {
    return this.#items.length - this.#head;
  }

  get ended() {
    return this.#ended;
  }

  /** Everything that is here now. */
  drain() {
    return this.#cut(this.size);
  }

  /** The first `count` items, waiting for them. */
  async take(count, what = `${count} items`, ms = kDeadlineMs) {
    await this.#waitFor(() => this.size >= count, what, ms);
    return this.#cut(count);
  }

  async next(what = 'an item', ms = kDeadlineMs) {
    return (await this.take(1, what, ms))[0];
  }

  /** Items up to and including the first that `isLast` accepts. */
  async takeThrough(isLast, what, ms = kDeadlineMs) {
    let seen = 0;
    await this.#waitFor(
      () => {
        for (; seen < this.size; seen += 1) {
          if (isLast(this.#items[this.#head + seen])) return true;
        }
        return false;
      },
      what,
      ms,
    );
    return this.#cut(seen + 1);
  }

  #cut(count) {
    const cut = this.#items.slice(this.#head, this.#head + count);
    this.#head += count;
    // The taken part is dropped now and then, not at each take: 100,000 takes stay linear.
    if (this.#head > 1000 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return cut;
  }

  #waitFor(ready, what, ms) {
    if (ready()) return Promise.resolve();
    if (this.#wake) throw new Error(`${this.name}: two waits at once`);
    const shown = () => JSON.stringify(this.#items.slice(this.#head).slice(-3)).slice(0, 600);
    const fail = (why) =>
      new Error(
        `${this.name}: waiting for ${what}: ${why}; ${this.size} items here, newest ${shown()}`,
      );
    let timer;
    return new Promise((resolve, reject) => {
      timer = setTimeout(() => reject(fail(`nothing within ${ms} ms`)), ms);
      this.#wake = () => {
        if (ready()) resolve();
        else if (this.#ended !== null) reject(fail(this.#ended));
        else return;
        this.#wake = null; // what comes until the waiter goes on is not for it
      };
      this.#wake();
    }).finally(() => {
      clearTimeout(timer);
      this.#wake = null;
    });
  }
}
