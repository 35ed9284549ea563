import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  externalServiceKind,
  faultPolicyKind,
  leaderElectionKind,
  rateLimitPolicyKind,
  trafficPolicyKind,
} from '../watch/custom-kinds.ts';
import { readResources } from '../watch/file-resources.ts';
import type { KubernetesObject, WatchedKind } from '../watch/source.ts';
import { customResourceFiles } from './definition.ts';

const project = fileURLToPath(new URL('../../', import.meta.url));

test('the committed definitions are those that the specs generate (else: npm run generate)', () => {
  const folder = join(project, 'charts/remora/files/crds');
  const committed = Object.fromEntries(
    readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')]),
  );
  assert.deepEqual(committed, Object.fromEntries(customResourceFiles()));
});

test('the definitions hold nothing that a structural schema may not', () => {
  const forbidden = ['"additionalProperties":false', '$ref', 'propertyNames', '"const"', 'anyOf'];
  for (const [file, text] of customResourceFiles()) {
    const [definition] = readResources(text).resources;
    assert.equal(definition?.kind, 'CustomResourceDefinition');
    const json = JSON.stringify(definition.raw);
    for (const word of forbidden) assert.ok(!json.includes(word), `${file} holds ${word}`);
  }
});

const kinds = new Map<string, WatchedKind<KubernetesObject>>([
  ['TrafficPolicy', trafficPolicyKind],
  ['LeaderElection', leaderElectionKind],
  ['FaultPolicy', faultPolicyKind],
  ['RateLimitPolicy', rateLimitPolicyKind],
  ['ExternalService', externalServiceKind],
]);
const invalid = join(project, 'test/e2e/fixtures/invalid');

/** What the API server refuses by schema and CEL, a folder's reader has to refuse too. */
for (const file of readdirSync(invalid)) {
  const text = readFileSync(join(invalid, file), 'utf8');
  const [resource] = readResources(text).resources;
  const kind = kinds.get(resource?.kind ?? '');
  if (kind === undefined) continue;
  test(`without an API server, ${file} is refused with the same words`, () => {
    const expected = /^# expect: (.+)$/m.exec(text)?.[1];
    assert.ok(expected, 'the file says what to expect');
    const message = kind.parse(resource?.raw).invalid?.message ?? 'accepted';
    assert.ok(message.includes(expected), message);
  });
}

const targetRefs = [{ kind: 'Service', name: 'web' }];
const read = (spec: object) =>
  trafficPolicyKind.parse({ metadata: { name: 'p', namespace: 'shop' }, spec });

const valid: { name: string; spec: object }[] = [
  { name: 'timeouts alone', spec: { targetRefs, timeouts: { request: '1s' } } },
  {
    name: 'no limit with a limit a try',
    spec: { targetRefs, timeouts: { request: '0s', perTry: '1s' } },
  },
  { name: 'retries with all defaults', spec: { targetRefs, retries: {} } },
  { name: 'retries turned off', spec: { targetRefs, retries: { attempts: 0, statusCodes: [] } } },
  {
    name: 'a breaker that ejects nobody',
    spec: { targetRefs, circuitBreaker: { maxEjectedPercent: 0 } },
  },
  {
    name: 'the longest durations',
    spec: { targetRefs, timeouts: { request: '24h', idle: '23h59m' } },
  },
  { name: 'a balancer alone', spec: { targetRefs, loadBalancer: { type: 'RoundRobin' } } },
  {
    name: 'a ring by a cookie',
    spec: {
      targetRefs,
      loadBalancer: { type: 'RingHash', hash: { cookie: { name: 'id', ttl: '720h' } } },
    },
  },
  { name: 'hedging with all defaults', spec: { targetRefs, hedging: {} } },
  {
    name: 'hedging by a number a second alone',
    spec: { targetRefs, hedging: { budget: { percent: 0, minPerSecond: 1 } } },
  },
  { name: 'limits alone', spec: { targetRefs, limits: { maxPendingRequests: 0 } } },
  {
    name: 'a Service and an HTTPRoute of one name',
    spec: {
      targetRefs: [
        ...targetRefs,
        { group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: 'web' },
      ],
      retries: { attempts: 10 },
    },
  },
];

for (const { name, spec } of valid) {
  test(`a policy with ${name} is accepted`, () => assert.equal(read(spec).invalid, undefined));
}

test('what is left out has the defaults that the definition tells the API server', () => {
  assert.deepEqual(
    read({
      ...{ targetRefs, retries: { backoff: { base: '10ms' } } },
      ...{ circuitBreaker: {}, hedging: { budget: { percent: 5 } } },
    }).spec,
    {
      targetRefs: [{ group: '', kind: 'Service', name: 'web' }],
      retries: {
        attempts: 2,
        statusCodes: [502, 503, 504],
        connectFailure: true,
        backoff: { base: '10ms', max: '250ms' },
        budget: { percent: 20, minPerSecond: 10 },
      },
      circuitBreaker: { consecutiveErrors: 5, ejectionTime: '30s', maxEjectedPercent: 50 },
      hedging: {
        ...{ percentile: 95, minDelay: '10ms', methods: ['GET', 'HEAD', 'OPTIONS'] },
        budget: { percent: 5, minPerSecond: 0 },
      },
    },
  );
});

test('a fault is named once, and with it what to write instead', () => {
  assert.equal(
    read({ targetRefs, timeouts: { connect: 'soon' } }).invalid?.message,
    'spec.timeouts.connect: is not a duration such as 250ms, 10s or 1h30m',
  );
});

const readExternal = (spec: object) =>
  externalServiceKind.parse({ metadata: { name: 'e', namespace: 'shop' }, spec });

const validExternals: { name: string; spec: object }[] = [
  { name: 'HTTP', spec: { hosts: ['a.example'], ports: [{ port: 80, protocol: 'HTTP' }] } },
  {
    name: 'TLS origination',
    spec: {
      hosts: ['*.a.example'],
      ports: [{ port: 80, protocol: 'HTTP', targetPort: 443, tls: {} }],
    },
  },
  {
    name: 'TCP of a wildcard with endpoints',
    spec: {
      hosts: ['*.a.example'],
      ports: [{ port: 5432, protocol: 'TCP' }],
      endpoints: ['203.0.113.7', '2001:db8::7', 'db.example'],
    },
  },
];
for (const { name, spec } of validExternals) {
  test(`an external service with ${name} is accepted`, () =>
    assert.equal(readExternal(spec).invalid, undefined));
}
