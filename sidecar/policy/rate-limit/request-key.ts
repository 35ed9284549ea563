import { createHash } from 'node:crypto';
import type { RateLimitKey } from '../../config/rate-limits.ts';
import type { Exchange } from '../../exchange.ts';

/** Longer texts of strangers are kept as their digest. */
const MAX_TEXT = 64;

/** Callers who prove nothing are one. */
const UNMESHED = 'unmeshed';

/**
 * What of a request decides its bucket. Where everybody has one, it is who may take how
 * much of it.
 *
 * @param self this pod's own identity, which is the caller of all that leaves it
 */
export function requestKey(key: RateLimitKey, exchange: Exchange, self: () => string): string {
  if (key.kind === 'header') return bounded(exchange.request.header(key.name) ?? '');
  return exchange.context.direction === 'outbound' ? self() : (exchange.peer.identity ?? UNMESHED);
}

/** A digest is longer than any text that is kept as it is, so that nobody can send one. */
function bounded(text: string): string {
  if (text.length <= MAX_TEXT) return text;
  return `sha256-${createHash('sha256').update(text, 'latin1').digest('hex')}`;
}
