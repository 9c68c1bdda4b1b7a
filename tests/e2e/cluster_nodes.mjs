// Nodes of one cluster as processes on loopback.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { kAdmin, makeFolder, removeFolder, startServer, TcpClient, until } from './harness.mjs';

export const kSecret = '0123456789abcdef0123456789abcdef';

/** As the node of which `client` is an admin knows the cluster. */
export async function clusterState(client) {
  const [line] = await client.expectOk('cluster-state json');
  assert.match(line, /^cluster-state \{/);
  return JSON.parse(line.slice('cluster-state '.length));
}

/** The id of the node that all of them, admins by id, see as primary. */
export const agreedPrimary = (clients) =>
  until(async () => {
    const states = await Promise.all([...clients.values()].map(clusterState));
    const id = states[0].primary;
    const agreed = id !== null && states.every((state) => state.primary === id);
    return agreed && clients.has(id) ? id : null;
  }, 'all to see one primary');

export class ClusterNodes {
  nodes = new Map(); // by id: what runs
  #homes = new Map(); // by id: its folder, and its addresses since its first start

  /** `placeOf` an id: where its doors are, and a program to start it under, if not on loopback. */
  constructor({ placeOf = () => ({}) } = {}) {
    this.placeOf = placeOf;
    this.folder = makeFolder('cluster');
    this.secretFile = path.join(this.folder, 'secret');
    writeFileSync(this.secretFile, `${kSecret}\n`);
  }

  /** By id: where this door of each node is that was ever started. */
  addresses(door) {
    return [...this.#homes].map(([id, home]) => [id, home[door]]);
  }

  /** Undefined before its first start. */
  addressOf(id, door) {
    return this.#homes.get(id)?.[door];
  }

  folderOf(id) {
    return this.#homes.get(id).data;
  }

  /** The first one begins the cluster, the others enter it, if not as `enter` says. */
  async start(id, { secretFile = this.secretFile, args = [], enter, env } = {}) {
    const fresh = () => ({ data: path.join(this.folder, `node-${id}`), ...this.placeOf(id) });
    const home = this.#homes.get(id) ?? fresh();
    const enters = this.#homes.size === 0 || id === this.first;
    this.first ??= id;
    const [member = this.first] = [...this.nodes.keys()].filter((other) => other !== id);
    const join = enters ? ['--bootstrap'] : ['--join', this.#homes.get(member)?.peers];
    const server = await startServer({
      data: home.data,
      addresses: home,
      wrap: home.wrap,
      args: [
        '--id',
        String(id),
        '--listen',
        home.peers ?? '127.0.0.1:0',
        '--cluster-secret-file',
        secretFile,
        ...(enter ?? join),
        ...args,
      ],
      env,
    });
    Object.assign(home, { ws: server.ws, http: server.http, tcp: server.tcp, peers: server.peers });
    this.#homes.set(id, home);
    this.nodes.set(id, server);
    return server;
  }

  /** Its next start is at other addresses. */
  move(id) {
    const { data } = this.#homes.get(id);
    this.#homes.set(id, { data });
  }

  async kill(id) {
    await this.nodes.get(id).stop('SIGKILL');
    this.nodes.delete(id);
  }

  async stopAll() {
    for (const [id, server] of [...this.nodes]) {
      await server.stop('SIGKILL');
      this.nodes.delete(id);
    }
    removeFolder(this.folder);
  }

  async admin(id) {
    const client = await TcpClient.open(this.nodes.get(id).tcp);
    await client.expectOk(`auth ${kAdmin.user} ${kAdmin.password}`);
    return client;
  }

  /** Until node `id`, of which `client` is an admin, is primary. */
  async leads(id, client) {
    await until(
      async () => (await clusterState(client)).role === 'primary',
      `node ${id} to be primary`,
    );
  }

  /** The id of a node that takes a write, once there is one. */
  async writer(line, clients) {
    return until(async () => {
      for (const [id, client] of clients) {
        if (!this.nodes.has(id)) continue;
        const reply = await client.command(line);
        if (reply.at(-1) === 'ok ') return id;
      }
      return null;
    }, `a node that takes ${line}`);
  }
}
