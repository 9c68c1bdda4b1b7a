// Lies between clients and a server, and cuts every connection after a while, one way or another.
import net from 'node:net';
import { hostAndPort, track } from './harness.mjs';

const kWays = ['clean', 'reset', 'black hole', 'half open'];

// Nothing is read any more, so what is sent stays with its sender.
function pause(...held) {
  for (const socket of held) socket.pause();
}

export class FaultyRelay {
  cuts = Object.fromEntries(kWays.map((way) => [way, 0]));
  #server;
  #timers = new Set();

  /**
   * `target` tells the server's address, once there is one; `random` decides; a connection lives up
   * to `lifeMs`, a held one `holdMs` longer.
   */
  constructor(target, random, { lifeMs, holdMs }) {
    this.target = target;
    this.random = random;
    this.lifeMs = lifeMs;
    this.holdMs = holdMs;
    this.#server = net.createServer({ noDelay: true }, (near) => this.#accept(near));
  }

  async listen() {
    await new Promise((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.address = `127.0.0.1:${this.#server.address().port}`;
  }

  #accept(near) {
    const target = this.target();
    if (!target) return void near.destroy();
    const far = net.connect({ ...hostAndPort(target), noDelay: true });
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ]) {
      track(socket);
      socket.on('error', () => {}); // `close` follows
      socket.on('close', () => other.held || other.destroy());
      socket.pipe(other);
    }
    const way = kWays[Math.floor(this.random() * kWays.length)];
    const hold = this.random() * this.holdMs;
    this.#after(this.random() * this.lifeMs, () => this.#cut(way, near, far, hold));
  }

  #cut(way, near, far, hold) {
    this.cuts[way] += 1;
    near.unpipe(far);
    far.unpipe(near);
    switch (way) {
      case 'clean':
        near.resume().end();
        far.resume().end();
        break;
      case 'reset':
        near.resetAndDestroy();
        far.resetAndDestroy();
        break;
      case 'black hole':
        pause(near, far);
        this.#after(hold, () => near.destroy());
        break;
      default: // half open
        pause(near, far);
        far.held = true;
        near.destroy();
        this.#after(hold, () => far.destroy());
    }
  }

  #after(ms, act) {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, ms);
    this.#timers.add(timer);
  }

  close() {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#server.close();
  }
}
