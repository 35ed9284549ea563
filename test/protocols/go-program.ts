import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { CommandError, runCommand } from '../../local/command.ts';
import { CHECKOUT } from '../../local/image-folders.ts';

/**
 * Builds the program in `go/`. Its modules are fetched once, and kept with what
 * was compiled in the user's cache folder.
 *
 * @returns why there is none; undefined when it is there
 */
export async function buildGoProgram(path: string): Promise<string | undefined> {
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'remora/go');
  mkdirSync(cache, { recursive: true });
  const environment = {
    ...process.env,
    GOMODCACHE: join(cache, 'modules'),
    GOCACHE: join(cache, 'build'),
    // What is there, and no other version fetched in its place.
    GOTOOLCHAIN: 'local',
    GOFLAGS: '-mod=readonly',
    CGO_ENABLED: '0',
  };
  const folder = join(CHECKOUT, 'test/protocols/go');
  try {
    await runCommand('go', ['-C', folder, 'build', '-o', path, '.'], { env: environment });
    return undefined;
  } catch (error) {
    if (error instanceof CommandError) return `the Go program cannot be built: ${error.said}`;
    throw error;
  }
}
