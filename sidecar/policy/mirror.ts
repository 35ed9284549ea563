import { accessLog } from './access-log.ts';
import type { EffectivePolicy } from './effective.ts';
import type { Layer } from './layer.ts';
import { metrics } from './metrics.ts';
import { requestTimeout } from './request-timeout.ts';
import { staleConnection } from './stale-connection.ts';

/** Nobody waits for a copy, so nothing else ends one whose server never answers. */
const MIRROR_TIMEOUT_MS = 15_000;

/** A copy goes to one endpoint, once. */
export function mirrorPolicy(ofRule: EffectivePolicy): EffectivePolicy {
  const { hedging: _, ...others } = ofRule;
  return {
    ...others,
    requestTimeoutMs: ofRule.requestTimeoutMs || MIRROR_TIMEOUT_MS,
    retries: undefined,
    connectRetries: 0,
  };
}

/** The layers of copies: what concerns the request itself was done to the original. */
export function mirrorLayers(accessLogged: boolean): readonly Layer[] {
  return [metrics, ...(accessLogged ? [accessLog] : []), requestTimeout, staleConnection];
}
