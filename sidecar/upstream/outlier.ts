import type { Clock, Timer } from '../../runtime/clock.ts';
import type { CircuitBreaker } from '../config/types.ts';

/** In force where no TrafficPolicy says otherwise. */
export const DEFAULT_CIRCUIT_BREAKER: CircuitBreaker = {
  consecutiveErrors: 5,
  ejectionMs: 10_000,
  maxEjectedPercent: 50,
};

/** What outlier detection keeps of one endpoint. */
export interface OutlierState {
  consecutiveErrors: number;
  ejected: boolean;
}

/**
 * Takes endpoints out of the balancer that fail several times in a row, for a
 * while; never more of a service than its share allows, because sending all the
 * traffic to the few that are left would fail them as well.
 */
export class OutlierDetection<T extends OutlierState> {
  policy: CircuitBreaker = DEFAULT_CIRCUIT_BREAKER;
  readonly #clock: Clock;
  readonly #onChange: (endpoint: T) => void;
  readonly #timers = new Map<T, Timer>();

  /** @param onChange called after an endpoint was ejected or restored */
  constructor(clock: Clock, onChange: (endpoint: T) => void) {
    this.#clock = clock;
    this.#onChange = onChange;
  }

  succeeded(endpoint: T): void {
    endpoint.consecutiveErrors = 0;
  }

  /** @param total how many endpoints the service has at the moment */
  failed(endpoint: T, total: number): void {
    endpoint.consecutiveErrors += 1;
    const { consecutiveErrors, maxEjectedPercent, ejectionMs } = this.policy;
    if (consecutiveErrors === 0 || endpoint.ejected) return;
    if (endpoint.consecutiveErrors < consecutiveErrors) return;
    if (this.#timers.size + 1 > Math.floor((total * maxEjectedPercent) / 100)) return;
    endpoint.ejected = true;
    this.#timers.set(
      endpoint,
      this.#clock.setTimeout(() => {
        this.forget(endpoint);
        this.#onChange(endpoint);
      }, ejectionMs),
    );
    this.#onChange(endpoint);
  }

  /** The endpoint left the service: it no longer counts. */
  forget(endpoint: T): void {
    this.#timers.get(endpoint)?.cancel();
    this.#timers.delete(endpoint);
    endpoint.ejected = false;
    endpoint.consecutiveErrors = 0;
  }

  close(): void {
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }
}
