import { type Clock, systemClock } from '../runtime/clock.ts';

let nowMs = 0;
let known = false;

function forget(): void {
  known = false;
}

/**
 * The machine's clock, looked at once a turn of the event loop: a request asks for
 * the time a dozen times, and a turn is short.
 */
export const turnClock: Clock = {
  monotonicMs() {
    if (!known) {
      nowMs = systemClock.monotonicMs();
      known = true;
      setImmediate(forget);
    }
    return nowMs;
  },
  wallMs: systemClock.wallMs,
  setTimeout: systemClock.setTimeout,
};
