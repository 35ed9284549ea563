import { z } from 'zod';
import { headerNameProblem, headerValueProblem } from '../../proto/protected-headers.ts';

/** Filters of routes (Gateway API), as far as Remora has them. What it has not makes a route invalid. */
export type RouteFilter = z.output<typeof httpFilterSchema>;

const headerName = z.string().check((context) => {
  const message = headerNameProblem(context.value);
  if (message !== undefined) context.issues.push({ code: 'custom', message, input: context.value });
});

const headerValue = z
  .string()
  .max(4096)
  .check((context) => {
    const message = headerValueProblem(context.value);
    if (message !== undefined) {
      context.issues.push({ code: 'custom', message, input: context.value });
    }
  });

const headers = z
  .array(z.strictObject({ name: headerName, value: headerValue }))
  .max(16)
  .default([]);

const headerChanges = z.strictObject({
  set: headers,
  add: headers,
  remove: z.array(headerName).max(16).default([]),
});

const hostname = z
  .string()
  .max(253)
  .regex(
    /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/,
    'is not the name of a host',
  );

const newPath = z
  .string()
  .max(1024)
  .regex(/^(?:\/[\x21\x22\x24-\x3e\x40-\x7e]*)?$/, 'is not a path that begins with "/"');

const pathChange = z.discriminatedUnion(
  'type',
  [
    z.strictObject({ type: z.literal('ReplaceFullPath'), replaceFullPath: newPath.default('/') }),
    z.strictObject({
      type: z.literal('ReplacePrefixMatch'),
      replacePrefixMatch: newPath.default(''),
    }),
  ],
  'is not supported; ReplaceFullPath and ReplacePrefixMatch are',
);

const port = z.int().min(1).max(65535);

const redirect = z.strictObject({
  scheme: z.enum(['http', 'https'], 'is not supported; http and https are').optional(),
  hostname: hostname.optional(),
  path: pathChange.optional(),
  port: port.optional(),
  statusCode: z
    .literal([301, 302, 303, 307, 308], 'is not supported; 301, 302, 303, 307 and 308 are')
    .default(302),
});

const rewrite = z.strictObject({ hostname: hostname.optional(), path: pathChange.optional() });

const mirror = z
  .strictObject({
    backendRef: z.strictObject({
      group: z.string().default(''),
      kind: z.string().default('Service'),
      namespace: z.string().optional(),
      name: z.string().min(1),
      port: port.optional(),
    }),
    percent: z.int().min(0).max(100).optional(),
    fraction: z
      .strictObject({
        numerator: z.int().min(0).max(0xffff_ffff),
        denominator: z.int().min(1).max(0xffff_ffff).default(100),
      })
      .refine(({ numerator, denominator }) => numerator <= denominator, 'is more than all requests')
      .optional(),
  })
  .refine(
    ({ percent, fraction }) => percent === undefined || fraction === undefined,
    'has a percent and a fraction, of which one must go',
  );

const origin = z
  .string()
  .max(253)
  .regex(
    /^(?:\*|https?:\/\/(?:(?:\*\.)?(?:[a-zA-Z0-9-]+\.)*[a-zA-Z0-9-]+|\*)(?::[0-9]{1,5})?)$/,
    'is not an origin such as https://example.org',
  );

/** A header's name, or `*`, which is one as well. */
const exposedName = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/, 'is not a name');

const cors = z.strictObject({
  allowOrigins: z.array(origin).max(64).default([]),
  allowCredentials: z.boolean().default(false),
  allowMethods: z.array(exposedName).max(9).default([]),
  allowHeaders: z.array(exposedName).max(64).default([]),
  exposeHeaders: z.array(exposedName).max(64).default([]),
  maxAge: z.int().min(1).max(0x7fff_ffff).default(5),
});

const requestHeaders = z.strictObject({
  type: z.literal('RequestHeaderModifier'),
  requestHeaderModifier: headerChanges,
});
const responseHeaders = z.strictObject({
  type: z.literal('ResponseHeaderModifier'),
  responseHeaderModifier: headerChanges,
});
const requestMirror = z.strictObject({
  type: z.literal('RequestMirror'),
  requestMirror: mirror,
});

const httpFilterSchema = z.discriminatedUnion(
  'type',
  [
    requestHeaders,
    responseHeaders,
    requestMirror,
    z.strictObject({ type: z.literal('RequestRedirect'), requestRedirect: redirect }),
    z.strictObject({ type: z.literal('URLRewrite'), urlRewrite: rewrite }),
    z.strictObject({ type: z.literal('CORS'), cors }),
  ],
  'is not a type of filter that is supported',
);

const grpcFilterSchema = z.discriminatedUnion(
  'type',
  [requestHeaders, responseHeaders, requestMirror],
  'is not a type of filter that is supported',
);

export const httpFilters = z.array(httpFilterSchema).max(16).check(unique).default([]);
export const grpcFilters = z.array(grpcFilterSchema).max(16).check(unique).default([]);

/** Only mirrors may stand there more than once, and nobody can be sent away and on. */
function unique(context: { value: readonly { readonly type: string }[]; issues: unknown[] }): void {
  const types = context.value.map(({ type }) => type).filter((type) => type !== 'RequestMirror');
  const problem = (message: string) =>
    context.issues.push({ code: 'custom', message, input: context.value });
  const twice = types.find((type, position) => types.indexOf(type) !== position);
  if (twice !== undefined) problem(`holds ${twice} twice`);
  if (types.includes('RequestRedirect') && types.includes('URLRewrite')) {
    problem('holds RequestRedirect and URLRewrite, of which one must go');
  }
}

/** Whether a filter replaces the prefix by which its rule matched. */
export function replacesPrefix(filter: RouteFilter): boolean {
  if (filter.type === 'URLRewrite') return filter.urlRewrite.path?.type === 'ReplacePrefixMatch';
  return (
    filter.type === 'RequestRedirect' && filter.requestRedirect.path?.type === 'ReplacePrefixMatch'
  );
}
