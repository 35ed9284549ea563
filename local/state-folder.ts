import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** `sun_path` of macOS; Linux allows four bytes more. */
const SOCKET_PATH_LIMIT = 104;

/** Where local mode keeps its files. Names only; `prepare` makes the folders. */
export class StateFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** Which processes are running, for the next start. */
  get runRecord(): string {
    return join(this.path, 'run.json');
  }

  /** A Unix socket to the running mesh. The system limits the length of such paths. */
  get socket(): string {
    const own = join(this.path, 'local.sock');
    if (Buffer.byteLength(own) < SOCKET_PATH_LIMIT) return own;
    const digest = createHash('sha256').update(this.path).digest('hex').slice(0, 12);
    return join(tmpdir(), `remora-${digest}.sock`);
  }

  /** Objects that local mode makes: the control plane's second folder of resources. */
  get objects(): string {
    return join(this.path, 'objects');
  }

  /** The control plane's own: authority and leases. Kept from run to run. */
  get controlPlane(): string {
    return join(this.path, 'control-plane');
  }

  /** With this key the pods' tokens are signed. */
  get tokenKey(): string {
    return join(this.path, 'token.key');
  }

  get logs(): string {
    return join(this.path, 'logs');
  }

  /** Compiled sources, which make the next start faster. */
  cache(user: string): string {
    return join(this.path, 'cache', user);
  }

  log(...name: string[]): string {
    return join(this.logs, `${name.join('_')}.log`);
  }

  pod(namespace: string, name: string): string {
    return join(this.path, 'pods', `${namespace}_${name}`);
  }

  /** Makes the folders, and removes what only an earlier run needed. */
  async prepare(): Promise<void> {
    for (const left of ['objects', 'pods', 'logs']) {
      await rm(join(this.path, left), { recursive: true, force: true });
    }
    for (const folder of [this.objects, this.controlPlane, this.logs]) {
      await mkdir(folder, { recursive: true });
    }
    if (!existsSync(this.tokenKey)) {
      await writeFile(this.tokenKey, randomBytes(32), { mode: 0o600 });
    }
  }
}
