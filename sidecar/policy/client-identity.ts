import type { Layer } from './layer.ts';

const SPIFFE_ID = /^spiffe:\/\/[A-Za-z0-9._/-]+$/;

/**
 * Tells the application who called, when mTLS proved it. What a client sends
 * under that name was dropped by the parser.
 */
export const clientIdentity: Layer = {
  name: 'client-identity',
  onRequest(exchange) {
    const identity = exchange.peer.identity;
    if (identity !== undefined && SPIFFE_ID.test(identity)) {
      exchange.request.addField('x-forwarded-client-cert', `URI=${identity}`);
    }
    return undefined;
  },
};
