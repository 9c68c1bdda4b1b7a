#!/usr/bin/env node
// Measures a cluster of three beside etcd and NATS JetStream, each alone on this machine, with the
// same client program: how soon a write is seen at another node, how many are confirmed, how long
// it takes until writes are confirmed again when the leader is killed.
//
// usage: bench/cluster.mjs [--seconds N] [--only nunc|etcd|nats]
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { EtcdCluster, NatsCluster, NuncCluster } from './cluster/servers.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const binary = process.env.NUNC_BINARY ?? path.join(root, 'build/release/nunc');
const { values: options } = parseArgs({
  options: { seconds: { type: 'string', default: '4' }, only: { type: 'string' } },
});
const kSeconds = Number(options.seconds);
const kWarmMs = 500;
const kPauseMs = 2; // between writes whose way to the watcher is measured

const quantile = (sorted, part) =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];

/** Milliseconds from the call of a write to the push at another node, one in flight. */
async function pushTimes(cluster) {
  const times = [];
  let seen = null;
  await cluster.watch('pushed', (value) => seen?.(value));
  const end = performance.now() + kWarmMs + kSeconds * 1000;
  const counts = performance.now() + kWarmMs;
  for (let i = 0; performance.now() < end; ++i) {
    const arrived = new Promise((done) => {
      seen = (value) => value === `${i}` && done();
    });
    const began = performance.now();
    const written = cluster.write('pushed', `${i}`);
    await arrived;
    if (began > counts) times.push(performance.now() - began);
    await written;
    await sleep(kPauseMs);
  }
  return times.sort((a, b) => a - b);
}

/** Confirmed writes a second with so many outstanding. */
async function writesPerSecond(cluster, outstanding) {
  let confirmed = 0;
  let stops = false;
  const loop = async (number) => {
    for (let i = 0; !stops; ++i) {
      await cluster.write(`k${number}`, `${i}`);
      confirmed += 1;
    }
  };
  const loops = Array.from({ length: outstanding }, (_, number) => loop(number));
  await sleep(kWarmMs);
  const before = confirmed;
  const began = performance.now();
  await sleep(kSeconds * 1000);
  const count = confirmed - before;
  const took = (performance.now() - began) / 1000;
  stops = true;
  await Promise.all(loops);
  return count / took;
}

async function measure(cluster) {
  const figures = {};
  await cluster.start();
  try {
    const times = await pushTimes(cluster);
    figures['push p50 ms'] = quantile(times, 0.5);
    figures['push p99 ms'] = quantile(times, 0.99);
    for (const outstanding of [1, 64, 1024]) {
      figures[`writes/s, ${outstanding} outstanding`] = await writesPerSecond(cluster, outstanding);
    }
    if (cluster.killLeader) figures['killed to written ms'] = await cluster.killLeader();
  } finally {
    await cluster.stop();
  }
  return figures;
}

const kinds = {
  nunc: () => new NuncCluster(binary, 'quorum'),
  'nunc written': () => new NuncCluster(binary, 'written'),
  etcd: () => new EtcdCluster(),
  nats: () => new NatsCluster(),
};
const results = {};
for (const [name, make] of Object.entries(kinds)) {
  if (options.only && !name.startsWith(options.only)) continue;
  results[name] = await measure(make());
  process.stderr.write(`${name} ${JSON.stringify(results[name])}\n`);
}
const rows = [...new Set(Object.values(results).flatMap(Object.keys))];
const names = Object.keys(results);
console.log(`| figure | ${names.join(' | ')} |`);
console.log(`| --- | ${names.map(() => '---:').join(' | ')} |`);
for (const row of rows) {
  const cells = names.map((name) => {
    const figure = results[name][row];
    if (figure === undefined) return '';
    return figure < 100 ? figure.toFixed(2) : String(Math.round(figure));
  });
  console.log(`| ${row} | ${cells.join(' | ')} |`);
}
process.exit(0);
