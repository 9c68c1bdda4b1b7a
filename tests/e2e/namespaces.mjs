// A network for the nodes of a cluster, each in a namespace of its own, made within the namespace
// in which this runs as root. Nothing of it outlives this process: who holds a node's namespace is
// a child that ends with it.
//
// A node has two links. That to its clients always works. That to other nodes ends at one of two
// bridges, the sides of a partition; what is for the other side gets lost without a word.
import { execFileSync } from 'node:child_process';
import { launch, within } from './harness.mjs';

// Addresses for tests between networks (RFC 2544), so that no route of the machine is meant.
const peerOf = (id) => `198.18.1.${id}`;
const doorOf = (id) => `198.18.2.${id}`;
const kClient = '198.18.2.254';
const kClients = 'clients'; // the bridge of the links to clients
const kNobody = '02:00:00:00:00:ff'; // the hardware address of no node

const ip = (...args) => execFileSync('ip', args, { stdio: ['ignore', 'pipe', 'pipe'] });
const kSides = ['side-0', 'side-1'];
const portOf = (id) => `peer-${id}`;

export class Network {
  #holders = new Map(); // by id: the process that keeps the namespace

  constructor() {
    ip('link', 'set', 'lo', 'up');
    for (const bridge of [kClients, ...kSides]) {
      ip('link', 'add', bridge, 'type', 'bridge');
      ip('link', 'set', bridge, 'up');
    }
    ip('address', 'add', `${kClient}/24`, 'dev', kClients);
  }

  /** The namespace of a node with its two links. */
  async add(id) {
    const holder = launch('unshare', ['--net', '--', 'cat']);
    holder.child.stdin.write('here\n');
    await within(holder.lines.next('the namespace'), `the namespace of node ${id}`);
    this.#holders.set(id, holder);
    for (const [port, inside, bridge, address] of [
      [portOf(id), 'peers', kSides[0], peerOf(id)],
      [`door-${id}`, 'door', kClients, doorOf(id)],
    ]) {
      ip('link', 'add', port, 'type', 'veth', 'peer', inside, 'netns', `${holder.pid}`);
      ip('link', 'set', port, 'master', bridge, 'up');
      this.#inside(id, 'ip', 'address', 'add', `${address}/24`, 'dev', inside);
      this.#inside(id, 'ip', 'link', 'set', inside, 'up');
    }
    this.#inside(id, 'ip', 'link', 'set', 'lo', 'up');
  }

  #enter(id) {
    return ['nsenter', '--target', `${this.#holders.get(id).pid}`, '--net', '--'];
  }

  #inside(id, ...command) {
    const [program, ...args] = [...this.#enter(id), ...command];
    execFileSync(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  }

  /** For ClusterNodes: what to start a node under, and its addresses. */
  placeOf(id) {
    const door = `${doorOf(id)}:0`;
    return { wrap: this.#enter(id), ws: door, http: door, tcp: door, peers: `${peerOf(id)}:0` };
  }

  /** These on the one side, all others on the other. */
  partition(ids) {
    for (const id of ids) ip('link', 'set', portOf(id), 'master', kSides[1]);
  }

  unplug(id) {
    ip('link', 'set', portOf(id), 'down');
  }

  /** What `from` sends to `to` gets lost; what `to` sends arrives. */
  lose(from, to) {
    const entry = [peerOf(to), 'lladdr', kNobody, 'dev', 'peers', 'nud', 'permanent'];
    this.#inside(from, 'ip', 'neighbour', 'replace', ...entry);
  }

  /** Ends every fault. */
  heal() {
    for (const id of this.#holders.keys()) {
      ip('link', 'set', portOf(id), 'master', kSides[0], 'up');
      this.#inside(id, 'ip', 'neighbour', 'flush', 'dev', 'peers', 'nud', 'permanent');
    }
  }
}
