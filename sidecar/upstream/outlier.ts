import type { Clock, Timer } from '../../runtime/clock.ts';
import type { CircuitBreaker } from '../config/types.ts';
import type { EndpointHealth } from './endpoint-health.ts';
import { slowest, worst } from './interval-outliers.ts';

/** In force where no TrafficPolicy says otherwise. */
export const DEFAULT_CIRCUIT_BREAKER: CircuitBreaker = {
  consecutiveErrors: 5,
  ejectionMs: 10_000,
  maxEjectedPercent: 50,
};

/** An endpoint that keeps failing is out no longer than this at a time. */
const MAX_EJECTION_MS = 300_000;
/** How often success rates and response times are compared. */
const INTERVAL_MS = 10_000;

/** An endpoint as outlier detection sees it. */
export interface Watched {
  readonly health: EndpointHealth;
}

/**
 * Takes endpoints out of the balancer that fail several times in a row, fail more
 * often than they may, or are much slower than others; never more of a service than
 * its share allows, because sending all the traffic to the few that are left would
 * fail them as well.
 *
 * After its time an ejected endpoint gets one request. If that succeeds it is back;
 * if not it is out again, for longer with every time.
 */
export class OutlierDetection<T extends Watched> {
  policy: CircuitBreaker = DEFAULT_CIRCUIT_BREAKER;
  readonly #clock: Clock;
  readonly #onChange: (endpoint: T) => void;
  /** Those that are not in. */
  readonly #out = new Set<T>();
  /** What comes next for them by itself. */
  readonly #timers = new Map<T, Timer>();
  #intervalBegunMs: number;

  /** @param onChange called after an endpoint was ejected or restored, or may be picked once */
  constructor(clock: Clock, onChange: (endpoint: T) => void) {
    this.#clock = clock;
    this.#onChange = onChange;
    this.#intervalBegunMs = clock.monotonicMs();
  }

  /** Somebody has to tell how long answers take. */
  get timesAnswers(): boolean {
    return this.policy.latency !== undefined;
  }

  /** A request goes to an endpoint that awaits its trial. */
  tried(endpoint: T): void {
    endpoint.health.state = 'on-trial';
    // The request may last; then another one may decide.
    this.#later(endpoint, this.policy.ejectionMs, 'awaiting-trial');
    this.#onChange(endpoint);
  }

  /** The head of a response came, and it is no failure. @param elapsedMs 0 where nobody took the time */
  answered({ health }: T, elapsedMs: number): void {
    if (elapsedMs === 0) return;
    health.answers += 1;
    health.answersMs += elapsedMs;
  }

  succeeded(endpoint: T): void {
    const { health } = endpoint;
    health.consecutiveErrors = 0;
    health.consecutiveGatewayErrors = 0;
    health.requests += 1;
    if (health.state === 'on-trial') this.#restore(endpoint);
  }

  /** Nothing is known of the endpoint by that. */
  cancelled(endpoint: T): void {
    if (endpoint.health.state !== 'on-trial') return;
    this.#cancelTimer(endpoint);
    endpoint.health.state = 'awaiting-trial';
    this.#onChange(endpoint);
  }

  /**
   * @param isGateway it did not answer, or somebody answered in its stead
   * @param total how many endpoints the service has at the moment
   */
  failed(endpoint: T, isGateway: boolean, total: number): void {
    const { health } = endpoint;
    const { policy } = this;
    health.requests += 1;
    health.failures += 1;
    health.consecutiveErrors += 1;
    health.consecutiveGatewayErrors = isGateway ? health.consecutiveGatewayErrors + 1 : 0;
    if (health.state === 'on-trial') this.#eject(endpoint);
    if (health.state !== 'in' || policy.consecutiveErrors === 0) return;
    const tooMany =
      health.consecutiveErrors >= policy.consecutiveErrors ||
      health.consecutiveGatewayErrors >=
        (policy.consecutiveGatewayErrors ?? Number.POSITIVE_INFINITY);
    if (tooMany && this.#mayEject(total)) this.#eject(endpoint);
  }

  /** To be called now and then: compares endpoints once an interval is over. */
  compare(endpoints: readonly T[], nowMs: number): void {
    const { successRate, latency, intervalMs = INTERVAL_MS } = this.policy;
    if (nowMs - this.#intervalBegunMs < intervalMs) return;
    this.#intervalBegunMs = nowMs;
    if (successRate !== undefined || latency !== undefined) {
      const present = endpoints.filter(({ health }) => health.state === 'in');
      const outliers = [
        ...(successRate === undefined ? [] : worst(present, successRate)),
        ...(latency === undefined ? [] : slowest(present, latency)),
      ];
      for (const endpoint of outliers) {
        if (endpoint.health.state !== 'in' || !this.#mayEject(endpoints.length)) continue;
        this.#eject(endpoint);
      }
    }
    for (const { health } of endpoints) health.endInterval();
  }

  /** The endpoint left the service: it no longer counts. */
  forget(endpoint: T): void {
    this.#cancelTimer(endpoint);
    this.#out.delete(endpoint);
    endpoint.health.state = 'in';
    endpoint.health.consecutiveErrors = 0;
    endpoint.health.consecutiveGatewayErrors = 0;
  }

  close(): void {
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }

  #mayEject(total: number): boolean {
    return this.#out.size + 1 <= Math.floor((total * this.policy.maxEjectedPercent) / 100);
  }

  #eject(endpoint: T): void {
    const { health } = endpoint;
    const nowMs = this.#clock.monotonicMs();
    const { ejectionMs, maxEjectionMs = MAX_EJECTION_MS } = this.policy;
    const wasOut = this.#out.has(endpoint);
    // Who was well for longer than it was out begins anew.
    const repeats = wasOut || nowMs - health.backMs <= health.lastEjectionMs;
    health.ejections = repeats ? health.ejections + 1 : 1;
    const lengthMs = Math.min(ejectionMs * health.ejections, Math.max(maxEjectionMs, ejectionMs));
    health.lastEjectionMs = lengthMs;
    health.state = 'ejected';
    this.#out.add(endpoint);
    this.#later(endpoint, lengthMs, 'awaiting-trial');
    this.#onChange(endpoint);
  }

  #restore(endpoint: T): void {
    this.forget(endpoint);
    endpoint.health.backMs = this.#clock.monotonicMs();
    endpoint.health.endInterval();
    this.#onChange(endpoint);
  }

  #later(endpoint: T, delayMs: number, state: EndpointHealth['state']): void {
    this.#cancelTimer(endpoint);
    const timer = this.#clock.setTimeout(() => {
      this.#timers.delete(endpoint);
      endpoint.health.state = state;
      this.#onChange(endpoint);
    }, delayMs);
    this.#timers.set(endpoint, timer);
  }

  #cancelTimer(endpoint: T): void {
    this.#timers.get(endpoint)?.cancel();
    this.#timers.delete(endpoint);
  }
}
