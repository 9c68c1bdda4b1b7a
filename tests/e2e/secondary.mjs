// A node that is not primary, in place of a single server: what a client gets there is the same.
import path from 'node:path';
import { ClusterNodes, clusterState } from './cluster_nodes.mjs';
import { until } from './harness.mjs';

/** The second node of two; stopping it stops both. */
export async function startSecondary({ args = [] } = {}) {
  const cluster = new ClusterNodes();
  const options = { args: ['--takeover', 'off', ...args] };
  await cluster.start(1, options);
  const server = await cluster.start(2, options);
  const admin = await cluster.admin(2);
  await until(async () => {
    const { role, primary, members } = await clusterState(admin);
    const voters = members.filter((member) => member.standing === 'voter');
    return role === 'secondary' && primary === 1 && voters.length === 2;
  }, 'two voters');
  await admin.expectOk('create-db demo demo'); // that a single server has from its start
  const [listed] = await admin.expectOk('cluster-state');
  await admin.close();
  const stop = async (signal = 'SIGTERM') => {
    const ended = await server.stop(signal);
    cluster.nodes.delete(2);
    await cluster.kill(1); // the folders go with this process: what is in them may be looked at
    return ended;
  };
  const data = path.join(cluster.folder, 'node-1'); // of the primary
  return { ...server, stop, data, listed: listed.slice('cluster-state  '.length) };
}
