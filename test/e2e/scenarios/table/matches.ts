import { httpRoute, service } from '../manifests.ts';
import type { Scenario } from '../scenario.ts';
import { get, request, send } from '../steps.ts';

/** Which requests a rule takes. */
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
      send(get('http://exact/exact/below'), { status: 404, error: 'no-route' }),
      send(get('http://exact/exactly'), { status: 404, error: 'no-route' }),
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
      send(get('http://method/'), { status: 404, error: 'no-route' }),
    ],
  },
];
