import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { MeshError } from '../../runtime/errors.ts';
import type { Lease, LeaseStore, LeaseWrite } from './lease.ts';

/**
 * Leases of the files mode, where one control plane is alone: in memory, and in
 * `leases.json`, so that fencing tokens go on rising after a restart.
 */
export class FileLeaseStore implements LeaseStore {
  readonly #file: string;
  #leases: Map<string, Lease> | undefined;

  constructor(folder: string) {
    this.#file = join(folder, 'leases.json');
  }

  async read(namespace: string, election: string): Promise<Lease | undefined> {
    return this.#all().get(`${namespace}/${election}`);
  }

  async write(
    namespace: string,
    election: string,
    next: LeaseWrite,
    previous: Lease | undefined,
  ): Promise<Lease | undefined> {
    const leases = this.#all();
    const key = `${namespace}/${election}`;
    if (leases.get(key)?.version !== previous?.version) return undefined;
    const lease = { ...next, version: String(Number(previous?.version ?? 0) + 1) };
    const draft = `${this.#file}.new`;
    mkdirSync(dirname(draft), { recursive: true });
    writeFileSync(draft, JSON.stringify(Object.fromEntries([...leases, [key, lease]])));
    renameSync(draft, this.#file);
    leases.set(key, lease);
    return lease;
  }

  #all(): Map<string, Lease> {
    this.#leases ??= readLeases(this.#file);
    return this.#leases;
  }
}

/**
 * None without a file. What cannot be understood is not passed over: the tokens
 * in it must not be given a second time.
 *
 * @throws MeshError `bad-leases`
 */
function readLeases(file: string): Map<string, Lease> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return new Map();
    throw new MeshError('bad-leases', `${file} cannot be read`, { cause: error });
  }
  try {
    const entries = Object.entries(JSON.parse(text) as object);
    if (entries.every((entry): entry is [string, Lease] => isLease(entry[1]))) {
      return new Map(entries);
    }
  } catch {
    // Not JSON, or not an object.
  }
  throw new MeshError(
    'bad-leases',
    `${file} is damaged: end all candidates, then remove it; fencing tokens begin at 1 again`,
  );
}

function isLease(value: unknown): value is Lease {
  if (typeof value !== 'object' || value === null) return false;
  const { holder, fencingToken, durationMs, version } = value as Record<string, unknown>;
  return (
    typeof holder === 'string' &&
    Number.isSafeInteger(fencingToken) &&
    typeof durationMs === 'number' &&
    typeof version === 'string'
  );
}
