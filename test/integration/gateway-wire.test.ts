import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMeshState } from '../../control-plane/snapshot/mesh-state.ts';
import { encodePushHead, encodeResource } from '../../control-plane/stream/encode.ts';
import { v1 } from '../../proto/load.ts';
import { type DecodedResource, decodePush } from '../../sidecar/config/decode.ts';
import { ConfigStore } from '../../sidecar/config/store.ts';
import { MemorySource } from '../fakes/memory-source.ts';

const RESOURCES = `
apiVersion: v1
kind: Namespace
metadata: { name: shop, labels: { remora.dev/egress: registered-only } }
---
apiVersion: v1
kind: Pod
metadata: { name: web-1, namespace: shop }
status: { phase: Running, podIP: 10.1.0.1 }
---
apiVersion: v1
kind: Service
metadata: { name: db, namespace: shop }
spec:
  clusterIP: 10.0.0.1
  ports: [{ name: http, port: 80 }, { name: tls, port: 443 }]
---
apiVersion: v1
kind: Service
metadata: { name: other, namespace: shop }
spec:
  clusterIP: 10.0.0.2
  ports: [{ name: tls, port: 443 }]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: h, namespace: shop }
spec:
  parentRefs: [{ group: "", kind: Service, name: db, port: 80 }]
  rules: [{ sessionPersistence: { cookie: { name: sid, lifetimeType: Permanent }, absoluteTimeout: 1h } }]
---
apiVersion: gateway.networking.k8s.io/v1
kind: TLSRoute
metadata: { name: t, namespace: shop }
spec:
  parentRefs: [{ group: "", kind: Service, name: db, port: 443 }]
  hostnames: ["*.db.example"]
  rules: [{ backendRefs: [{ name: other, port: 443 }] }]
---
apiVersion: remora.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: p, namespace: shop }
spec: { targetRefs: [{ kind: Service, name: db }], limits: { maxConnections: 3 } }
---
apiVersion: remora.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: q, namespace: shop }
spec: { targetRefs: [{ kind: Service, name: other }], limits: { maxConnections: 4 } }
---
apiVersion: remora.dev/v1alpha1
kind: ExternalService
metadata: { name: world, namespace: shop }
spec:
  hosts: ["*.a.example"]
  ports: [{ port: 80, protocol: HTTP, targetPort: 443, tls: { serverName: b.example } }]
  endpoints: [203.0.113.7, c.example]
`;

test('routes of connections, sessions, external services and egress arrive as they were meant', () => {
  const source = new MemorySource();
  const mesh = createMeshState({ source, trustDomain: 'cluster.local' });
  source.markSynced().apply(RESOURCES);
  const sidecar = { pod: 'web-1', namespace: 'shop', serviceAccount: 'web', addresses: [] };
  const wanted = { services: new Set(['shop/db']), addresses: new Set<string>() };
  const { own } = mesh.snapshot(sidecar, wanted);
  const bytes = Buffer.concat([
    encodePushHead(1, 'one', []),
    ...[...own.byName.values()].map(encodeResource),
  ]);
  const push = decodePush(v1.Config.service.Subscribe.responseDeserialize(bytes));
  const resource = <K extends DecodedResource['kind']>(kind: K) =>
    push.resources.find((one) => one.kind === kind) as Extract<DecodedResource, { kind: K }>;

  assert.equal(resource('settings').value.egress, 'registered-only');
  const [http, tls] = resource('routes').value.ports;
  assert.deepEqual(http?.rules[0]?.session, {
    ...{ inHeader: false, name: 'sid', path: '/', permanent: true },
    ...{ absoluteTimeoutMs: 3_600_000, idleTimeoutMs: 0 },
  });
  const [rule] = tls?.connectionRules ?? [];
  assert.equal(rule?.name, 'TLSRoute/shop/t/0');
  assert.deepEqual([rule?.serverNames, rule?.tlsOnly], [['*.db.example'], true]);
  const [backend] = rule?.backends ?? [];
  assert.ok(backend?.kind === 'service');
  assert.equal(backend.policy?.limits?.maxConnections, 4);
  assert.equal(rule?.policy.limits?.maxConnections, 3);
  const { policy: _, ...external } = resource('external').value;
  assert.deepEqual(external, {
    ...{ namespace: 'shop', name: 'world', hosts: ['*.a.example'] },
    ports: [
      {
        ...{ port: 80, protocol: 'http1', targetPort: 443 },
        tls: { serverName: 'b.example', caCertificates: '' },
      },
    ],
    endpoints: ['203.0.113.7', 'c.example'],
  });

  const store = new ConfigStore();
  store.apply(push);
  assert.deepEqual([...(store.current.externals?.keys() ?? [])], ['shop/world']);
  const removed = [{ name: 'external/shop/world', kind: 'external', key: 'shop/world' } as const];
  store.apply({ version: 'two', resources: [], removed });
  assert.equal(store.current.externals?.size, 0);
});
