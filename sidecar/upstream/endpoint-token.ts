import { createHash } from 'node:crypto';
import type { Endpoint } from '../config/types.ts';
import { memberKey } from './member.ts';

/** Of the hash; 132 bits leave nothing to chance. */
export const TOKEN_LENGTH = 22;

/**
 * Names an endpoint of a cluster to clients, the same from every sidecar. It tells
 * nothing of the endpoint, and nobody is ever reached by what it says: it is only
 * compared with those of the endpoints that there are.
 */
export function endpointToken(cluster: string, endpoint: Endpoint, port: number): string {
  const hash = createHash('sha256').update(`${cluster}|${memberKey(endpoint, port)}`);
  return hash.digest('base64url').slice(0, TOKEN_LENGTH);
}
