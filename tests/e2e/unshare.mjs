// Runs the part of a test that must be root of a network of its own.
import assert from 'node:assert/strict';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { kBinary, launch, within } from './harness.mjs';

// Who is not root may still be root of a namespace of users.
const kUnshare = ['--net', ...(process.getuid() === 0 ? [] : ['--user', '--map-root-user']), '--'];

/** The output of `script` of this folder, in a namespace that is there as long as its processes. */
export async function runInNamespace(script, { env = {}, probe = ['true'], ms }) {
  const probed = await within(launch('unshare', [...kUnshare, ...probe]).exited, 'unshare to end');
  const why = `this test must make network namespaces, as root can: ${probed.errors}`;
  assert.equal(probed.code, 0, why);
  const file = path.join(path.dirname(fileURLToPath(import.meta.url)), script);
  const run = launch('unshare', [...kUnshare, process.execPath, file], {
    env: { NUNC_BINARY: kBinary, ...env },
  });
  const ended = await within(run.exited, script, ms);
  assert.equal(ended.code, 0, `${ended.output}\n${ended.errors}`.slice(-6000));
  return ended.output;
}
