import { lookup, Resolver } from 'node:dns/promises';
import { BlockList, isIPv6 } from 'node:net';
import type { Clock } from '../../runtime/clock.ts';

export interface AddressRecord {
  readonly address: string;
  readonly ttlSeconds: number;
}

/** Asks for the addresses of a host; rejects when there are none. */
export type HostQuery = (host: string) => Promise<readonly AddressRecord[]>;

/** Records of less are kept for so long, and answers that failed. */
const MIN_KEPT_MS = 5_000;
const MAX_KEPT_MS = 300_000;
/** What was an address of a host may still be one to an application that asked a while ago. */
const REMEMBERED_MS = 600_000;
const MAX_HOSTS = 1024;

interface Known {
  addresses: readonly string[];
  /** Undefined while the first answer is awaited. */
  expiresMs: number | undefined;
  usedMs: number;
  asking: boolean;
  /** By address: when it was last among the answers. */
  readonly seen: Map<string, number>;
  readonly waiting: Set<() => void>;
}

/**
 * Addresses of hosts outside of the mesh, kept as long as their records live. What
 * has expired is asked for anew when it is next used, and used until the answer is
 * there; where asking fails, what was known last stays.
 */
export class HostResolver {
  readonly #clock: Clock;
  readonly #query: HostQuery;
  readonly #accepts: (address: string) => boolean;
  readonly #hosts = new Map<string, Known>();

  /** @param accepts whether a host outside may have this address: never one of this machine */
  constructor(clock: Clock, query: HostQuery, accepts: (address: string) => boolean) {
    this.#clock = clock;
    this.#query = query;
    this.#accepts = accepts;
  }

  /** Undefined while nothing is known; empty where there are none. */
  addresses(host: string): readonly string[] | undefined {
    const known = this.#use(host);
    return known.expiresMs === undefined ? undefined : known.addresses;
  }

  /** Whether the host has this address, or had it a while ago. */
  has(host: string, address: string): boolean {
    const seenMs = this.#use(host).seen.get(address);
    return seenMs !== undefined && this.#clock.monotonicMs() - seenMs < REMEMBERED_MS;
  }

  /** Calls back once, with the next answer. Returns the way to stop waiting. */
  onAnswer(host: string, callback: () => void): () => void {
    const { waiting } = this.#use(host);
    waiting.add(callback);
    return () => waiting.delete(callback);
  }

  #use(host: string): Known {
    const nowMs = this.#clock.monotonicMs();
    let known = this.#hosts.get(host);
    if (known === undefined) {
      this.#forget();
      known = {
        ...{ addresses: [], expiresMs: undefined, usedMs: nowMs, asking: false },
        ...{ seen: new Map(), waiting: new Set() },
      };
      this.#hosts.set(host, known);
    }
    known.usedMs = nowMs;
    if (!known.asking && (known.expiresMs === undefined || known.expiresMs <= nowMs)) {
      void this.#ask(host, known);
    }
    return known;
  }

  async #ask(host: string, known: Known): Promise<void> {
    known.asking = true;
    let keptMs = MIN_KEPT_MS;
    try {
      const records = (await this.#query(host)).filter(({ address }) => this.#accepts(address));
      const ttlMs = 1000 * Math.min(...records.map(({ ttlSeconds }) => ttlSeconds));
      keptMs = Math.min(Math.max(ttlMs, MIN_KEPT_MS), MAX_KEPT_MS);
      known.addresses = [...new Set(records.map(({ address }) => address))].sort();
    } catch {
      // What was known stays.
    }
    const nowMs = this.#clock.monotonicMs();
    known.asking = false;
    known.expiresMs = nowMs + keptMs;
    for (const [address, seenMs] of known.seen) {
      if (nowMs - seenMs >= REMEMBERED_MS) known.seen.delete(address);
    }
    for (const address of known.addresses) known.seen.set(address, nowMs);
    const waiting = [...known.waiting];
    known.waiting.clear();
    for (const callback of waiting) callback();
  }

  /** Of too many hosts the one that was not used for longest. */
  #forget(): void {
    if (this.#hosts.size < MAX_HOSTS) return;
    let oldest: [host: string, usedMs: number] = ['', Number.POSITIVE_INFINITY];
    for (const [host, { usedMs, asking }] of this.#hosts) {
      if (!asking && usedMs < oldest[1]) oldest = [host, usedMs];
    }
    this.#hosts.delete(oldest[0]);
  }
}

/** This machine, its links, and everybody at once. */
const INSIDE = new BlockList();
INSIDE.addSubnet('0.0.0.0', 8);
INSIDE.addSubnet('127.0.0.0', 8);
INSIDE.addSubnet('169.254.0.0', 16);
INSIDE.addSubnet('224.0.0.0', 3);
INSIDE.addSubnet('::', 127, 'ipv6');
INSIDE.addSubnet('fe80::', 10, 'ipv6');
INSIDE.addSubnet('ff00::', 8, 'ipv6');

/** Whoever answers for a name must not make the sidecar call what only this machine can reach. */
export function isOutside(address: string): boolean {
  // An IPv4 address may come in the clothes of IPv6.
  const bare = address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
  return !INSIDE.check(bare, isIPv6(bare) ? 'ipv6' : 'ipv4');
}

/** How long names live that the machine knows by itself, without DNS. */
const LOCAL_TTL_SECONDS = 10;

/**
 * Asks DNS, for IPv4 before IPv6 or the other way round: the second is asked only
 * where the first has nothing. What DNS does not know may stand in the hosts file.
 */
export function dnsQuery(prefersIpv6: boolean): HostQuery {
  const resolver = new Resolver({ timeout: 2_000, tries: 2 });
  const ask4 = (host: string) => resolver.resolve4(host, { ttl: true });
  const ask6 = (host: string) => resolver.resolve6(host, { ttl: true });
  const asks = prefersIpv6 ? [ask6, ask4] : [ask4, ask6];
  return async (host) => {
    for (const ask of asks) {
      const records = await ask(host).catch(() => []);
      if (records.length > 0) {
        return records.map(({ address, ttl }) => ({ address, ttlSeconds: ttl }));
      }
    }
    const found = await lookup(host, { all: true });
    return found.map(({ address }) => ({ address, ttlSeconds: LOCAL_TTL_SECONDS }));
  };
}
