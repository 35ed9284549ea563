import type { Clock } from '../../runtime/clock.ts';
import type { MeshError } from '../../runtime/errors.ts';
import type { Endpoint } from '../config/types.ts';
import { DialBreaker } from './dial-breaker.ts';
import type { Dialed, DialedHttp2, Dialer } from './dialer.ts';
import { EndpointHealth } from './endpoint-health.ts';
import { IdlePool } from './pool.ts';
import { StreamPool, type StreamPoolOwner } from './stream-pool.ts';

/** The cluster as its members see it. */
export interface MemberOwner {
  /** `usable` of one of them is another now. */
  usableChanged(): void;
  /** A stream, or a further connection, may be had that could not be had before. */
  streamsFreed(): void;
  /** A connection to it could not be made, and nobody else reports that. */
  dialFailed(member: Member): void;
}

/**
 * One endpoint of a cluster with all that is known of it from here. It outlives
 * configurations as long as the same pod answers at the same place.
 */
export class Member implements StreamPoolOwner {
  readonly key: string;
  readonly clock: Clock;
  readonly mayVanish: boolean;
  readonly pool = new IdlePool();
  /** The pod's port. */
  readonly port: number;
  endpoint: Endpoint;
  /** Requests and connections of the application; their end may come after the member has left. */
  inFlight = 0;
  /** Connections that one of them has for itself, those being opened included. */
  loans = 0;
  readonly health = new EndpointHealth();
  /** No longer an endpoint: what is under way ends, nothing is kept. */
  removed = false;
  readonly #dialer: Dialer;
  readonly #owner: MemberOwner;
  /** Made with the first connection, as many endpoints are never used; undefined where none is wanted. */
  #breaker: DialBreaker | undefined;
  readonly #hasBreaker: boolean;
  /** Made with the first request of HTTP/2. */
  #streams: StreamPool | undefined;

  constructor(options: {
    endpoint: Endpoint;
    port: number;
    dialer: Dialer;
    hasBreaker: boolean;
    /** On another machine. */
    remote: boolean;
    clock: Clock;
    owner: MemberOwner;
  }) {
    this.endpoint = options.endpoint;
    this.port = options.port;
    this.key = memberKey(options.endpoint, options.port);
    this.clock = options.clock;
    this.mayVanish = options.remote;
    this.#dialer = options.dialer;
    this.#hasBreaker = options.hasBreaker;
    this.#owner = options.owner;
  }

  /** Its shared connections of HTTP/2. */
  get streams(): StreamPool {
    this.#streams ??= new StreamPool(this);
    return this.#streams;
  }

  /** The same where there may be some already. */
  get startedStreams(): StreamPool | undefined {
    return this.#streams;
  }

  /** Open or being opened: on loan, shared, or idle. */
  get connections(): number {
    return this.loans + this.pool.size + (this.#streams?.open ?? 0);
  }

  /** Those of them that nobody uses. */
  get idleConnections(): number {
    return this.pool.size + (this.#streams?.idle ?? 0);
  }

  get usable(): boolean {
    return this.health.usable && (this.#breaker === undefined || this.#breaker.usable);
  }

  dial(timeoutMs: number, early = false): Promise<Dialed> {
    const { address, workload } = this.endpoint;
    return this.#guard(() => this.#dialer.dial(address, this.port, workload, timeoutMs, early));
  }

  dialHttp2(timeoutMs: number): Promise<DialedHttp2> {
    const { address, workload } = this.endpoint;
    const dialer = this.#dialer;
    return this.#guard<DialedHttp2>(() =>
      dialer.dialHttp2 === undefined
        ? dialer.dial(address, this.port, workload, timeoutMs)
        : dialer.dialHttp2(address, this.port, workload, timeoutMs),
    );
  }

  #guard<T>(dial: () => Promise<T>): Promise<T> {
    if (!this.#hasBreaker) return dial();
    this.#breaker ??= new DialBreaker(() => this.#owner.usableChanged());
    return this.#breaker.dial(dial);
  }

  /** False when there is none. */
  closeIdle(): boolean {
    return this.pool.dropOldest() || this.#streams?.closeIdle() === true;
  }

  streamsFreed(): void {
    this.#owner.streamsFreed();
  }

  streamDialFailed(error: MeshError): void {
    if (error.code !== 'no-healthy-endpoint') this.#owner.dialFailed(this);
  }

  /** Closes what has been idle for too long. */
  sweep(nowMs: number): void {
    this.pool.sweep(nowMs);
    this.#streams?.sweep(nowMs, this.pool.limitMs);
  }

  /** What is under way goes on. */
  remove(): void {
    this.removed = true;
    this.pool.clear();
    this.#streams?.close();
    this.#breaker?.close();
  }
}

/** Another pod at the same address is another endpoint. */
export function memberKey(endpoint: Endpoint, port: number): string {
  const { namespace, pod, serviceAccount, trunkPort } = endpoint.workload;
  return `${endpoint.address}|${port}|${namespace}/${pod}|${serviceAccount}|${trunkPort}`;
}
