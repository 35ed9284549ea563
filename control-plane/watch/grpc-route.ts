import { z } from 'zod';
import { backendRef, checkExpression, headerMatch, routeKind } from './route.ts';
import { grpcFilters } from './route-filters.ts';
import { sessionPersistence } from './session-persistence.ts';

/** Names of services and methods, as the Gateway API lets them be matched exactly. */
const SERVICE = /^[a-zA-Z_][a-zA-Z_0-9]*(\.[a-zA-Z_][a-zA-Z_0-9]*)*$/;
const METHOD = /^[a-zA-Z_][a-zA-Z_0-9]*$/;

const methodMatch = z
  .strictObject({
    type: z
      .enum(['Exact', 'RegularExpression'], 'is not supported; Exact and RegularExpression are')
      .default('Exact'),
    service: z.string().min(1).max(1024).optional(),
    method: z.string().min(1).max(1024).optional(),
  })
  .check((context) => {
    const { type, service, method } = context.value;
    const problem = (message: string, path: string) =>
      context.issues.push({ code: 'custom', message, input: context.value, path: [path] });
    if (service === undefined && method === undefined) {
      problem('or method has to be given', 'service');
    }
    for (const [name, value, pattern] of [
      ['service', service, SERVICE],
      ['method', method, METHOD],
    ] as const) {
      if (value === undefined) continue;
      if (type === 'RegularExpression') checkExpression(value, [name], context.issues);
      else if (!pattern.test(value)) problem(`is not the name of a ${name}`, name);
    }
  });

const matchSchema = z
  .strictObject({
    method: methodMatch.optional(),
    headers: z.array(headerMatch).max(16).default([]),
  })
  .transform(({ method, headers }) => ({ grpcMethod: method, headers, queryParams: [] }));

const ruleSchema = z.strictObject({
  name: z.string().max(253).optional(),
  matches: z.array(matchSchema).max(64).default([]),
  filters: grpcFilters,
  backendRefs: z
    .array(backendRef.extend({ filters: grpcFilters }))
    .max(16)
    .default([]),
  sessionPersistence: sessionPersistence.optional(),
});

const specSchema = z.object({ rules: z.array(ruleSchema).max(16).prefault([{}]) });

export const grpcRouteKind = routeKind('GRPCRoute', 'grpcroutes', specSchema);
