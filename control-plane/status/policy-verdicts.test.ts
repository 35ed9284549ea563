import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemorySource } from '../../test/fakes/memory-source.ts';
import { deriveModel } from '../model/mesh-model.ts';
import type { Verdict } from './conditions.ts';
import { deriveJudgements, type Judgement } from './judgements.ts';

const service = (name: string) => `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec: { clusterIP: 10.0.0.1, ports: [{ name: http, port: 80 }] }
`;
const route = (name: string, rule = '{}') => `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: ${name}, namespace: shop }
spec: { parentRefs: [{ group: "", kind: Service, name: web }], rules: [${rule}] }
`;
const policy = (name: string, targets: string, settings: string) => `
apiVersion: remora.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: ${name}, namespace: shop }
spec: { targetRefs: [${targets}], ${settings} }
`;
const onWeb = '{ kind: Service, name: web }';
const onRoute = '{ group: gateway.networking.k8s.io, kind: HTTPRoute, name: r }';
const onNamespace = '{ kind: Namespace, name: shop }';
const request = 'timeouts: { request: 1s }';
const both = 'timeouts: { request: 1s, perTry: 1s }';

/** What stands in the status of the policy `p`. */
function judge(...texts: string[]): string[] {
  const source = new MemorySource();
  const judged = deriveJudgements(deriveModel(source, 'cluster.local'));
  source.markSynced().apply(service('web'), route('r'));
  for (const text of texts) source.apply(text);
  const judgement: Judgement | undefined = judged
    .find(({ kind }) => kind === 'TrafficPolicy')
    ?.judgements.get('shop/p');
  return ((judgement ?? []) as readonly Verdict[]).map(
    ({ type, status, reason, message }) => `${type} ${status} ${reason}: ${message}`,
  );
}

const fine = 'Accepted True Accepted: it is attached to its targets';
const cases: { name: string; texts: string[]; says: string[] }[] = [
  {
    name: 'on a Service alone',
    texts: [policy('p', onWeb, request)],
    says: [fine, 'Enforced True Enforced: in force for Service/shop/web'],
  },
  {
    name: 'of a namespace',
    texts: [policy('p', onNamespace, request)],
    says: [fine, 'Enforced True Enforced: in force for Namespace/shop'],
  },
  {
    name: 'of which a route has a part from another',
    texts: [policy('p', onWeb, both), policy('q', onRoute, request)],
    says: [
      fine,
      'Enforced True PartiallyEnforced: in force for Service/shop/web, except: timeouts.request of HTTPRoute/shop/r from TrafficPolicy/shop/q',
    ],
  },
  {
    name: "under a route's own rules",
    texts: [route('r', '{ timeouts: { request: 3s } }'), policy('p', onRoute, request)],
    says: [
      fine,
      "Enforced False Overridden: timeouts.request of HTTPRoute/shop/r from the rules' own",
    ],
  },
  {
    name: 'of a namespace whose Services have it from others',
    texts: [policy('p', onNamespace, request), policy('q', onWeb, request)],
    says: [
      fine,
      'Enforced False Overridden: timeouts.request of Service/shop/web from TrafficPolicy/shop/q; timeouts.request of HTTPRoute/shop/r from TrafficPolicy/shop/q',
    ],
  },
  {
    name: 'under an older one on the same target',
    texts: [policy('a', onWeb, both), policy('p', onWeb, request)],
    says: [
      'Accepted False Conflicted: Service/shop/web has it all from the older TrafficPolicy/shop/a',
      'Enforced False Overridden: timeouts.request of Service/shop/web from TrafficPolicy/shop/a; timeouts.request of HTTPRoute/shop/r from TrafficPolicy/shop/a',
    ],
  },
  {
    name: 'on another namespace',
    texts: [policy('p', '{ kind: Namespace, name: bank }', request)],
    says: [
      'Accepted False TargetNotFound: a policy reaches its own namespace, shop, and not bank',
      'Enforced False NothingReached: its targets cover no Service',
    ],
  },
  {
    name: 'with one target of two missing',
    texts: [policy('p', `${onWeb}, { kind: Service, name: absent }`, request)],
    says: [
      'Accepted False TargetNotFound: there is no Service shop/absent',
      'Enforced True Enforced: in force for Service/shop/web',
    ],
  },
  {
    name: 'that turned bad',
    texts: [policy('p', onWeb, request), policy('p', onWeb, 'timeouts: { request: soon }')],
    says: [
      'Accepted False Invalid: spec.timeouts.request: is not a duration such as 250ms, 10s or 1h30m',
      'Enforced True Enforced: in force for Service/shop/web',
    ],
  },
  {
    name: 'that was never good',
    texts: [policy('p', onWeb, 'timeouts: { request: soon }')],
    says: [
      'Accepted False Invalid: spec.timeouts.request: is not a duration such as 250ms, 10s or 1h30m',
      'Enforced False Invalid: nothing of it is in force',
    ],
  },
];
for (const { name, texts, says } of cases) {
  test(`a policy ${name} is told what is in force`, () => assert.deepEqual(judge(...texts), says));
}
