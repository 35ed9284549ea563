import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Metafile } from 'esbuild';
import { buildProcesses, PROCESSES, type ProcessName } from '../../build.ts';

/** Outside of the repository, so that nothing is found in its node_modules. */
const folder = mkdtempSync(join(tmpdir(), 'remora-bundle-'));
let metafiles: Map<ProcessName, Metafile>;

before(async () => {
  metafiles = await buildProcesses(folder);
});

after(() => rmSync(folder, { recursive: true, force: true }));

/** The packages of which a bundle holds at least one file. */
function packagesIn(name: ProcessName): string[] {
  const inputs = Object.keys(metafiles.get(name)?.inputs ?? {});
  assert.ok(inputs.length > 0, `there is no bundle of ${name}`);
  const names = inputs.flatMap((path) => {
    const match = /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path);
    return match?.[1] === undefined ? [] : [match[1]];
  });
  return [...new Set(names)].sort();
}

function run(args: readonly string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: folder,
    encoding: 'utf8',
    env: {},
    timeout: 30_000,
  });
  return { status, output: stdout + stderr };
}

test('the sidecar holds neither the Kubernetes client nor zod', () => {
  const packages = packagesIn('sidecar');
  assert.deepEqual(
    packages.filter((name) => name.startsWith('@kubernetes/') || name === 'zod'),
    [],
  );
  // Shows that the list is one of packages at all.
  assert.ok(packages.includes('@grpc/grpc-js'));
});

test('the init container holds neither gRPC nor the Kubernetes client', () => {
  const packages = packagesIn('init');
  assert.deepEqual(
    packages.filter((name) => name.startsWith('@kubernetes/') || name.startsWith('@grpc/')),
    [],
  );
  assert.ok(packages.includes('pino'));
});

test('no process holds code of another', () => {
  for (const [name, own] of [
    ['control-plane', 'control-plane'],
    ['sidecar', 'sidecar'],
    ['injector', 'injector'],
    ['init', 'injector'],
  ] as const) {
    const others = ['control-plane', 'sidecar', 'injector', 'local'].filter((it) => it !== own);
    const strangers = Object.keys(metafiles.get(name)?.inputs ?? {}).filter((path) =>
      others.some((other) => path.startsWith(`${other}/`)),
    );
    assert.deepEqual(strangers, [], `in the bundle of ${name}`);
  }
});

for (const name of Object.keys(PROCESSES) as ProcessName[]) {
  test(`${name} starts from the folder alone, and says what its environment lacks`, () => {
    const { status, output } = run([`${name}.js`]);
    assert.match(output, /bad environment: .*REMORA_\w+/);
    assert.equal(status, 1, output);
  });
}

test('regular expressions are found in the folder alone, and in no bundle', () => {
  for (const name of Object.keys(PROCESSES) as ProcessName[]) {
    assert.ok(!packagesIn(name).includes('re2js'));
  }
  const { output } = run([
    '--input-type=module',
    '-e',
    "import { createRequire } from 'node:module'; console.log(createRequire(process.cwd() + '/sidecar.js')('re2js').RE2JS.compile('a+').testExact('aa'));",
  ]);
  assert.equal(output, 'true\n');
});

test('the client of Redis is found in the folder alone, and in no bundle', () => {
  for (const name of Object.keys(PROCESSES) as ProcessName[]) {
    assert.ok(!packagesIn(name).includes('@redis/client'));
  }
  const { output } = run([
    '--input-type=module',
    '-e',
    "import { createRequire } from 'node:module'; console.log(typeof createRequire(process.cwd() + '/sidecar.js')('@redis/client').createClient);",
  ]);
  assert.equal(output, 'function\n');
});

test('the native module is found in the folder alone', () => {
  const { output } = run([
    '--input-type=module',
    '-e',
    "const { load } = await import('koffi'); console.log(load('libc.so.6').func('int getpid()')());",
  ]);
  assert.match(output, /^\d+\n$/);
});
