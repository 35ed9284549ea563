import type { Clock } from '../../runtime/clock.ts';
import type { ConfigView } from '../config/view.ts';

/** The details of a service that is called for the first time. */
export const SERVICE_DETAILS_TIMEOUT_MS = 1_000;
/** Who answers at an address that is used for the first time. */
export const ADDRESS_TIMEOUT_MS = 300;

/**
 * Waits for the configuration to know something, but not for ever: what then is
 * done without it is the caller's part.
 *
 * @param done called once, and not before this returns
 * @returns the way to stop waiting, after which `done` is not called
 */
export function holdUntil(
  view: ConfigView,
  clock: Clock,
  timeoutMs: number,
  isKnown: () => boolean,
  done: () => void,
): () => void {
  const finish = (): void => {
    stop();
    done();
  };
  const timer = clock.setTimeout(finish, isKnown() ? 0 : timeoutMs);
  const unsubscribe = view.onChange(() => {
    if (isKnown()) finish();
  });
  const stop = (): void => {
    timer.cancel();
    unsubscribe();
  };
  return stop;
}
