import { Answer } from '../../answer.ts';
import type { Cors } from '../../config/filters.ts';
import type { FieldChanges, RequestHead } from '../../message.ts';
import type { Layer } from '../layer.ts';

const ANY = '*';

/**
 * Cross-origin requests as the Fetch standard has them: answers what a browser
 * asks ahead of a request (preflight), and tells it on responses what a page of
 * an allowed origin may see. An origin that is not allowed is told nothing, and
 * its browser then keeps the page from the response.
 */
export function allowOrigins(cors: Cors): Layer {
  const isAllowed = compileOrigins(cors.allowOrigins);
  const everybody = cors.allowOrigins.includes(ANY) && !cors.allowCredentials;
  return {
    name: 'cors',
    onRequest({ request }) {
      const origin = request.header('origin');
      if (
        request.method !== 'OPTIONS' ||
        origin === undefined ||
        request.header('access-control-request-method') === undefined
      ) {
        return undefined;
      }
      const answer = new Answer(204);
      if (isAllowed(origin)) {
        allowRequest(answer, cors, request);
      }
      return answer;
    },
    onResponse({ request }, response) {
      const origin = request.header('origin');
      // What a cache keeps depends on who asked.
      if (!everybody) response.addField('vary', 'origin');
      if (origin === undefined || !isAllowed(origin)) return;
      replace(response, 'access-control-allow-origin', everybody ? ANY : origin);
      if (cors.allowCredentials) replace(response, 'access-control-allow-credentials', 'true');
      const exposed = cors.exposeHeaders.filter((name) => name !== ANY || !cors.allowCredentials);
      if (exposed.length > 0 && !(response instanceof Answer && response.status === 204)) {
        replace(response, 'access-control-expose-headers', exposed.join(', '));
      }
    },
  };
}

/** With credentials a browser takes `*` for a name: then it is told what it asked about. */
function allowRequest(answer: Answer, cors: Cors, request: RequestHead): void {
  const { allowMethods, allowHeaders, allowCredentials, maxAgeSeconds } = cors;
  const list = (names: readonly string[], asked: string): string | undefined =>
    allowCredentials && names.includes(ANY) ? request.header(asked) : names.join(', ');
  const methods = list(allowMethods, 'access-control-request-method');
  if (methods) answer.addField('access-control-allow-methods', methods);
  const headers = list(allowHeaders, 'access-control-request-headers');
  if (headers) answer.addField('access-control-allow-headers', headers);
  answer.addField('access-control-max-age', String(maxAgeSeconds));
}

function replace(message: FieldChanges, name: string, value: string): void {
  message.removeField(name);
  message.addField(name, value);
}

const ORIGIN = /^(https?):\/\/([^:/?#@\s]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?$/;

/** Whether one of the patterns takes the origin, as a browser writes it. */
function compileOrigins(patterns: readonly string[]): (origin: string) => boolean {
  if (patterns.includes(ANY)) return () => true;
  const matchers = patterns.flatMap((pattern) => {
    const parts = ORIGIN.exec(pattern.toLowerCase());
    if (parts === null) return [];
    const [, scheme, host = '', port] = parts;
    const suffix = host === ANY ? '' : host.startsWith('*.') ? host.slice(1) : undefined;
    const wantedPort = port ?? portOf(scheme);
    return [
      (origin: { scheme: string; host: string; port: string }) =>
        origin.scheme === scheme &&
        origin.port === wantedPort &&
        (suffix === undefined
          ? origin.host === host
          : origin.host.length > suffix.length && origin.host.endsWith(suffix)),
    ];
  });
  return (text) => {
    const parts = ORIGIN.exec(text.toLowerCase());
    if (parts === null) return false;
    const [, scheme = '', host = '', port = portOf(scheme)] = parts;
    return matchers.some((matches) => matches({ scheme, host, port }));
  };
}

function portOf(scheme: string | undefined): string {
  return scheme === 'https' ? '443' : '80';
}
