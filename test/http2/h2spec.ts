/**
 * `npm run h2spec`: runs all cases of h2spec, the strict ones too, against a small
 * server over the codec, in plain text and over TLS. Installs h2spec with Go when it
 * is not in the cache folder. Exits with 1 when a case fails, or when none could run.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { listen } from '../fakes/connections.ts';
import { createH2specServer } from './h2spec-server.ts';

/** The first that the machine's module proxy has. */
const VERSIONS = ['v2.6.0', 'v2.2.1+incompatible'];
const PACKAGE = 'github.com/summerwind/h2spec/cmd/h2spec';

/** @returns the program's path; undefined when it can be neither found nor made */
function findH2spec(): string | undefined {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  const folder = join(cache, 'remora');
  const program = join(folder, 'h2spec');
  if (existsSync(program)) return program;
  mkdirSync(folder, { recursive: true });
  for (const version of VERSIONS) {
    const env = { ...process.env, GOBIN: folder, GOFLAGS: '-mod=mod' };
    const { status, error } = spawnSync('go', ['install', `${PACKAGE}@${version}`], {
      env,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    if (error !== undefined) {
      console.error('h2spec is not installed, and there is no Go to install it with');
      return undefined;
    }
    if (status === 0) return program;
  }
  console.error(`none of the versions ${VERSIONS.join(', ')} could be installed`);
  return undefined;
}

/** Prints the summary, and what failed. */
async function runCases(program: string, tls: boolean): Promise<boolean> {
  const server = createH2specServer(tls);
  const port = await listen(server);
  const flags = tls ? ['-t', '-k'] : [];
  const h2spec = spawn(program, ['--strict', '-p', String(port), ...flags], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  h2spec.stdout.on('data', (bytes: Buffer) => {
    output += String(bytes);
  });
  const status = await new Promise<number | null>((resolve) => h2spec.once('close', resolve));
  server.close();
  const name = tls ? 'TLS' : 'h2c';
  const summary = /\d+ tests?, \d+ passed.*/.exec(output)?.[0];
  console.log(`${name}: ${summary ?? 'h2spec said nothing'}`);
  const failures = output.indexOf('Failures:');
  if (failures >= 0) console.log(output.slice(failures));
  return status === 0 && summary !== undefined;
}

const program = findH2spec();
if (program === undefined) {
  process.exitCode = 1;
} else {
  const plain = await runCases(program, false);
  const secure = await runCases(program, true);
  if (!plain || !secure) process.exitCode = 1;
}
