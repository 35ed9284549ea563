import { isIP } from 'node:net';
import { z } from 'zod';
import { backendRef, type RouteObject, routeKind } from './route.ts';
import type { WatchedKind } from './source.ts';

/** TLSRoute and TCPRoute: rules for connections, of which nothing but their beginning is looked at. */

const ruleSchema = z
  .strictObject({
    name: z.string().max(253).optional(),
    backendRefs: z.array(backendRef).min(1).max(16),
  })
  .transform(({ name, backendRefs }) => ({
    name,
    matches: [],
    filters: [],
    backendRefs: backendRefs.map((ref) => ({ ...ref, filters: [] })),
  }));

const rules = z.array(ruleSchema).min(1).max(16);

const serverName = z
  .string()
  .max(253)
  .regex(
    /^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/,
    'is not the name of a host, nor "*." before one',
  )
  .refine((name) => isIP(name) === 0, 'is an address, which no client says as its server name');

const tcpSchema = z.object({ rules });
const tlsSchema = z.object({ hostnames: z.array(serverName).max(1024).default([]), rules });

const GATEWAY_API = 'gateway.networking.k8s.io';

/**
 * A cluster may serve any of these versions, or none; one that serves several is
 * read in each, and the first counts.
 */
export const tcpRouteKinds = [
  routeKind('TCPRoute', 'tcproutes', tcpSchema, `${GATEWAY_API}/v1`),
  routeKind('TCPRoute', 'tcproutes', tcpSchema, `${GATEWAY_API}/v1alpha2`),
] as const satisfies WatchedKind<RouteObject>[];

export const tlsRouteKinds = [
  routeKind('TLSRoute', 'tlsroutes', tlsSchema, `${GATEWAY_API}/v1`),
  routeKind('TLSRoute', 'tlsroutes', tlsSchema, `${GATEWAY_API}/v1alpha3`),
  routeKind('TLSRoute', 'tlsroutes', tlsSchema, `${GATEWAY_API}/v1alpha2`),
] as const satisfies WatchedKind<RouteObject>[];
