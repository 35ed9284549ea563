import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { systemPath } from '../../local/command.ts';
import { CHECKOUT } from '../../local/image-folders.ts';
import { describeMesh } from './scenario.ts';

/** `nobody` on most systems; who exactly does not matter. */
const AS_NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];

describeMesh({
  title: 'local mode in network namespaces, without root',
  args: [],
  as: AS_NOBODY,
  mode: 'network namespaces, without root',
  skip: reasonToSkip(),
});

function reasonToSkip(): string | false {
  // Run by a user, namespaces.test.ts is this test.
  if (process.getuid?.() !== 0) return 'needs root to become another user';
  const [command = 'setpriv', ...args] = AS_NOBODY;
  const run = (...words: string[]): void => {
    execFileSync(command, [...args, ...words], {
      stdio: 'pipe',
      env: { PATH: systemPath() },
    });
  };
  try {
    run('test', '-r', join(CHECKOUT, 'local/main.ts'));
  } catch {
    return 'another user cannot read this checkout';
  }
  try {
    run('unshare', '--user', '--map-root-user', '--net', 'true');
    return false;
  } catch {
    return 'users cannot make user namespaces here';
  }
}
