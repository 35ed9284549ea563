const UNIT_MS: ReadonlyMap<string, number> = new Map([
  ['H', 3_600_000],
  ['M', 60_000],
  ['S', 1_000],
  ['m', 1],
  ['u', 1e-3],
  ['n', 1e-6],
]);

/** What a timer can wait: about 24 days. */
const LONGEST_MS = 2 ** 31 - 1;

/**
 * The value of `grpc-timeout`, at most eight digits and a unit, in whole ms and at
 * least one. 0 when it is malformed or further off than a timer reaches: the
 * server sees it as well.
 */
export function parseGrpcTimeout(text: string): number {
  const match = /^([0-9]{1,8})([HMSmun])$/.exec(text);
  if (match === null) return 0;
  const timeoutMs = Number(match[1]) * (UNIT_MS.get(match[2] ?? '') ?? 0);
  return timeoutMs > LONGEST_MS ? 0 : Math.max(1, Math.ceil(timeoutMs));
}
