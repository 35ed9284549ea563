import CircuitBreaker from 'opossum';
import { MeshError } from '../../runtime/errors.ts';

/** One try to connect. */
type Dial<T> = () => Promise<T>;

/**
 * Dials one endpoint, and stops trying for a second once dialing keeps failing,
 * so that requests do not queue up behind a dead pod's connect timeouts.
 */
export class DialBreaker {
  readonly #breaker: CircuitBreaker<[Dial<unknown>], unknown>;

  /** @param onChange called when `usable` has changed */
  constructor(onChange: () => void) {
    this.#breaker = new CircuitBreaker((dial: Dial<unknown>) => dial(), {
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
    });
    this.#breaker.on('open', onChange);
    this.#breaker.on('halfOpen', onChange);
    this.#breaker.on('close', onChange);
  }

  /** Closed, or waiting for the one trial that shows whether the endpoint is back. */
  get usable(): boolean {
    return this.#breaker.closed || this.#breaker.pendingClose;
  }

  /** Rejects with the dialer's error, or with `no-healthy-endpoint` while the breaker is open. */
  async dial<T>(dial: Dial<T>): Promise<T> {
    try {
      return (await this.#breaker.fire(dial)) as T;
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
