/**
 * Power of two choices: of two candidates drawn at random, the one that costs
 * less. Close to the best of all, without looking at all, and without every
 * sidecar running to the same one.
 *
 * Michael Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing",
 * IEEE Transactions on Parallel and Distributed Systems 12(10), 2001.
 */
export function chooseOfTwo<T>(
  candidates: readonly T[],
  random: () => number,
  costOf: (candidate: T) => number,
): T | undefined {
  const count = candidates.length;
  if (count < 2) return candidates[0];
  const firstIndex = Math.floor(random() * count);
  // Drawn from the others, so that the two always differ.
  const offset = 1 + Math.floor(random() * (count - 1));
  const first = candidates[firstIndex];
  const second = candidates[(firstIndex + offset) % count];
  if (first === undefined || second === undefined) return first ?? second;
  return costOf(second) < costOf(first) ? second : first;
}
