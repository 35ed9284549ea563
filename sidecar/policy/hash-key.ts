import { randomUUID } from 'node:crypto';
import type { HashSource } from '../config/types.ts';
import type { RequestHead } from '../message.ts';
import { cookieValue } from './cookie.ts';
import type { Layer } from './layer.ts';

/**
 * Takes from the request what decides its endpoint. A request that comes without
 * the cookie of its policy is given one by the response, where the policy says how
 * long it lives, so that the client's next request finds the same endpoint.
 */
export const hashKey: Layer = {
  name: 'hash-key',
  onRequest(exchange) {
    const { hash } = exchange.policy;
    if (hash === undefined) return undefined;
    exchange.hashKey = keyOf(hash, exchange.request);
    if (exchange.hashKey === undefined && hash.kind === 'cookie' && hash.ttlSeconds !== undefined) {
      exchange.hashKey = randomUUID();
      exchange.newCookie = setCookie(hash.name, exchange.hashKey, hash.ttlSeconds);
    }
    return undefined;
  },
  onResponse(exchange, response) {
    if (exchange.newCookie !== '') response.addField('set-cookie', exchange.newCookie, true);
  },
};

/** Undefined when the request has none, or an empty one. */
function keyOf(hash: HashSource, request: RequestHead): string | undefined {
  switch (hash.kind) {
    case 'header':
      return request.header(hash.name) || undefined;
    case 'cookie':
      return cookieValue(request.header('cookie'), hash.name) || undefined;
    case 'source':
      // The cluster knows it, for connections that are not HTTP too.
      return undefined;
  }
}

/** RFC 6265 §4.1. Scripts have no use for it. */
function setCookie(name: string, value: string, ttlSeconds: number): string {
  const age = ttlSeconds === 0 ? '' : `; Max-Age=${ttlSeconds}`;
  return `${name}=${value}; Path=/; HttpOnly${age}`;
}
