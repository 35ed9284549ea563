import { z } from 'zod';
import { DURATION_PATTERN } from '../crds/duration.ts';
import { backendRef, checkExpression, headerMatch, routeKind, valueMatch } from './route.ts';
import { httpFilters, replacesPrefix } from './route-filters.ts';
import { sessionPersistence } from './session-persistence.ts';

const METHODS = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'CONNECT',
  'OPTIONS',
  'TRACE',
  'PATCH',
] as const;

const duration = z
  .string()
  .regex(DURATION_PATTERN, 'is not a duration such as 250ms, 10s or 1h30m');

const pathMatch = z
  .strictObject({
    type: z
      .enum(
        ['Exact', 'PathPrefix', 'RegularExpression'],
        'is not supported; Exact, PathPrefix and RegularExpression are',
      )
      .default('PathPrefix'),
    value: z.string().max(1024).default('/'),
  })
  .check((context) => {
    const { type, value } = context.value;
    if (type === 'RegularExpression') {
      checkExpression(value, ['value'], context.issues);
    } else if (!value.startsWith('/')) {
      const message = 'must start with "/"';
      context.issues.push({ code: 'custom', message, input: value, path: ['value'] });
    }
  });

const matchSchema = z.strictObject({
  path: pathMatch.default({ type: 'PathPrefix', value: '/' }),
  method: z.enum(METHODS).optional(),
  headers: z.array(headerMatch).max(16).default([]),
  queryParams: z.array(valueMatch).max(16).default([]),
});

/** GEP-1731 */
const retry = z.strictObject({
  codes: z.array(z.int().min(400).max(599)).default([]),
  attempts: z.int().min(0).max(100).default(1),
  backoff: duration.optional(),
});

const ruleSchema = z
  .strictObject({
    name: z.string().max(253).optional(),
    matches: z.array(matchSchema).max(64).default([]),
    filters: httpFilters,
    backendRefs: z
      .array(backendRef.extend({ filters: httpFilters }))
      .max(16)
      .default([]),
    timeouts: z
      .strictObject({ request: duration.optional(), backendRequest: duration.optional() })
      .default({}),
    retry: retry.optional(),
    sessionPersistence: sessionPersistence.optional(),
  })
  .check((context) => {
    const { filters, backendRefs, matches } = context.value;
    const problem = (message: string) =>
      context.issues.push({ code: 'custom', message, input: context.value });
    const all = [...filters, ...backendRefs.flatMap((backend) => backend.filters)];
    // The Gateway API asks for exactly one, so that there is one prefix to replace.
    const byPrefix = matches.length <= 1 && matches.every(({ path }) => path.type === 'PathPrefix');
    if (all.some(replacesPrefix) && !byPrefix) {
      problem('replacePrefixMatch needs a rule with a single match, of type PathPrefix');
    }
    if (filters.some(({ type }) => type === 'RequestRedirect') && backendRefs.length > 0) {
      problem('a rule with RequestRedirect has no use for backendRefs');
    }
  });

const specSchema = z.object({ rules: z.array(ruleSchema).max(16).prefault([{}]) });

export const httpRouteKind = routeKind('HTTPRoute', 'httproutes', specSchema);
