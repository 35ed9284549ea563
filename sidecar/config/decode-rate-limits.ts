import type { InboundRateLimits__Output } from '../../proto/gen/remora/v1/InboundRateLimits.ts';
import type { RateLimit__Output } from '../../proto/gen/remora/v1/RateLimit.ts';
import type { RateLimitKey__Output } from '../../proto/gen/remora/v1/RateLimitKey.ts';
import type { RateLimitStore__Output } from '../../proto/gen/remora/v1/RateLimitStore.ts';
import type { RateLimits__Output } from '../../proto/gen/remora/v1/RateLimits.ts';
import type { Place } from './place.ts';
import type {
  InboundRateLimits,
  RateLimit,
  RateLimitKey,
  RateLimitStore,
  RateLimits,
} from './rate-limits.ts';

/* The part of decode.ts that reads rate limits. */

/** Becomes a name in a structured field (RFC 9651 §3.3.3). */
const NAME = /^[\x20\x21\x23-\x5b\x5d-\x7e]{1,64}$/;
const ADDRESS = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+)):([0-9]{1,5})$/;
/** More a second no sidecar lets through, and the arithmetic stays exact. */
const MAX_COUNT = 1_000_000;
const MAX_KEYS = 100_000;
/** A header of the `RateLimit` field counts whole seconds. */
const MIN_WINDOW_MS = 1_000;

export function decodeInboundRateLimits(
  all: readonly InboundRateLimits__Output[],
  at: Place,
): readonly InboundRateLimits[] {
  const decoded = all.map(({ port, limits }, i) => {
    const place = at.in(`rateLimits[${i}]`);
    return {
      port: place.in('port').port(port),
      limits: limits.map((one, j) => decodeRateLimits(one, place.in(`limits[${j}]`))),
    };
  });
  at.in('rateLimits').unique(decoded.map(({ port }) => port));
  return decoded;
}

export function decodeRateLimits(
  { source, target, limits, store }: RateLimits__Output,
  at: Place,
): RateLimits {
  const decoded = limits.map((limit, i) => decodeLimit(limit, at.in(`limits[${i}]`)));
  if (decoded.length === 0) at.in('limits').fail('there is none');
  if (decoded.some(({ global }) => global)) at.in('store').present(store);
  return {
    source,
    target,
    limits: decoded,
    store: store ? decodeStore(store, at.in('store')) : undefined,
  };
}

function decodeLimit(limit: RateLimit__Output, at: Place): RateLimit {
  const count = (name: 'requests' | 'burst'): number => {
    const place = at.in(name);
    return place.atMost(place.above0(limit[name]), MAX_COUNT);
  };
  const { name, windowMs, maxKeys, global } = limit;
  if (!NAME.test(name)) at.in('name').fail(`${JSON.stringify(name)} is no name`);
  if (windowMs < MIN_WINDOW_MS) at.in('windowMs').fail(`${windowMs} is below ${MIN_WINDOW_MS}`);
  return {
    name,
    requests: count('requests'),
    windowMs: at.in('windowMs').duration(windowMs),
    burst: count('burst'),
    key: decodeKey(at.in('key').present(limit.key), at.in('key')),
    maxKeys: at.in('maxKeys').atMost(at.in('maxKeys').above0(maxKeys), MAX_KEYS),
    global,
  };
}

function decodeKey({ key, header }: RateLimitKey__Output, at: Place): RateLimitKey {
  switch (key) {
    case 'everybody':
    case 'caller':
      return { kind: key };
    case 'header':
      return {
        kind: 'header',
        name: at
          .in('header')
          .token(header ?? '')
          .toLowerCase(),
      };
    default:
      return at.fail('it says nothing that is known to this sidecar');
  }
}

function decodeStore(store: RateLimitStore__Output, at: Place): RateLimitStore {
  const [, bracketed, plain, digits] = ADDRESS.exec(store.redis) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined) return at.in('redis').fail(`"${store.redis}" is not host:port`);
  return {
    host,
    port: at.in('redis').port(Number(digits)),
    timeoutMs: at.in('timeoutMs').duration(at.in('timeoutMs').above0(store.timeoutMs)),
    failOpen: store.failOpen,
  };
}
