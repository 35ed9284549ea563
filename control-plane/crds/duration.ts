const UNIT_MS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };

/** Durations as the Gateway API writes them (GEP-2257): `1h30m`, `10s`, `250ms`. */
export const DURATION_PATTERN = /^([0-9]{1,5}(h|m|s|ms)){1,4}$/;

/** The largest number of milliseconds that a sidecar is told (an unsigned 32-bit number, 49 days). */
const MAX_DURATION_MS = 0xffff_ffff;

/** Milliseconds of a GEP-2257 duration, at most 49 days; undefined when the text is none. */
export function parseDurationMs(text: string): number | undefined {
  if (!DURATION_PATTERN.test(text)) return undefined;
  let totalMs = 0;
  for (const [, count, unit] of text.matchAll(/([0-9]+)(ms|h|m|s)/g)) {
    totalMs += Number(count) * (UNIT_MS[unit ?? ''] ?? 0);
  }
  return Math.min(totalMs, MAX_DURATION_MS);
}
