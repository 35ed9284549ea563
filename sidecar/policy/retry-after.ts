import type { ResponseHead } from '../message.ts';

/**
 * How long a server asks to wait before the next try, in ms: `Retry-After` (RFC
 * 9110 §10.2.3), or for calls of gRPC `grpc-retry-pushback-ms` (gRFC A6), whose
 * negative values, and what is no number, mean never. Undefined when it does not ask.
 */
export function askedPauseMs(
  response: ResponseHead,
  isGrpc: boolean,
  wallMs: number,
): number | undefined {
  if (isGrpc) {
    const pushback = response.header('grpc-retry-pushback-ms');
    if (pushback !== undefined) return numberOf(pushback) ?? NEVER_MS;
  }
  const text = response.header('retry-after');
  if (text === undefined) return undefined;
  const seconds = numberOf(text);
  if (seconds !== undefined) return seconds * 1000;
  const dateMs = IMF_FIXDATE.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(dateMs) ? undefined : Math.max(0, dateMs - wallMs);
}

const NEVER_MS = Number.POSITIVE_INFINITY;
/** The only form of a date that is still written. */
const IMF_FIXDATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

function numberOf(text: string): number | undefined {
  return /^[0-9]{1,10}$/.test(text) ? Number(text) : undefined;
}
