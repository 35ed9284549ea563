/** A lease as it was read or written. */
export interface Lease {
  /** The pod that holds it; empty when it was given back. */
  readonly holder: string;
  /** Rises by one with each new holder. */
  readonly fencingToken: number;
  /** Whoever has not seen it change for this long may take it. */
  readonly durationMs: number;
  /** Changes with each write, renewals included. */
  readonly version: string;
}

export interface LeaseWrite {
  readonly holder: string;
  readonly fencingToken: number;
  readonly durationMs: number;
}

/**
 * Where leases are kept. `write` compares and swaps: it is refused when the lease
 * is no longer what was read, so of several that try at once one succeeds.
 */
export interface LeaseStore {
  read(namespace: string, election: string): Promise<Lease | undefined>;
  /**
   * @param previous what was read; undefined when there was no lease.
   * @returns what is stored now, or undefined when somebody else was faster.
   */
  write(
    namespace: string,
    election: string,
    next: LeaseWrite,
    previous: Lease | undefined,
  ): Promise<Lease | undefined>;
}
