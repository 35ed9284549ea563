import { httpRoute, service, trafficPolicy } from '../manifests.ts';
import type { Scenario } from '../scenario.ts';
import { explained, get, request, send } from '../steps.ts';

/** `/config_dump?explain=` says what then happens. */
export const EXPLANATIONS: readonly Scenario[] = [
  {
    name: 'a sidecar explains which rule takes a request, and why those before it do not',
    apply: [
      service('explained'),
      httpRoute(
        'explained',
        `
        - name: cart
          matches: [{ path: { type: Exact, value: /cart } }]
          backendRefs: [{ name: v3, port: 80 }]
        - name: canary
          matches: [{ path: { type: PathPrefix, value: /api }, headers: [{ name: x-canary, value: '1' }] }]
          backendRefs: [{ name: v2, port: 80 }]
        - name: api
          matches: [{ path: { type: PathPrefix, value: /api } }]
          backendRefs: [{ name: v1, port: 80 }]`,
      ),
      trafficPolicy('explained', 'timeouts: { request: 7s }'),
    ],
    steps: [
      explained(
        get('http://explained/api/x'),
        /^goes to one of 1 usable endpoints .* scenarios\/v1:80: rule .*\/api took it$/,
        {
          rules: {
            'HTTPRoute/scenarios/explained/cart': 'passed over',
            'HTTPRoute/scenarios/explained/canary': 'passed over',
            'HTTPRoute/scenarios/explained/api': 'taken',
          },
          says: [
            /the header x-canary is absent, not \\"1\\"/,
            /"requestTimeoutMs": 7000/,
            /"scenarios\/explained"/,
          ],
        },
      ),
      send(get('http://explained/api/x'), { from: 'v1' }),
      explained(get('http://explained/cart'), /scenarios\/v3:80/, {
        rules: {
          'HTTPRoute/scenarios/explained/cart': 'taken',
          'HTTPRoute/scenarios/explained/canary': 'not asked',
          'HTTPRoute/scenarios/explained/api': 'not asked',
        },
      }),
      explained(get('http://explained/other'), /^is answered with 404 \(no-route/),
    ],
  },
  {
    name: 'a sidecar explains shares, backends that are missing, redirects, and what has no routes',
    apply: [
      service('reasons'),
      service('bare'),
      service('reasons-headless', { app: 'echo' }, { clusterIP: 'None' }),
      httpRoute(
        'reasons',
        `
        - matches: [{ path: { type: Exact, value: /moved } }]
          filters: [{ type: RequestRedirect, requestRedirect: { hostname: example.com } }]
        - backendRefs:
            - { name: v1, port: 80, weight: 3 }
            - { name: nowhere, port: 80, weight: 1 }`,
      ),
    ],
    steps: [
      explained(
        get('http://reasons/'),
        /75 % goes to .*scenarios\/v1:80, 25 % is answered with 500/,
      ),
      explained(get('http://reasons/moved'), /^is answered with a redirect, 302/),
      explained(get('http://reasons/a%2fb'), /^is answered with 400 \(ambiguous-path/),
      explained(get('http://bare/'), /^goes to one of 3 usable endpoints .*: no rule took it$/),
      explained(get('http://reasons-headless:8080/'), /no service and no pod|headless/),
      explained(get('http://10.1.2.3:99/'), /^goes to 10\.1\.2\.3:99 in plain text/),
    ],
  },
  {
    name: 'a sidecar explains that a pod is ejected, and after what',
    apply: [
      service('explained-ejection'),
      trafficPolicy(
        'explained-ejection',
        'circuitBreaker: { consecutiveErrors: 2, ejectionTime: 60s, maxEjectedPercent: 50 }',
      ),
    ],
    steps: [
      send(
        request('GET', 'http://explained-ejection/', { behave: { on: ['v1'], status: 500 } }),
        { statuses: { 200: 48, 500: 2 } },
        { count: 50 },
      ),
      explained(get('http://explained-ejection/'), /one of 2 usable endpoints \(of 3\)/, {
        says: [/ejected after 2 errors in a row/],
      }),
    ],
  },
];
