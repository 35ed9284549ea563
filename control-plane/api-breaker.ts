import CircuitBreaker from 'opossum';
import { MeshError } from '../runtime/errors.ts';

/** The HTTP status of an error that the Kubernetes API answered with; undefined when it did not answer. */
export function apiStatus(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('status' in error)) return undefined;
  return typeof error.status === 'number' ? error.status : undefined;
}

/** A function behind a circuit breaker. */
export interface Guarded<Args extends unknown[], Result> {
  (...args: Args): Promise<Result>;
  /** Ends the breaker's timers. */
  shutdown(): void;
}

/**
 * Puts a circuit breaker around calls of the Kubernetes API, so that a server
 * which is down is asked once a second, not by every stream at once. Answers
 * that say something about the request (404, 409, ...) are no failures of the
 * server.
 *
 * @throws MeshError `api-unavailable` at once while the breaker is open.
 */
export function guardApiCalls<Args extends unknown[], Result>(
  name: string,
  call: (...args: Args) => Promise<Result>,
): Guarded<Args, Result> {
  const breaker = new CircuitBreaker(call, {
    name,
    // The calls have time limits of their own.
    timeout: false,
    volumeThreshold: 5,
    errorThresholdPercentage: 50,
    resetTimeout: 1_000,
    rollingCountTimeout: 10_000,
    // Both cost more than the rest of the breaker, and nobody reads them.
    rollingPercentilesEnabled: false,
    enableSnapshots: false,
    errorFilter: (error: unknown) => {
      const status = apiStatus(error);
      return status !== undefined && status < 500 && status !== 429;
    },
  });
  const guarded = async (...args: Args): Promise<Result> => {
    try {
      return await breaker.fire(...args);
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'EOPENBREAKER') {
        throw new MeshError(
          'api-unavailable',
          `the Kubernetes API did not answer lately (${name}); trying again within a second`,
        );
      }
      throw error;
    }
  };
  return Object.assign(guarded, { shutdown: () => breaker.shutdown() });
}
