/**
 * `npm run conformance [flags of the suite]`: runs the Gateway API's conformance
 * suite for meshes against the cluster in KUBECONFIG, with Remora installed there
 * from the chart, and writes the report to docs/conformance. The suite is built
 * with Go once for each version of the module beside this file, and kept in the
 * cache folder. Images are built and loaded as in the end-to-end tests; the image
 * of the suite's own pods is pulled by the cluster, or has to be there.
 * Exits with 1 when a test fails. Needs Go, kubectl and helm.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { INJECT_LABEL } from '../../proto/well-known.ts';
import { RELEASE } from '../../runtime/release.ts';
import { PROJECT } from '../e2e/harness/images.ts';
import { kubectl } from '../e2e/harness/kubectl.ts';
import { ensureMesh, requireCluster } from '../e2e/harness/mesh.ts';

const MODULE = dirname(fileURLToPath(import.meta.url));
const REPORTS = join(PROJECT, 'docs/conformance');
const NAMESPACES = ['gateway-conformance-mesh', 'gateway-conformance-mesh-consumer'];

/** Every test of a mesh runs: also those that count for nothing, because gateways have them too. */
const FLAGS = [
  '--conformance-profiles=MESH-HTTP,MESH-GRPC',
  '--all-features',
  // Without any, the suite would ask for a GatewayClass, which a mesh has not.
  '--exempt-features=Gateway,ReferenceGrant',
  `--namespace-labels=${INJECT_LABEL}=enabled`,
  '--organization=remora',
  '--project=remora',
  '--url=https://remora.dev',
  '--contact=https://remora.dev',
  `--version=v${RELEASE}`,
  `--report-output=${join(REPORTS, `standard-${RELEASE}-default-report.yaml`)}`,
];

/** @returns the exit code */
function run(command: string, args: readonly string[], output?: number): Promise<number> {
  const child = spawn(command, args, {
    cwd: MODULE,
    stdio: output === undefined ? 'inherit' : ['ignore', output, output],
    // The suite asks for a newer Go than many a machine has.
    env: { ...process.env, GOTOOLCHAIN: process.env.GOTOOLCHAIN ?? 'auto' },
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });
}

/** Runs the suite: its thousands of lines go into a file, and what came of each test that is not one of gateways is printed. */
async function runSuite(program: string, flags: readonly string[]): Promise<number> {
  const log = join(dirname(program), 'last-run.log');
  const output = openSync(log, 'w');
  console.log(`running the suite; it writes ${log}`);
  const code = await run(program, ['-test.run=^TestConformance$', '-test.v', ...flags], output);
  closeSync(output);
  // `    --- PASS: TestConformance/MeshPorts (0.51s)`
  for (const [line] of readFileSync(log, 'utf8').matchAll(/^ {4}--- (?:PASS|FAIL): .+$/gm)) {
    console.log(line.trim());
  }
  return code;
}

/** The suite as a program. */
async function build(): Promise<string> {
  const hash = createHash('sha256');
  for (const name of ['go.mod', 'go.sum', 'conformance_test.go']) {
    hash.update(readFileSync(join(MODULE, name)));
  }
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  const folder = join(cache, 'remora', 'conformance');
  const program = join(folder, `suite-${hash.digest('hex').slice(0, 12)}`);
  if (existsSync(program)) return program;
  mkdirSync(folder, { recursive: true });
  console.log('building the suite: this takes minutes, once');
  if ((await run('go', ['test', '-c', '-o', program, '.'])) !== 0) {
    throw new Error('the suite could not be built');
  }
  return program;
}

await requireCluster();
const program = await build();
await ensureMesh('standard');
mkdirSync(REPORTS, { recursive: true });
const flags = ['-test.timeout=90m', ...FLAGS, ...process.argv.slice(2)];
process.exitCode = await runSuite(program, flags);
await kubectl(['delete', 'namespace', '--ignore-not-found', '--wait', ...NAMESPACES]);
