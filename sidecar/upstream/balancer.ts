/** What the balancer needs to know of a candidate. */
export interface Load {
  /** Requests and connections under way to it from here. */
  readonly inFlight: number;
}

/**
 * Power of two choices: of two candidates drawn at random, the one with less
 * under way. Close to the least loaded of all, without looking at all, and
 * without every sidecar running to the same one.
 */
export function chooseOfTwo<T extends Load>(
  candidates: readonly T[],
  random: () => number,
): T | undefined {
  const count = candidates.length;
  if (count < 2) return candidates[0];
  const firstIndex = Math.floor(random() * count);
  // Drawn from the others, so that the two always differ.
  const offset = 1 + Math.floor(random() * (count - 1));
  const first = candidates[firstIndex];
  const second = candidates[(firstIndex + offset) % count];
  if (first === undefined || second === undefined) return first ?? second;
  return second.inFlight < first.inFlight ? second : first;
}
