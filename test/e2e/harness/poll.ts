import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Asks until the answer is not undefined and returns it. Fails after the
 * deadline with the sentence `what` and the last thing that was thrown.
 */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined>,
  options: { timeoutMs?: number; intervalMs?: number } = {},
): Promise<T> {
  const { timeoutMs = 60_000, intervalMs = 250 } = options;
  const deadline = performance.now() + timeoutMs;
  let cause: unknown;
  for (;;) {
    try {
      const answer = await ask();
      if (answer !== undefined) return answer;
    } catch (error) {
      cause = error;
    }
    if (performance.now() > deadline) {
      throw new Error(`not within ${timeoutMs} ms: ${what}`, { cause });
    }
    await sleep(intervalMs);
  }
}
