import type { Layer } from './layer.ts';

/** What the application said plainly is said by TLS: servers see it, and some insist on it (RFC 9110 §7.4). */
export const httpsScheme: Layer = {
  name: 'https-scheme',
  onRequest({ request }) {
    request.rewriteScheme('https');
    return undefined;
  },
};
