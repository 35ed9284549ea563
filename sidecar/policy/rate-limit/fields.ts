import type { RateLimit } from '../../config/rate-limits.ts';

/*
 * What clients are told of limits: `RateLimit-Policy` and `RateLimit` as in revision 10
 * and later of draft-ietf-httpapi-ratelimit-headers, which are lists of structured fields
 * (RFC 9651), one item for each limit.
 */

export const POLICY_FIELD = 'ratelimit-policy';
export const STATE_FIELD = 'ratelimit';

/** An item of `RateLimit-Policy`: so many requests in so many seconds. */
export function policyItem({ name, requests, windowMs }: RateLimit): string {
  return `"${name}";q=${requests};w=${wholeSeconds(windowMs)}`;
}

/** An item of `RateLimit`: what remains, and in how many seconds nothing will be missing. */
export function stateItem(name: string, remaining: number, fullInMs: number): string {
  return `"${name}";r=${remaining};t=${Math.ceil(fullInMs / 1000)}`;
}

/** Of `Retry-After` (RFC 9110 §10.2.3): never at once. */
export function wholeSeconds(ms: number): number {
  return Math.max(Math.ceil(ms / 1000), 1);
}
