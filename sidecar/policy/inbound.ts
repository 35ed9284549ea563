import { accessLog } from './access-log.ts';
import { clientIdentity } from './client-identity.ts';
import { type Layer, stackOf } from './layer.ts';
import { metrics } from './metrics.ts';
import { staleConnection } from './stale-connection.ts';

/** The layers of requests that come to the pod's own application. */
export const INBOUND_LAYERS: readonly Layer[] = stackOf([
  // Outermost, so that they tell what the caller saw.
  metrics,
  accessLog,
  // Before anything of the request is written.
  clientIdentity,
  // The application may close its idle connections at any time.
  staleConnection,
]);

/** Of requests that were refused before they had a route. */
export const REFUSAL_LAYERS: readonly Layer[] = stackOf([metrics, accessLog]);
