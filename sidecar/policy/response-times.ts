/**
 * Eight between two powers of two, in microseconds up to 35 minutes: what is read is
 * at most an eighth above what was measured.
 */
const BUCKETS = 232;
const LONGEST_US = 2 ** 31 - 1;
/** With fewer, nothing is concluded. */
const LEAST_SAMPLES = 20;
/** With more, or after this time, all that came so far counts half. */
const ENOUGH_SAMPLES = 1_000;
const HALF_LIFE_MS = 30_000;

/**
 * The distribution of recent response times, in two kilobytes: a sample costs an
 * addition, and what is old loses its weight as newer ones come.
 */
export class ResponseTimes {
  readonly #counts = new Float64Array(BUCKETS);
  #total = 0;
  #agedMs = 0;

  add(elapsedMs: number): void {
    const bucket = bucketOf(elapsedMs);
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#total += 1;
  }

  /** This share of the requests took no longer; undefined while too few are known. */
  percentile(percent: number, nowMs: number): number | undefined {
    this.#age(nowMs);
    if (this.#total < LEAST_SAMPLES) return undefined;
    let left = (this.#total * percent) / 100;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      left -= this.#counts[bucket] ?? 0;
      if (left <= 0) return boundMs(bucket);
    }
    return boundMs(BUCKETS - 1);
  }

  #age(nowMs: number): void {
    const halfLives = Math.floor((nowMs - this.#agedMs) / HALF_LIFE_MS);
    const halvings = this.#total > ENOUGH_SAMPLES ? Math.max(halfLives, 1) : halfLives;
    if (halvings < 1) return;
    this.#agedMs = nowMs;
    const factor = 0.5 ** halvings;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      this.#counts[bucket] = (this.#counts[bucket] ?? 0) * factor;
    }
    this.#total *= factor;
  }
}

function bucketOf(elapsedMs: number): number {
  const us = Math.trunc(Math.min(Math.max(elapsedMs * 1000, 0), LONGEST_US));
  if (us < 8) return us;
  const exponent = 31 - Math.clz32(us);
  return (exponent - 2) * 8 + ((us >>> (exponent - 3)) & 7);
}

/** What everything in the bucket is below. */
function boundMs(bucket: number): number {
  if (bucket < 8) return (bucket + 1) / 1000;
  return (((bucket & 7) + 9) * 2 ** ((bucket >> 3) - 1)) / 1000;
}
