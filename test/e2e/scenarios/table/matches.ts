import { httpRoute, PORT, service } from '../manifests.ts';
import type { Scenario } from '../scenario.ts';
import { get, post, request, send } from '../steps.ts';

const nobody = { status: 404, error: 'no-route' };

/** Which requests a rule takes, and which rule takes a request. */
export const MATCHES: readonly Scenario[] = [
  {
    name: 'an exact path is taken, and nothing below or beside it',
    apply: [
      service('exact'),
      httpRoute(
        'exact',
        `
        - matches: [{ path: { type: Exact, value: /exact } }]
          backendRefs: [{ name: v1, port: 80 }]`,
      ),
    ],
    steps: [
      send(get('http://exact/exact'), { from: 'v1', received: { path: '/exact' } }),
      send(get('http://exact/exact?query=1'), { from: 'v1' }),
      send(get('http://exact/exact/below'), nobody),
      send(get('http://exact/exactly'), nobody),
    ],
  },
  {
    name: 'a prefix takes whole segments of the path',
    apply: [
      service('prefix'),
      httpRoute(
        'prefix',
        `
        - matches: [{ path: { type: PathPrefix, value: /a/b } }]
          backendRefs: [{ name: v1, port: 80 }]`,
      ),
    ],
    steps: [
      send(get('http://prefix/a/b'), { from: 'v1' }),
      send(get('http://prefix/a/b/c'), { from: 'v1' }),
      send(get('http://prefix/a//b'), { from: 'v1', received: { path: '/a/b' } }),
      send(get('http://prefix/a/bc'), nobody),
      send(get('http://prefix/A/b'), nobody),
    ],
  },
  {
    name: 'a path that servers read differently passes no rule that looks at paths',
    apply: [
      service('ambiguous'),
      httpRoute(
        'ambiguous',
        `
        - matches: [{ path: { type: PathPrefix, value: /public } }]
          backendRefs: [{ name: v1, port: 80 }]`,
      ),
    ],
    steps: [
      send(get('http://ambiguous/public/%2e%2e/secret'), nobody),
      send(get('http://ambiguous/public%2fsecret'), { status: 400, error: 'ambiguous-path' }),
      send(get('http://ambiguous/public/..;/secret'), { status: 400, error: 'ambiguous-path' }),
      send(get('http://ambiguous/public/page'), { from: 'v1' }),
    ],
  },
  {
    name: 'a regular expression has to match all of the path',
    apply: [
      service('expression'),
      httpRoute(
        'expression',
        `
        - matches: [{ path: { type: RegularExpression, value: '/users/[0-9]+' } }]
          backendRefs: [{ name: v2, port: 80 }]`,
      ),
    ],
    steps: [
      send(get('http://expression/users/12'), { from: 'v2' }),
      send(get('http://expression/users/12/orders'), nobody),
      send(get('http://expression/users/x'), nobody),
    ],
  },
  {
    name: 'a method is taken, and no other',
    apply: [
      service('method'),
      httpRoute(
        'method',
        `
        - matches: [{ method: POST }]
          backendRefs: [{ name: v2, port: 80 }]`,
      ),
    ],
    steps: [
      send(request('POST', 'http://method/', { body: 'hello' }), {
        from: 'v2',
        received: { method: 'POST', body: 'hello' },
      }),
      send(get('http://method/'), nobody),
    ],
  },
  {
    name: 'headers are matched by exact value and by expression, and all have to fit',
    apply: [
      service('headers'),
      httpRoute(
        'headers',
        `
        - matches:
            - headers:
                - { name: X-Team, value: red }
                - { name: x-build, type: RegularExpression, value: '2[0-9]+' }
          backendRefs: [{ name: v3, port: 80 }]`,
      ),
    ],
    steps: [
      send(get('http://headers/', { headers: { 'x-team': 'red', 'x-build': '26' } }), {
        from: 'v3',
      }),
      send(get('http://headers/', { headers: { 'x-team': 'red', 'x-build': '36' } }), nobody),
      send(get('http://headers/', { headers: { 'x-team': 'Red', 'x-build': '26' } }), nobody),
      send(get('http://headers/', { headers: { 'x-team': 'red' } }), nobody),
    ],
  },
  {
    name: 'query parameters are matched by their decoded value',
    apply: [
      service('query'),
      httpRoute(
        'query',
        `
        - matches: [{ queryParams: [{ name: q, value: 'a b' }] }]
          backendRefs: [{ name: v1, port: 80 }]`,
      ),
    ],
    steps: [
      send(get('http://query/?q=a+b'), { from: 'v1', received: { path: '/?q=a+b' } }),
      send(get('http://query/?p=1&q=a%20b'), { from: 'v1' }),
      send(get('http://query/?q=ab'), nobody),
      send(get('http://query/'), nobody),
    ],
  },
  {
    name: 'one of several matches is enough for a rule',
    apply: [
      service('either'),
      httpRoute(
        'either',
        `
        - matches:
            - path: { type: Exact, value: /one }
            - headers: [{ name: x-two, value: 'yes' }]
          backendRefs: [{ name: v1, port: 80 }]`,
      ),
    ],
    steps: [
      send(get('http://either/one'), { from: 'v1' }),
      send(get('http://either/other', { headers: { 'x-two': 'yes' } }), { from: 'v1' }),
      send(get('http://either/other'), nobody),
    ],
  },
  {
    name: 'of several rules the one with the most specific path counts, wherever it stands',
    apply: [
      service('specific'),
      httpRoute(
        'specific',
        `
        - matches: [{ path: { type: PathPrefix, value: / } }]
          backendRefs: [{ name: v1, port: 80 }]
        - matches: [{ path: { type: PathPrefix, value: /shop } }]
          backendRefs: [{ name: v2, port: 80 }]
        - matches: [{ path: { type: Exact, value: /shop/cart } }]
          backendRefs: [{ name: v3, port: 80 }]`,
      ),
    ],
    steps: [
      send(get('http://specific/anything'), { from: 'v1' }),
      send(get('http://specific/shop/list'), { from: 'v2' }),
      send(get('http://specific/shop/cart'), { from: 'v3' }),
      send(get('http://specific/shop/cart/1'), { from: 'v2' }),
    ],
  },
  {
    name: 'with equal paths a method counts more than headers, and more headers more than few',
    apply: [
      service('precedence'),
      httpRoute(
        'precedence',
        `
        - matches: [{ headers: [{ name: x-a, value: '1' }] }]
          backendRefs: [{ name: v1, port: 80 }]
        - matches: [{ headers: [{ name: x-a, value: '1' }, { name: x-b, value: '1' }] }]
          backendRefs: [{ name: v2, port: 80 }]
        - matches: [{ method: POST }]
          backendRefs: [{ name: v3, port: 80 }]`,
      ),
    ],
    steps: [
      send(get('http://precedence/', { headers: { 'x-a': '1' } }), { from: 'v1' }),
      send(get('http://precedence/', { headers: { 'x-a': '1', 'x-b': '1' } }), { from: 'v2' }),
      send(post('http://precedence/', { headers: { 'x-a': '1', 'x-b': '1' } }), { from: 'v3' }),
    ],
  },
  {
    name: 'of two routes that match alike the older counts, and of equal age the first by name',
    apply: [
      service('twins'),
      httpRoute('twins', '[{ backendRefs: [{ name: v1, port: 80 }] }]', { name: 'twins-a' }),
      httpRoute('twins', '[{ backendRefs: [{ name: v2, port: 80 }] }]', { name: 'twins-b' }),
    ],
    steps: [send(get('http://twins/'), { from: 'v1' }, { count: 5 })],
  },
  {
    name: 'a route is in force on the port of its parentRef, and the other ports of the Service go unrouted',
    apply: [
      service('ports'),
      httpRoute('ports', '[{ backendRefs: [{ name: v2, port: 80 }] }]', { port: PORT.secondHttp }),
    ],
    steps: [
      send(get('http://ports:82/'), { from: 'v2' }, { count: 10 }),
      send(get('http://ports/'), { pods: 3 }, { count: 40 }),
    ],
  },
  {
    name: 'HTTP/2 is routed request by request as HTTP/1.1 is',
    apply: [
      service('second-version'),
      httpRoute(
        'second-version',
        `
        - matches: [{ path: { type: PathPrefix, value: /one } }]
          backendRefs: [{ name: v1, port: 81 }]
        - matches: [{ headers: [{ name: x-two, value: 'yes' }] }]
          backendRefs: [{ name: v2, port: 81 }]`,
        { port: PORT.http2 },
      ),
    ],
    steps: [
      send(
        get('http://second-version:81/one', { protocol: 'http2' }),
        { from: 'v1', received: { httpVersion: '2.0' } },
        { count: 5 },
      ),
      send(
        get('http://second-version:81/', { protocol: 'http2', headers: { 'x-two': 'yes' } }),
        { from: 'v2' },
        { count: 5 },
      ),
      send(get('http://second-version:81/', { protocol: 'http2' }), nobody),
    ],
  },
];
