import { setTimeout as delay } from 'node:timers/promises';

/**
 * Waits until a condition holds, and returns what it found.
 *
 * @param what names the condition in the error when it does not come true in time
 */
export async function until<T>(
  condition: () => T | undefined | false | Promise<T | undefined | false>,
  what: string,
  timeoutMs = 10_000,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const found = await condition();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > deadline) throw new Error(`waited in vain for: ${what}`);
    await delay(5);
  }
}
