import type { OutboundTarget } from '../compile.ts';
import type { RequestHead } from '../message.ts';
import type { RouteDecision } from '../route/route.ts';
import type { ExplainedBackend } from './backend.ts';

/** What becomes of a request to a service, in one sentence. */
export function describeOutcome(
  request: RequestHead,
  { name, port }: OutboundTarget,
  { taken }: RouteDecision,
  backends: readonly ExplainedBackend[],
): string {
  const [only] = backends;
  const by = taken === undefined ? 'no rule took it' : `rule ${taken.name} took it`;
  const redirect = taken?.filters?.redirect;
  if (redirect !== undefined) return `is answered with a redirect, ${redirect.status}: ${by}`;
  if (isPreflight(request) && taken?.filters?.cors !== undefined) {
    return `is answered with 204, as a preflight: ${by}`;
  }
  if (backends.length === 1 && only !== undefined) return `${oneBackend(only)}: ${by}`;
  const parts = backends
    .filter(({ share }) => share > 0)
    .map((backend) => `${Math.round(backend.share * 1000) / 10} % ${oneBackend(backend)}`);
  return parts.length === 0
    ? `nobody takes it at ${name}:${port.port}`
    : `${parts.join(', ')}: ${by}`;
}

function oneBackend(backend: ExplainedBackend): string {
  if ('error' in backend) {
    return `is answered with ${backend.answers} (${backend.error}: ${backend.because})`;
  }
  const usable = backend.endpoints.filter((endpoint) => endpoint.usable).length;
  const of = backend.endpoints.length;
  if (of === 0) return `is answered with 503 (${backend.backend} has no endpoints)`;
  if (usable === 0)
    return `is answered with 503 (none of the ${of} endpoints of ${backend.backend} is usable)`;
  return `goes to one of ${usable} usable endpoints (of ${of}) of ${backend.backend}`;
}

function isPreflight(request: RequestHead): boolean {
  return (
    request.method === 'OPTIONS' &&
    request.header('origin') !== undefined &&
    request.header('access-control-request-method') !== undefined
  );
}
