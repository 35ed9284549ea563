import type { RateLimitKey } from '../../proto/gen/remora/v1/RateLimitKey.ts';
import type { RateLimits as RateLimitsMessage } from '../../proto/gen/remora/v1/RateLimits.ts';
import type { RateLimit, RateLimits } from '../model/types.ts';

/** The part of encode.ts that writes rate limits. */
export function rateLimitsMessage({ limits, ...rest }: RateLimits): RateLimitsMessage {
  return {
    ...rest,
    limits: limits.map(({ key, ...limit }) => ({ ...limit, key: keyMessage(key) })),
  };
}

function keyMessage(key: RateLimit['key']): RateLimitKey {
  switch (key.kind) {
    case 'everybody':
      return { everybody: {} };
    case 'caller':
      return { caller: {} };
    case 'header':
      return { header: key.name };
  }
}
