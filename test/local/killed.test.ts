import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, suite, test } from 'node:test';
import { findMode } from '../../local/capability.ts';
import { CHECKOUT } from '../../local/image-folders.ts';
import { eventually, LocalMesh, processesOf, TestFolder } from './local-mesh.ts';

const ONE_POD = `
apiVersion: v1
kind: Pod
metadata: { name: lonely, namespace: shop }
spec:
  containers:
    - name: caller
      image: test-programs
      command: [node, /programs/caller.mjs]
`;

const mode = await findMode(false);
const withoutNamespaces = mode.kind === 'namespaces' ? false : mode.reasons.join('; ');

suite('a mesh that is killed', () => {
  let folder: TestFolder | undefined;
  const meshes: LocalMesh[] = [];

  afterEach(async () => {
    for (const mesh of meshes.splice(0)) await mesh.end();
    folder?.remove();
    folder = undefined;
  });

  const start = async (...args: string[]): Promise<LocalMesh> => {
    folder ??= new TestFolder().withManifest(ONE_POD);
    const mesh = new LocalMesh(folder, args);
    meshes.push(mesh);
    await mesh.until('the pod', ({ pods }) => pods.some((pod) => pod.ready));
    return mesh;
  };

  /** The launcher and the supervisor: all that is ours but for what they have started. */
  const killBoth = async (mesh: LocalMesh): Promise<void> => {
    const ours = processesOf(mesh.folder).filter(({ command }) =>
      command.includes('local/main.ts'),
    );
    assert.ok(ours.length >= 2);
    const ended = once(mesh.process, 'exit');
    for (const { pid } of ours) process.kill(pid, 'SIGKILL');
    await ended;
  };

  test('on loopback leaves processes, which the next start ends', async () => {
    await killBoth(await start('--loopback'));
    assert.notDeepEqual(processesOf(folder ?? assert.fail()), []);
    const next = await start('--loopback');
    assert.match(next.output, /An earlier run was killed; ended \d+ processes/);
    assert.equal(await next.end(), 0);
    assert.deepEqual(processesOf(next.folder), []);
  });

  test('on loopback leaves processes, which --cleanup ends', async () => {
    const mesh = await start('--loopback');
    await killBoth(mesh);
    const main = join(CHECKOUT, 'local/main.ts');
    const output = execFileSync(
      process.execPath,
      [main, '--cleanup', '--state', mesh.folder.state.path],
      { encoding: 'utf8' },
    );
    assert.match(output, /ended \d+ processes/);
    assert.deepEqual(processesOf(mesh.folder), []);
  });

  test('in namespaces takes everything with it', { skip: withoutNamespaces }, async () => {
    const mesh = await start();
    await killBoth(mesh);
    await eventually(
      () => processesOf(mesh.folder).length === 0,
      () => `the end of ${JSON.stringify(processesOf(mesh.folder).map(({ command }) => command))}`,
    );
    // And nothing is in the way of the next.
    const next = await start();
    assert.equal(await next.end(), 0);
  });

  test('alone, the launcher takes the mesh with it; before that, a second one is refused', async () => {
    const mesh = await start('--loopback');
    const second = new LocalMesh(mesh.folder, ['--loopback']);
    const [status] = await once(second.process, 'exit');
    assert.equal(status, 1);
    assert.match(second.output, /runs already from .*state \(process \d+\).*--state/);
    assert.equal((await mesh.status()).pods.length, 1);

    mesh.process.kill('SIGKILL');
    await eventually(
      () => processesOf(mesh.folder).length === 0,
      () => `the end of ${JSON.stringify(processesOf(mesh.folder).map(({ command }) => command))}`,
    );
  });
});
