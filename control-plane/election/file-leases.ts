import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
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

/** What cannot be read counts as none: the file is ours alone, and a lease lives for seconds. */
function readLeases(file: string): Map<string, Lease> {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return new Map();
  }
  if (typeof value !== 'object' || value === null) return new Map();
  return new Map(
    Object.entries(value).filter((entry): entry is [string, Lease] => isLease(entry[1])),
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
