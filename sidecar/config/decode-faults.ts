import type { FaultAbort__Output } from '../../proto/gen/remora/v1/FaultAbort.ts';
import type { Faults__Output } from '../../proto/gen/remora/v1/Faults.ts';
import type { FaultAbort, Faults } from './faults.ts';
import type { Place } from './place.ts';
import type { HttpMatch } from './types.ts';

/* The part of decode.ts that reads faults. */

const MILLION = 1_000_000;
const LAST_GRPC_STATUS = 16;

/** RFC 3339, as `Date.parse` reads it. */
const TIMESTAMP =
  /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})$/i;

/** @param matches decoded already */
export function decodeFaults(
  { source, delay, abort, bandwidth, expiresAt }: Faults__Output,
  matches: readonly HttpMatch[],
  at: Place,
): Faults {
  const share = (parts: number, name: string): number =>
    at.in(`${name}.partsPerMillion`).atMost(parts, MILLION);
  return {
    source,
    matches,
    delay: delay
      ? {
          durationMs: at.in('delay.durationMs').duration(delay.durationMs),
          partsPerMillion: share(delay.partsPerMillion, 'delay'),
        }
      : undefined,
    abort: abort
      ? {
          ...decodeStatus(abort, at.in('abort')),
          partsPerMillion: share(abort.partsPerMillion, 'abort'),
        }
      : undefined,
    bandwidth: bandwidth
      ? {
          bytesPerSecond: at.in('bandwidth.bytesPerSecond').above0(bandwidth.bytesPerSecond),
          partsPerMillion: share(bandwidth.partsPerMillion, 'bandwidth'),
        }
      : undefined,
    expiresAtMs: expiresAt === '' ? undefined : decodeTimestamp(expiresAt, at.in('expiresAt')),
  };
}

function decodeStatus(
  { status, httpStatus, grpcStatus }: FaultAbort__Output,
  at: Place,
): Omit<FaultAbort, 'partsPerMillion'> {
  switch (status) {
    case 'httpStatus':
      if (httpStatus === undefined || httpStatus < 400 || httpStatus > 599) {
        at.in('httpStatus').fail(`${httpStatus} is no status of an error`);
      }
      return { httpStatus, grpcStatus: undefined };
    case 'grpcStatus':
      if (grpcStatus === undefined || grpcStatus < 1 || grpcStatus > LAST_GRPC_STATUS) {
        at.in('grpcStatus').fail(`${grpcStatus} is no status of an error`);
      }
      return { httpStatus: undefined, grpcStatus };
    default:
      return at.fail('it says neither httpStatus nor grpcStatus');
  }
}

function decodeTimestamp(text: string, at: Place): number {
  const timeMs = TIMESTAMP.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(timeMs) ? at.fail(`"${text}" is no time of RFC 3339`) : timeMs;
}
