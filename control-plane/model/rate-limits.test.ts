import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MemorySource } from '../../test/fakes/memory-source.ts';
import { createMeshState, type Mesh } from '../snapshot/mesh-state.ts';
import type { Verdict } from '../status/conditions.ts';
import { concernedBy } from '../status/refusals.ts';
import type { RateLimits } from './types.ts';

const service = (name: string, app: string, targetPort: number) => `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec: { clusterIP: 10.0.0.1, selector: { app: ${app} }, ports: [{ name: http, port: 80, targetPort: ${targetPort} }] }
`;
const POD = `
apiVersion: v1
kind: Pod
metadata: { name: web-1, namespace: shop, labels: { app: web } }
status: { podIP: 10.1.0.1, phase: Running }
`;
const ROUTE = `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: r, namespace: shop }
spec: { parentRefs: [{ group: "", kind: Service, name: web }], rules: [{}] }
`;
const policy = (name: string, target: string, requests: number, more = '') => `
apiVersion: remora.dev/v1alpha1
kind: RateLimitPolicy
metadata: { name: ${name}, namespace: shop }
spec: { targetRefs: [${target}], limits: [{ name: all, requests: ${requests}${more} }] }
`;
const onService = (name: string) => `{ kind: Service, name: ${name} }`;
const onNamespace = '{ kind: Namespace, name: shop }';
const onRoute = '{ group: gateway.networking.k8s.io, kind: HTTPRoute, name: r }';

function mesh(...texts: string[]): Mesh {
  const source = new MemorySource();
  const created = createMeshState({ source, trustDomain: 'cluster.local' });
  source.markSynced().apply(service('web', 'web', 8080), POD, ROUTE, ...texts);
  return created;
}

const short = ({ source, target, limits }: RateLimits): string =>
  `${source} ${target} ${limits.map(({ requests, burst }) => `${requests}/${burst}`)}`;

/** By port of the pod. */
function inbound({ model }: Mesh): Record<number, string[]> {
  const { rateLimits = [] } = model.settings.get('shop/web-1') ?? {};
  return Object.fromEntries(rateLimits.map(({ port, limits }) => [port, limits.map(short)]));
}

/** Of the service's rule, and of what no rule takes. */
function outbound({ model }: Mesh): (string | undefined)[] {
  const port = model.routes.get('shop/web')?.producer.ports[0];
  return [port?.rules[0]?.policy, port?.policy].map(
    (settled) => settled?.rateLimits && short(settled.rateLimits),
  );
}

function says(state: Mesh, name: string): string[] {
  const kind = state.judged.find((judged) => judged.kind === 'RateLimitPolicy');
  const verdicts = (kind?.judgements.get(`shop/${name}`) ?? []) as readonly Verdict[];
  return verdicts.map(({ type, status, reason }) => `${type} ${status} ${reason}`);
}

const ENFORCED = ['Accepted True Accepted', 'Enforced True Enforced'];

describe('a RateLimitPolicy', () => {
  test('on a Service goes to the pods behind it, and not to callers', () => {
    const state = mesh(policy('p', onService('web'), 5));
    assert.deepEqual(inbound(state), { 8080: ['shop/p Service/shop/web 5/5'] });
    assert.deepEqual(outbound(state), [undefined, undefined]);
    assert.deepEqual(says(state, 'p'), ENFORCED);
    assert.deepEqual(concernedBy(state.model, 'shop/web-1', 'settings'), [
      'RateLimitPolicy/shop/p',
    ]);
  });

  test('on a route goes to callers, and not to the pods', () => {
    const state = mesh(policy('p', onRoute, 5, ', burst: 9'));
    assert.deepEqual(inbound(state), {});
    assert.deepEqual(outbound(state), ['shop/p HTTPRoute/shop/r 5/9', undefined]);
    assert.deepEqual(says(state, 'p'), ENFORCED);
    assert.deepEqual([...concernedBy(state.model, 'shop/x', 'routes/shop/web')].sort(), [
      'HTTPRoute/shop/r',
      'RateLimitPolicy/shop/p',
    ]);
  });

  test('on a Service and one on its route both count, each at its place', () => {
    const state = mesh(policy('p', onService('web'), 5), policy('q', onRoute, 7));
    assert.deepEqual(inbound(state), { 8080: ['shop/p Service/shop/web 5/5'] });
    assert.deepEqual(outbound(state), ['shop/q HTTPRoute/shop/r 7/7', undefined]);
    assert.deepEqual([says(state, 'p'), says(state, 'q')], [ENFORCED, ENFORCED]);
  });

  test('of the namespace is the default of its Services, each with buckets of its own', () => {
    const state = mesh(
      service('other', 'web', 9090),
      policy('p', onNamespace, 5),
      policy('q', onService('other'), 7),
    );
    assert.deepEqual(inbound(state), {
      8080: ['shop/p Service/shop/web 5/5'],
      9090: ['shop/q Service/shop/other 7/7'],
    });
    assert.deepEqual(outbound(state), [undefined, undefined]);
  });

  test('of two Services that lead to one port counts both', () => {
    const state = mesh(
      service('alias', 'web', 8080),
      policy('p', `${onService('web')}, ${onService('alias')}`, 5),
    );
    assert.deepEqual(inbound(state), {
      8080: ['shop/p Service/shop/alias 5/5', 'shop/p Service/shop/web 5/5'],
    });
  });

  test('concerns no pod that its Service does not select', () => {
    const state = mesh(service('api', 'api', 8080), policy('p', onService('api'), 5));
    assert.deepEqual(inbound(state), {});
  });

  test('that names nothing says so', () => {
    const state = mesh(policy('p', onService('gone'), 5));
    assert.equal(says(state, 'p')[0], 'Accepted False TargetNotFound');
  });

  test('leaves settings as they were where there is none', () => {
    const settings = mesh().model.settings.get('shop/web-1');
    assert.ok(settings !== undefined && !('rateLimits' in settings));
  });
});
