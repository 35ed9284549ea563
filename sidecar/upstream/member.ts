import type { Endpoint } from '../config/types.ts';
import { DialBreaker } from './dial-breaker.ts';
import type { Dialed, Dialer } from './dialer.ts';
import type { OutlierState } from './outlier.ts';
import { IdlePool } from './pool.ts';

/**
 * One endpoint of a cluster with all that is known of it from here. It outlives
 * configurations as long as the same pod answers at the same place.
 */
export class Member implements OutlierState {
  readonly key: string;
  readonly pool = new IdlePool();
  /** The pod's port. */
  readonly port: number;
  endpoint: Endpoint;
  inFlight = 0;
  consecutiveErrors = 0;
  ejected = false;
  /** No longer an endpoint: what is under way ends, nothing is kept. */
  removed = false;
  readonly #dialer: Dialer;
  readonly #onChange: () => void;
  /** Made with the first connection, as many endpoints are never used; undefined where none is wanted. */
  #breaker: DialBreaker | undefined;
  readonly #hasBreaker: boolean;

  constructor(options: {
    endpoint: Endpoint;
    port: number;
    dialer: Dialer;
    hasBreaker: boolean;
    onChange: () => void;
  }) {
    this.endpoint = options.endpoint;
    this.port = options.port;
    this.key = memberKey(options.endpoint, options.port);
    this.#dialer = options.dialer;
    this.#hasBreaker = options.hasBreaker;
    this.#onChange = options.onChange;
  }

  get usable(): boolean {
    return !this.ejected && (this.#breaker === undefined || this.#breaker.usable);
  }

  /** Open or being opened: each carries one request. */
  get connections(): number {
    return this.inFlight + this.pool.size;
  }

  dial(timeoutMs: number): Promise<Dialed> {
    const { address, workload } = this.endpoint;
    if (!this.#hasBreaker) return this.#dialer.dial(address, this.port, workload, timeoutMs);
    this.#breaker ??= new DialBreaker(this.#dialer, this.endpoint, this.port, this.#onChange);
    return this.#breaker.dial(timeoutMs);
  }

  /** What is on loan goes on. */
  remove(): void {
    this.removed = true;
    this.pool.clear();
    this.#breaker?.close();
  }
}

/** Another pod at the same address is another endpoint. */
export function memberKey(endpoint: Endpoint, port: number): string {
  const { namespace, pod, serviceAccount, trunkPort } = endpoint.workload;
  return `${endpoint.address}|${port}|${namespace}/${pod}|${serviceAccount}|${trunkPort}`;
}
