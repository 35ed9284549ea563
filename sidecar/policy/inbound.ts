import { accessLog } from './access-log.ts';
import { clientIdentity } from './client-identity.ts';
import { type Layer, stackOf } from './layer.ts';
import { metrics } from './metrics.ts';
import { staleConnection } from './stale-connection.ts';
import { traceContext } from './trace-context.ts';

/** The layers of requests that come to the pod's own application. */
const INBOUND_LAYERS: readonly Layer[] = stackOf([
  // Outermost, so that they tell what the caller saw.
  metrics,
  accessLog,
  // Before anything of the request is written.
  traceContext,
  clientIdentity,
  // The application may close its idle connections at any time.
  staleConnection,
]);

/** Of requests that were refused before they had a route. */
const REFUSAL_LAYERS: readonly Layer[] = stackOf([metrics, accessLog]);

const withoutLog = (layers: readonly Layer[]): readonly Layer[] =>
  stackOf(layers.filter((layer) => layer.name !== accessLog.name));

const QUIET_INBOUND_LAYERS = withoutLog(INBOUND_LAYERS);
const QUIET_REFUSAL_LAYERS = withoutLog(REFUSAL_LAYERS);

/** @param guards what may hold or refuse a request, before anything is done for it */
export function inboundLayers(
  accessLogged: boolean,
  guards: readonly Layer[] = [],
): readonly Layer[] {
  const layers = accessLogged ? INBOUND_LAYERS : QUIET_INBOUND_LAYERS;
  if (guards.length === 0) return layers;
  const at = layers.findIndex((layer) => layer.name === traceContext.name) + 1;
  return stackOf([...layers.slice(0, at), ...guards, ...layers.slice(at)]);
}

export function refusalLayers(accessLogged: boolean): readonly Layer[] {
  return accessLogged ? REFUSAL_LAYERS : QUIET_REFUSAL_LAYERS;
}
