import { execFileSync, spawnSync } from 'node:child_process';
import { systemPath } from '../../local/command.ts';

/** Programs that suites need, by the package of Debian that has them. */
const PACKAGES = {
  curl: 'curl',
  openssl: 'openssl',
  'redis-server': 'redis-server',
  'redis-cli': 'redis-tools',
  'redis-benchmark': 'redis-tools',
  initdb: 'postgresql',
  postgres: 'postgresql',
  psql: 'postgresql-client',
  pgbench: 'postgresql-contrib',
  mariadbd: 'mariadb-server',
  'mariadb-install-db': 'mariadb-server',
  mariadb: 'mariadb-client',
  'mariadb-slap': 'mariadb-client',
  memcached: 'memcached',
  go: 'golang-go',
} as const;

export type ToolName = keyof typeof PACKAGES;

/** Where this machine has a program; undefined when it has none of that name. */
export function findTool(name: ToolName): string | undefined {
  // Debian keeps the servers of PostgreSQL out of the way, by version.
  const found = spawnSync(
    'sh',
    ['-c', 'command -v "$0" || ls -d /usr/lib/postgresql/*/bin/"$0" 2>/dev/null | tail -1', name],
    { encoding: 'utf8', env: { ...process.env, PATH: systemPath() } },
  );
  return found.stdout.trim() || undefined;
}

export function missingTools(names: readonly ToolName[]): ToolName[] {
  return names.filter((name) => findTool(name) === undefined);
}

/** The commands that install programs, as root, on Debian and its relatives. */
export function installCommands(names: readonly ToolName[]): string[][] {
  if (names.length === 0) return [];
  const packages = [...new Set(names.map((name) => PACKAGES[name]))];
  return [
    ['apt-get', 'update'],
    ['apt-get', 'install', '-y', '--no-install-recommends', ...packages],
  ];
}

/** @throws Error of the first command that failed */
export function install(names: readonly ToolName[]): void {
  for (const [file = '', ...args] of installCommands(names)) {
    execFileSync(file, args, {
      stdio: 'inherit',
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    });
  }
}
