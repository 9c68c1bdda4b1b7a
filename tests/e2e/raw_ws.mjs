// A websocket client made of bytes, for what a well-behaved library refuses to send: unmasked or
// reserved frames, a ping that is never answered, a close that is never echoed (RFC 6455 §5).
import { createHash, randomBytes } from 'node:crypto';
import net from 'node:net';
import { Inbox, within } from './inbox.mjs';
import { hostAndPort, track } from './harness.mjs';

export const kOpcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 };
const kGuid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** One frame as a client sends it; `masked: false` breaks RFC 6455 §5.1 on purpose. */
export function frame(opcode, payload = '', { fin = true, masked = true, rsv = 0, length } = {}) {
  const bytes = Buffer.from(payload);
  const size = length ?? bytes.length;
  const head = [Buffer.from([(fin ? 0x80 : 0) | (rsv << 4) | opcode])];
  const flag = masked ? 0x80 : 0;
  if (size < 126) {
    head.push(Buffer.from([flag | size]));
  } else if (size < 65536) {
    const wide = Buffer.alloc(3);
    wide[0] = flag | 126;
    wide.writeUInt16BE(size, 1);
    head.push(wide);
  } else {
    const wide = Buffer.alloc(9);
    wide[0] = flag | 127;
    wide.writeBigUInt64BE(BigInt(size), 1);
    head.push(wide);
  }
  if (!masked) return Buffer.concat([...head, bytes]);
  const mask = randomBytes(4);
  return Buffer.concat([...head, mask, bytes.map((byte, index) => byte ^ mask[index % 4])]);
}

export class RawWs {
  frames = new Inbox('raw websocket');
  #bytes = Buffer.alloc(0);
  #open = false;

  /** Connects and upgrades; `headers` are added to or replace the usual ones. */
  static async connect(address, { headers = {}, resource = '/' } = {}) {
    const client = new RawWs();
    const key = randomBytes(16).toString('base64');
    client.socket = net.connect(hostAndPort(address));
    track(client.socket);
    client.closed = new Promise((resolve) => client.socket.on('close', resolve));
    client.socket.on('error', () => {});
    client.socket.on('close', () => client.frames.end('closed'));
    const upgraded = new Promise((resolve, reject) => {
      client.socket.on('data', (bytes) => client.#read(bytes, resolve));
      client.socket.once('close', () => reject(new Error('closed before the upgrade')));
    });
    const fields = {
      Host: address,
      Upgrade: 'websocket',
      Connection: 'Upgrade',
      'Sec-WebSocket-Key': key,
      'Sec-WebSocket-Version': '13',
      ...headers,
    };
    const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
    client.socket.write(`GET ${resource} HTTP/1.1\r\n${lines.join('')}\r\n`);
    client.head = await within(upgraded, 'the upgrade');
    const accept = createHash('sha1')
      .update(key + kGuid)
      .digest('base64');
    if (!client.head.startsWith('HTTP/1.1 101 ') || !client.head.includes(accept)) {
      throw new Error(`not upgraded: ${client.head}`);
    }
    return client;
  }

  #read(bytes, upgraded) {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    if (!this.#open) {
      const end = this.#bytes.indexOf('\r\n\r\n');
      if (end < 0) return;
      this.#open = true;
      const head = this.#bytes.subarray(0, end).toString('latin1');
      this.#bytes = this.#bytes.subarray(end + 4);
      upgraded(head);
    }
    while (this.#cutFrame()) {
      // every whole frame
    }
  }

  #cutFrame() {
    const bytes = this.#bytes;
    if (bytes.length < 2) return false;
    const short = bytes[1] & 0x7f;
    const start = short === 126 ? 4 : short === 127 ? 10 : 2;
    if (bytes.length < start) return false;
    const size =
      short === 126
        ? bytes.readUInt16BE(2)
        : short === 127
          ? Number(bytes.readBigUInt64BE(2))
          : short;
    if (bytes.length < start + size) return false;
    const payload = Buffer.from(bytes.subarray(start, start + size));
    this.frames.push({
      opcode: bytes[0] & 15,
      fin: bytes[0] >= 128,
      rsv: (bytes[0] >> 4) & 7,
      masked: bytes[1] >= 128,
      payload,
    });
    this.#bytes = bytes.subarray(start + size);
    return true;
  }

  send(...frames) {
    this.socket.write(Buffer.concat(frames));
  }

  /** The close code the server sends, after whatever else it sends first. */
  async closeCode(what) {
    const seen = await this.frames.takeThrough(
      (item) => item.opcode === kOpcode.close,
      `a close frame after ${what}`,
    );
    return seen.at(-1).payload.length < 2 ? null : seen.at(-1).payload.readUInt16BE(0);
  }

  destroy() {
    this.socket.destroy();
  }
}
