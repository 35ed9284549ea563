import CircuitBreaker from 'opossum';
import { MeshError } from '../../runtime/errors.ts';
import type { Endpoint } from '../config/types.ts';
import type { Dialed, Dialer } from './dialer.ts';

/**
 * Dials one endpoint, and stops trying for a second once dialing keeps failing,
 * so that requests do not queue up behind a dead pod's connect timeouts.
 */
export class DialBreaker {
  readonly #breaker: CircuitBreaker<[number, boolean], Dialed>;

  /** @param onChange called when `usable` has changed */
  constructor(dialer: Dialer, endpoint: Endpoint, port: number, onChange: () => void) {
    this.#breaker = new CircuitBreaker(
      (timeoutMs: number, early: boolean) =>
        dialer.dial(endpoint.address, port, endpoint.workload, timeoutMs, early),
      {
        // The dialer has its own limit.
        timeout: false,
        volumeThreshold: 5,
        errorThresholdPercentage: 50,
        resetTimeout: 1_000,
        rollingCountTimeout: 10_000,
        rollingCountBuckets: 5,
        // Without these each failure would sort every latency of the window.
        rollingPercentilesEnabled: false,
        enableSnapshots: false,
      },
    );
    this.#breaker.on('open', onChange);
    this.#breaker.on('halfOpen', onChange);
    this.#breaker.on('close', onChange);
  }

  /** Closed, or waiting for the one trial that shows whether the endpoint is back. */
  get usable(): boolean {
    return this.#breaker.closed || this.#breaker.pendingClose;
  }

  /** Rejects with the dialer's error, or with `no-healthy-endpoint` while the breaker is open. */
  async dial(timeoutMs: number, early: boolean): Promise<Dialed> {
    try {
      return await this.#breaker.fire(timeoutMs, early);
    } catch (error) {
      if (error instanceof Error && CircuitBreaker.isOurError(error)) {
        throw new MeshError('no-healthy-endpoint', 'the last connections to the endpoint failed');
      }
      throw error;
    }
  }

  close(): void {
    this.#breaker.shutdown();
  }
}
