import type { HttpMatch } from './types.ts';

/** What is done to a share of the requests on purpose, to see what becomes of their callers. */
export interface Faults {
  /** The FaultPolicy, `<namespace>/<name>`. */
  readonly source: string;
  /** Any of these; none means every request. */
  readonly matches: readonly HttpMatch[];
  readonly delay: FaultDelay | undefined;
  readonly abort: FaultAbort | undefined;
  readonly bandwidth: FaultBandwidth | undefined;
  /** By the wall's clock: from then on nothing is done any more. Undefined is never. */
  readonly expiresAtMs: number | undefined;
}

/** Of a million requests, so many meet a fault. */
interface Share {
  readonly partsPerMillion: number;
}

export interface FaultDelay extends Share {
  readonly durationMs: number;
}

/** One of the two statuses is given; what is told in the other terms says the same. */
export interface FaultAbort extends Share {
  readonly httpStatus: number | undefined;
  readonly grpcStatus: number | undefined;
}

/** For each direction of one request. */
export interface FaultBandwidth extends Share {
  readonly bytesPerSecond: number;
}
