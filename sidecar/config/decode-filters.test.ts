import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Filters } from '../../proto/gen/remora/v1/Filters.ts';
import type { HttpMatch } from '../../proto/gen/remora/v1/HttpMatch.ts';
import { v1 } from '../../proto/load.ts';
import { decodePush } from './decode.ts';

const { responseSerialize, responseDeserialize } = v1.Config.service.Subscribe;

function decode(rule: { filters?: Filters; matches?: HttpMatch[] }): unknown {
  const rules = [{ name: 'r', backends: [], ...rule }];
  const resource = {
    name: 'routes/shop/web',
    routes: { service: 'shop/web', ports: [{ port: 80, rules }] },
  };
  return decodePush(responseDeserialize(responseSerialize({ resources: [resource] })));
}

const set = (name: string, value = 'a'): Filters => ({
  requestHeaders: { set: [{ name, value }] },
});

suite('filters that no sidecar may apply', () => {
  const refused: { what: string; filters: Filters; says: RegExp }[] = [
    ...[
      'Host',
      'CONTENT-LENGTH',
      'transfer-encoding',
      'Connection',
      'keep-alive',
      'te',
      'upgrade',
      'X-Remora-Error',
      'x_remora_error',
      'remora-source',
      'X-Forwarded-Client-Cert',
      ':path',
      '',
      'a b',
      'a\r\nb',
    ].map((name) => ({
      what: `set ${JSON.stringify(name)}`,
      filters: set(name),
      says: /set\[0\]\.name: .* (?:is a header that rules may not change|is not the name of a header)/,
    })),
    ...['a\r\nb: c', 'a\nb', 'a\0', ' a', 'a ', '\x7f'].map((value) => ({
      what: `set a value ${JSON.stringify(value)}`,
      filters: set('x-a', value),
      says: /set\[0\]\.value: .* is not a value that a header can have/,
    })),
    {
      what: 'remove a header of ours',
      filters: { responseHeaders: { remove: ['x-remora-error'] } },
      says: /responseHeaders\.remove\[0\]/,
    },
    { what: 'redirect without a status', filters: { redirect: {} }, says: /0 is no status/ },
    {
      what: 'redirect to a script',
      filters: { redirect: { scheme: 'javascript', status: 302 } },
      says: /neither http nor https/,
    },
    {
      what: 'redirect to a host with more behind it',
      filters: { redirect: { hostname: 'a/b', status: 302 } },
      says: /no host name/,
    },
    {
      what: 'redirect to a path with a line in it',
      filters: { redirect: { path: { full: '/a\r\nb' }, status: 302 } },
      says: /not a path/,
    },
    {
      what: 'rewrite to a path without a slash',
      filters: { rewrite: { path: { prefix: 'a' } } },
      says: /not a path/,
    },
    { what: 'rewrite to nothing said', filters: { rewrite: { path: {} } }, says: /neither/ },
    {
      what: 'rewrite to an empty path',
      filters: { rewrite: { path: { full: '' } } },
      says: /path/,
    },
    {
      what: 'allow an origin that is none',
      filters: { cors: { allowOrigins: ['https://a/b'] } },
      says: /no origin/,
    },
    {
      what: 'expose a header that is none',
      filters: { cors: { exposeHeaders: ['a, b'] } },
      says: /no name/,
    },
    {
      what: 'mirror more than there is',
      filters: { mirrors: [{ service: 'a/b', port: 80, numerator: 3, denominator: 2 }] },
      says: /3 is above 2/,
    },
    {
      what: 'mirror in parts of nothing',
      filters: { mirrors: [{ service: 'a/b', port: 80 }] },
      says: /denominator: it is 0/,
    },
  ];
  for (const { what, filters, says } of refused) {
    test(what, () => {
      assert.throws(() => decode({ filters }), says);
    });
  }

  test('match by what is no expression, or one that takes no linear time', () => {
    for (const expression of ['(', '(a)\\1', 'a(?=b)', 'a{1001}']) {
      assert.throws(
        () => decode({ matches: [{ pathExpression: expression }] }),
        /pathExpression: .* no regular expression of RE2/,
      );
      assert.throws(
        () => decode({ matches: [{ headers: [{ name: 'a', expression }] }] }),
        /headers\[0\]\.expression/,
      );
    }
  });
});
