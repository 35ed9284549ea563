import { httpRoute, service } from '../manifests.ts';
import type { Scenario } from '../scenario.ts';
import { get, post, request, seen, send } from '../steps.ts';

/** What rules do to the messages that they take. */
export const FILTERS: readonly Scenario[] = [
  {
    name: 'request headers are set, added and removed, before the application sees them',
    apply: [
      service('request-headers'),
      httpRoute(
        'request-headers',
        `
        - filters:
            - type: RequestHeaderModifier
              requestHeaderModifier:
                set: [{ name: x-set, value: new }]
                add: [{ name: x-add, value: more }]
                remove: [x-remove]
          backendRefs: [{ name: v1, port: 80 }]`,
      ),
    ],
    steps: [
      send(
        get('http://request-headers/', {
          headers: { 'x-set': 'old', 'x-add': 'some', 'x-remove': 'this', 'x-other': 'stays' },
        }),
        {
          received: {
            headers: {
              'x-set': 'new',
              'x-add': 'some, more',
              'x-remove': null,
              'x-other': 'stays',
            },
          },
        },
      ),
    ],
  },
  {
    name: 'response headers are set, added and removed, before the client sees them',
    apply: [
      service('response-headers'),
      httpRoute(
        'response-headers',
        `
        - filters:
            - type: ResponseHeaderModifier
              responseHeaderModifier:
                set: [{ name: x-set, value: new }]
                add: [{ name: x-add, value: more }]
                remove: [x-remove]
          backendRefs: [{ name: v1, port: 80 }]`,
      ),
    ],
    steps: [
      send(
        get('http://response-headers/', {
          behave: { headers: { 'x-set': 'old', 'x-add': 'some', 'x-remove': 'this' } },
        }),
        { headers: { 'x-set': 'new', 'x-add': 'some, more', 'x-remove': null } },
      ),
    ],
  },
  {
    name: 'filters of a backend concern its share alone',
    apply: [
      service('backend-filters'),
      httpRoute(
        'backend-filters',
        `
        - matches: [{ path: { type: PathPrefix, value: /first } }]
          backendRefs:
            - name: v1
              port: 80
              filters:
                - type: RequestHeaderModifier
                  requestHeaderModifier: { set: [{ name: x-backend, value: first }] }
        - backendRefs: [{ name: v1, port: 80 }]`,
      ),
    ],
    steps: [
      send(get('http://backend-filters/first'), {
        received: { headers: { 'x-backend': 'first' } },
      }),
      send(get('http://backend-filters/'), { received: { headers: { 'x-backend': null } } }),
    ],
  },
  {
    name: 'a redirect changes what it names, and the query goes along',
    apply: [
      service('redirect'),
      httpRoute(
        'redirect',
        `
        - matches: [{ path: { type: PathPrefix, value: /scheme } }]
          filters: [{ type: RequestRedirect, requestRedirect: { scheme: https } }]
        - matches: [{ path: { type: PathPrefix, value: /host } }]
          filters: [{ type: RequestRedirect, requestRedirect: { hostname: example.com, port: 8443, statusCode: 301 } }]
        - matches: [{ path: { type: PathPrefix, value: /old } }]
          filters:
            - type: RequestRedirect
              requestRedirect: { path: { type: ReplacePrefixMatch, replacePrefixMatch: /new } }
        - matches: [{ path: { type: PathPrefix, value: /full } }]
          filters:
            - type: RequestRedirect
              requestRedirect: { path: { type: ReplaceFullPath, replaceFullPath: /all }, statusCode: 301 }`,
      ),
    ],
    steps: [
      send(get('http://redirect/scheme?a=1'), {
        status: 302,
        headers: { location: 'https://redirect/scheme?a=1' },
      }),
      send(get('http://redirect/host/x'), {
        status: 301,
        headers: { location: 'http://example.com:8443/host/x' },
      }),
      send(get('http://redirect/old/page?a=1'), {
        status: 302,
        headers: { location: 'http://redirect/new/page?a=1' },
      }),
      send(get('http://redirect/full/page'), {
        status: 301,
        headers: { location: 'http://redirect/all' },
      }),
    ],
  },
  {
    name: 'a rewrite gives the application another path and host',
    apply: [
      service('rewrite'),
      httpRoute(
        'rewrite',
        `
        - matches: [{ path: { type: PathPrefix, value: /old } }]
          filters:
            - type: URLRewrite
              urlRewrite: { hostname: inner.example, path: { type: ReplacePrefixMatch, replacePrefixMatch: /new } }
          backendRefs: [{ name: v1, port: 80 }]
        - matches: [{ path: { type: PathPrefix, value: /strip } }]
          filters:
            - { type: URLRewrite, urlRewrite: { path: { type: ReplacePrefixMatch, replacePrefixMatch: / } } }
          backendRefs: [{ name: v1, port: 80 }]
        - matches: [{ path: { type: PathPrefix, value: /full } }]
          filters:
            - { type: URLRewrite, urlRewrite: { path: { type: ReplaceFullPath, replaceFullPath: /all } } }
          backendRefs: [{ name: v1, port: 80 }]`,
      ),
    ],
    steps: [
      send(get('http://rewrite/old/page?a=1'), {
        received: { path: '/new/page?a=1', host: 'inner.example' },
      }),
      send(get('http://rewrite/strip/page'), { received: { path: '/page', host: 'rewrite' } }),
      send(get('http://rewrite/strip'), { received: { path: '/' } }),
      send(get('http://rewrite/full/page?a=1'), { received: { path: '/all?a=1' } }),
    ],
  },
  {
    name: 'a mirror gets a copy with its body, and the client the answer of the backend alone',
    apply: [
      service('mirror'),
      httpRoute(
        'mirror',
        `
        - filters: [{ type: RequestMirror, requestMirror: { backendRef: { name: v2, port: 80 } } }]
          backendRefs: [{ name: v1, port: 80 }]`,
      ),
    ],
    steps: [
      send(
        post('http://mirror/copied', {
          body: 'the body',
          behave: { key: 'mirror', on: ['v2'], delayMs: 5000, status: 500 },
        }),
        { from: 'v1', atMostMs: 4500 },
        { count: 3 },
      ),
      seen('v1', 'mirror', 3),
      seen('v2', 'mirror', 3, { method: 'POST', path: '/copied', body: 'the body' }),
    ],
  },
  {
    name: 'a mirror of a share gets that share',
    apply: [
      service('mirror-share'),
      httpRoute(
        'mirror-share',
        `
        - filters:
            - type: RequestMirror
              requestMirror: { backendRef: { name: v3, port: 80 }, percent: 50 }
          backendRefs: [{ name: v1, port: 80 }]`,
      ),
    ],
    steps: [
      send(
        get('http://mirror-share/', { behave: { key: 'share' } }),
        { from: 'v1' },
        { count: 200, atOnce: 8 },
      ),
      seen('v3', 'share', { atLeast: 60, atMost: 140 }),
    ],
  },
  {
    name: 'a preflight of an allowed origin is answered without the application, of another with nothing',
    apply: [
      service('cors'),
      httpRoute(
        'cors',
        `
        - filters:
            - type: CORS
              cors:
                allowOrigins: ['https://shop.example', 'https://*.shop.example']
                allowMethods: [PUT]
                allowHeaders: [x-token]
                exposeHeaders: [x-version]
                maxAge: 600
          backendRefs: [{ name: v1, port: 80 }]`,
      ),
    ],
    steps: [
      send(
        request('OPTIONS', 'http://cors/', {
          headers: { origin: 'https://a.shop.example', 'access-control-request-method': 'PUT' },
        }),
        {
          status: 204,
          headers: {
            'access-control-allow-origin': 'https://a.shop.example',
            'access-control-allow-methods': 'PUT',
            'access-control-allow-headers': 'x-token',
            'access-control-max-age': '600',
            'x-pod': null,
          },
        },
      ),
      send(
        request('OPTIONS', 'http://cors/', {
          headers: { origin: 'https://evil.example', 'access-control-request-method': 'PUT' },
        }),
        { status: 204, headers: { 'access-control-allow-origin': null } },
      ),
      send(get('http://cors/', { headers: { origin: 'https://shop.example' } }), {
        from: 'v1',
        headers: {
          'access-control-allow-origin': 'https://shop.example',
          'access-control-expose-headers': 'x-version',
        },
      }),
    ],
  },
];
