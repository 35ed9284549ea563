import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Push, Push__Output } from '../../proto/gen/remora/v1/Push.ts';
import type { Resource } from '../../proto/gen/remora/v1/Resource.ts';
import { v1 } from '../../proto/load.ts';
import { decodePush } from './decode.ts';
import { ResourceError } from './place.ts';

const { responseSerialize, responseDeserialize } = v1.Config.service.Subscribe;

/** As it comes off the wire, with every default filled in. */
function received(push: Push): Push__Output {
  return responseDeserialize(responseSerialize(push));
}

function routes(port: object): Resource {
  return {
    name: 'routes/shop/web',
    routes: { service: 'shop/web', ports: [{ port: 80, ...port }] },
  };
}

function rule(fields: object): Resource {
  return routes({ rules: [{ name: 'HTTPRoute/shop/web/0', ...fields }] });
}

const policy = (fields: object): Resource => routes({ policy: fields });
const retries = (fields: object): Resource =>
  policy({ retries: { backoffBaseMs: 25, backoffMaxMs: 250, ...fields } });
const breaker = (fields: object): Resource =>
  policy({ circuitBreaker: { consecutiveErrors: 5, ejectionMs: 1000, ...fields } });

const balancer = (fields: object): Resource => policy({ loadBalancer: fields });
const limits = (fields: object): Resource => policy({ limits: fields });

const endpoint = (fields: object): Resource => ({
  name: 'endpoints/shop/web',
  endpoints: {
    service: 'shop/web',
    endpoints: [
      { address: '10.0.0.1', workload: { address: '10.0.0.1', pod: 'web-1' }, ...fields },
    ],
  },
});

suite('a push', () => {
  test('becomes the sidecar’s own types', () => {
    const { version, resources, removed } = decodePush(
      received({
        version: 'v1',
        resources: [
          {
            name: 'settings',
            version: 's',
            settings: {
              workload: 'web',
              trustDomain: 'cluster.local',
              inboundPorts: [{ port: 8080, name: 'http', protocol: 'HTTP1' }],
              elections: ['leader'],
            },
          },
          {
            name: 'service/shop/web',
            version: 'a',
            service: {
              namespace: 'shop',
              name: 'web',
              addresses: ['10.1.0.1', 'fd00::1'],
              ports: [{ port: 80, name: 'http' }],
            },
          },
          {
            name: 'routes/shop/web',
            version: 'b',
            requires: ['policy.v1', 'load-balancer.v1', 'limits.v1'],
            routes: {
              service: 'shop/web',
              ports: [
                {
                  port: 80,
                  routeBound: true,
                  rules: [
                    {
                      name: 'HTTPRoute/shop/web/0',
                      matches: [
                        { prefix: '/a', headers: [{ name: 'X-Tier', exact: 'gold' }] },
                        { exact: '/b', method: 'POST', query: [{ name: 'q', exact: '1' }] },
                        {},
                      ],
                      backends: [
                        { service: 'shop/web', port: 80, weight: 90 },
                        { weight: 10, invalid: 'no such service' },
                      ],
                      policy: { requestTimeoutMs: 0 },
                    },
                  ],
                  policy: {
                    sources: ['shop/limits'],
                    connectTimeoutMs: 250,
                    retries: {
                      attempts: 2,
                      statusCodes: [502, 503],
                      connectFailure: true,
                      backoffBaseMs: 25,
                      backoffMaxMs: 250,
                      budgetPercent: 20,
                      budgetMinPerSecond: 10,
                    },
                    circuitBreaker: {
                      consecutiveErrors: 5,
                      ejectionMs: 30000,
                      maxEjectedPercent: 50,
                    },
                    loadBalancer: { type: 'RING_HASH', hash: { header: 'X-User' } },
                    limits: { maxConnections: 10, maxPendingRequests: 0 },
                  },
                },
              ],
            },
          },
          {
            name: 'endpoints/shop/web',
            version: 'c',
            endpoints: {
              service: 'shop/web',
              endpoints: [
                {
                  address: '10.0.0.1',
                  ports: [{ servicePort: 80, targetPort: 8080 }],
                  workload: {
                    address: '10.0.0.1',
                    pod: 'web-1',
                    namespace: 'shop',
                    workload: 'web',
                    serviceAccount: 'web',
                    trunkPort: 15008,
                  },
                },
              ],
            },
          },
          { name: 'workload/10.0.0.9', version: 'd', workload: { address: '10.0.0.9' } },
        ],
        removed: ['service/shop/old', 'workload/fd00::9'],
      }),
    );
    assert.equal(version, 'v1');
    assert.deepEqual(removed, [
      { name: 'service/shop/old', kind: 'service', key: 'shop/old' },
      { name: 'workload/fd00::9', kind: 'workload', key: 'fd00::9' },
    ]);
    const unset = {
      sources: [],
      requestTimeoutMs: undefined,
      perTryTimeoutMs: undefined,
      connectTimeoutMs: undefined,
      idleTimeoutMs: undefined,
      retries: undefined,
      circuitBreaker: undefined,
      loadBalancer: undefined,
      limits: undefined,
    };
    assert.deepEqual(
      resources.map(({ value }) => value),
      [
        {
          workload: 'web',
          trustDomain: 'cluster.local',
          inboundPorts: [{ port: 8080, name: 'http', protocol: 'http1' }],
          elections: ['leader'],
        },
        {
          namespace: 'shop',
          name: 'web',
          addresses: ['10.1.0.1', 'fd00::1'],
          ports: [{ port: 80, name: 'http', protocol: 'detect' }],
        },
        {
          service: 'shop/web',
          ports: [
            {
              port: 80,
              routeBound: true,
              rules: [
                {
                  name: 'HTTPRoute/shop/web/0',
                  matches: [
                    {
                      path: { kind: 'prefix', value: '/a' },
                      method: undefined,
                      headers: [{ name: 'x-tier', exact: 'gold' }],
                      query: [],
                    },
                    {
                      path: { kind: 'exact', value: '/b' },
                      method: 'POST',
                      headers: [],
                      query: [{ name: 'q', exact: '1' }],
                    },
                    { path: { kind: 'any' }, method: undefined, headers: [], query: [] },
                  ],
                  backends: [
                    { kind: 'service', service: 'shop/web', port: 80, weight: 90 },
                    { kind: 'invalid', reason: 'no such service', weight: 10 },
                  ],
                  policy: { ...unset, requestTimeoutMs: 0 },
                },
              ],
              policy: {
                ...unset,
                sources: ['shop/limits'],
                connectTimeoutMs: 250,
                retries: {
                  attempts: 2,
                  statusCodes: new Set([502, 503]),
                  connectFailure: true,
                  backoffBaseMs: 25,
                  backoffMaxMs: 250,
                  budgetPercent: 20,
                  budgetMinPerSecond: 10,
                },
                circuitBreaker: { consecutiveErrors: 5, ejectionMs: 30000, maxEjectedPercent: 50 },
                loadBalancer: { kind: 'ring-hash', hash: { kind: 'header', name: 'x-user' } },
                limits: { maxConnections: 10, maxPendingRequests: 0, maxRequests: undefined },
              },
            },
          ],
        },
        {
          service: 'shop/web',
          endpoints: [
            {
              address: '10.0.0.1',
              ports: new Map([[80, 8080]]),
              workload: {
                address: '10.0.0.1',
                pod: 'web-1',
                namespace: 'shop',
                workload: 'web',
                serviceAccount: 'web',
                node: '',
                zone: '',
                trunkPort: 15008,
              },
            },
          ],
        },
        null,
      ],
    );
  });

  const refused: { name: string; resource: Resource; reason: RegExp }[] = [
    { name: 'without a name', resource: {}, reason: /\(without a name\): this kind/ },
    {
      name: 'of an unknown kind',
      resource: { name: 'secret/shop/web' },
      reason: /secret\/shop\/web: this kind of resource is unknown/,
    },
    {
      name: 'with half a name',
      resource: { name: 'service/web' },
      reason: /must be service\/<namespace>\/<name>/,
    },
    { name: 'without a body', resource: { name: 'settings' }, reason: /body is empty or unknown/ },
    {
      name: 'with the body of another kind',
      resource: { name: 'service/shop/web', settings: {} },
      reason: /body is of kind settings/,
    },
    {
      name: 'with the body of another resource',
      resource: { name: 'service/shop/web', service: { namespace: 'shop', name: 'db' } },
      reason: /body is about "shop\/db"/,
    },
    {
      name: 'that requires an unknown feature',
      resource: { ...routes({}), requires: ['policy.v1', 'mirror.v1'] },
      reason: /requires "mirror.v1", which this sidecar does not support; upgrade/,
    },
    {
      name: 'with an unknown protocol',
      resource: {
        name: 'settings',
        settings: { inboundPorts: [{ port: 80, protocol: 77 as never }] },
      },
      reason: /inboundPorts\[0\]\.protocol: the value 77 is unknown/,
    },
    {
      name: 'with port 0',
      resource: routes({ port: 0 }),
      reason: /ports\[0\]\.port: 0 is no port/,
    },
    {
      name: 'with a port above 65535',
      resource: endpoint({ ports: [{ servicePort: 80, targetPort: 70000 }] }),
      reason: /endpoints\[0\]\.ports\[0\]\.targetPort: 70000 is no port/,
    },
    {
      name: 'with a port twice',
      resource: {
        name: 'routes/shop/web',
        routes: { service: 'shop/web', ports: [{ port: 80 }, { port: 80 }] },
      },
      reason: /ports: 80 stands there twice/,
    },
    {
      name: 'with an address that is none',
      resource: endpoint({ address: 'web-1' }),
      reason: /endpoints\[0\]\.address: "web-1" is no IP address/,
    },
    {
      name: 'with an endpoint of nobody',
      resource: endpoint({ workload: null }),
      reason: /endpoints\[0\]\.workload: it is missing/,
    },
    {
      name: 'with a trunk port above 65535',
      resource: endpoint({ workload: { pod: 'web-1', trunkPort: 65536 } }),
      reason: /workload\.trunkPort: 65536 is no port/,
    },
    {
      name: 'with a weight above what the Gateway API allows',
      resource: rule({ backends: [{ service: 'shop/web', port: 80, weight: 1_000_001 }] }),
      reason: /backends\[0\]\.weight: 1000001 is above 1000000/,
    },
    {
      name: 'with a backend that is no service',
      resource: rule({ backends: [{ service: 'web', port: 80, weight: 1 }] }),
      reason: /backends\[0\]\.service: "web" is not <namespace>\/<name>/,
    },
    {
      name: 'with a path that does not begin with a slash',
      resource: rule({ matches: [{ prefix: 'a' }] }),
      reason: /matches\[0\]\.prefix: "a" does not begin/,
    },
    {
      name: 'with a header name that is none',
      resource: rule({ matches: [{ headers: [{ name: 'a b', exact: '' }] }] }),
      reason: /headers\[0\]\.name: "a b" is no header name/,
    },
    {
      name: 'with a query parameter without a name',
      resource: rule({ matches: [{ query: [{ exact: '1' }] }] }),
      reason: /query\[0\]\.name: it is empty/,
    },
    {
      name: 'with a method that is none',
      resource: rule({ matches: [{ method: 'GET /' }] }),
      reason: /method: "GET \/" is no HTTP method/,
    },
    {
      name: 'with a timeout longer than timers can be',
      resource: policy({ requestTimeoutMs: 2 ** 31 }),
      reason: /policy\.requestTimeoutMs: 2147483648 is above/,
    },
    {
      name: 'that retries on a status that does not exist',
      resource: retries({ statusCodes: [503, 1000] }),
      reason: /retries\.statusCodes\[1\]: 1000 is no HTTP status/,
    },
    {
      name: 'with more than the whole as a retry budget',
      resource: retries({ budgetPercent: 101 }),
      reason: /retries\.budgetPercent: 101 is above 100/,
    },
    {
      name: 'that hedges by no percentile',
      resource: policy({ hedging: { percentile: 100, methods: ['GET'] } }),
      reason: /hedging\.percentile: 100 is not 1 to 99/,
    },
    {
      name: 'that hedges what is no method',
      resource: policy({ hedging: { percentile: 95, methods: ['GET', 'GET /'] } }),
      reason: /hedging\.methods\[1\]: "GET \/" is no name/,
    },
    {
      name: 'with a backoff that shrinks',
      resource: retries({ backoffMaxMs: 5 }),
      reason: /retries\.backoffMaxMs: 5 is below backoffBaseMs, 25/,
    },
    {
      name: 'with a breaker that always opens',
      resource: breaker({ consecutiveErrors: 0 }),
      reason: /consecutiveErrors: 0 would take every endpoint/,
    },
    {
      name: 'that ejects more than all',
      resource: breaker({ maxEjectedPercent: 101 }),
      reason: /maxEjectedPercent: 101 is above 100/,
    },
    {
      name: 'with an unknown balancer',
      resource: balancer({ type: 77 as never }),
      reason: /loadBalancer\.type: the value 77 is unknown/,
    },
    {
      name: 'with a ring and nothing to hash',
      resource: balancer({ type: 'RING_HASH' }),
      reason: /loadBalancer\.hash: it is missing/,
    },
    {
      name: 'with a ring and something unknown to hash',
      resource: balancer({ type: 'RING_HASH', hash: {} }),
      reason: /loadBalancer\.hash: it says nothing that is known/,
    },
    {
      name: 'with something to hash and no ring',
      resource: balancer({ type: 'ROUND_ROBIN', hash: { callingPod: {} } }),
      reason: /loadBalancer\.hash: ROUND_ROBIN has no use for it/,
    },
    {
      name: 'that hashes a header without a name',
      resource: balancer({ type: 'RING_HASH', hash: { header: '' } }),
      reason: /hash\.header: "" is no name/,
    },
    {
      name: 'that hashes a cookie that would break its header',
      resource: balancer({ type: 'RING_HASH', hash: { cookie: { name: 'a=b; c' } } }),
      reason: /hash\.cookie\.name: "a=b; c" is no name/,
    },
    {
      name: 'that allows no connection',
      resource: limits({ maxConnections: 0 }),
      reason: /limits\.maxConnections: 0 would let nothing through/,
    },
    {
      name: 'that allows no request',
      resource: limits({ maxRequests: 0 }),
      reason: /limits\.maxRequests: 0 would let nothing through/,
    },
  ];
  for (const { name, resource, reason } of refused) {
    test(`is refused with a resource ${name}`, () => {
      const push = received({ resources: [{ name: 'settings', settings: {} }, resource] });
      assert.throws(() => decodePush(push), {
        name: 'MeshError',
        code: 'bad-resource',
        resource: resource.name ?? '',
        message: reason,
      });
    });
  }

  const balancers: { loadBalancer: object; decoded: object }[] = [
    { loadBalancer: {}, decoded: { kind: 'least-request' } },
    { loadBalancer: { type: 'PEAK_EWMA' }, decoded: { kind: 'peak-ewma' } },
    { loadBalancer: { type: 'ROUND_ROBIN' }, decoded: { kind: 'round-robin' } },
    {
      loadBalancer: { type: 'RING_HASH', hash: { cookie: { name: 'Session' } } },
      decoded: {
        kind: 'ring-hash',
        hash: { kind: 'cookie', name: 'Session', ttlSeconds: undefined },
      },
    },
    {
      loadBalancer: { type: 'RING_HASH', hash: { cookie: { name: 's', ttlSeconds: 0 } } },
      decoded: { kind: 'ring-hash', hash: { kind: 'cookie', name: 's', ttlSeconds: 0 } },
    },
    {
      loadBalancer: { type: 'RING_HASH', hash: { callingPod: {} } },
      decoded: { kind: 'ring-hash', hash: { kind: 'source' } },
    },
  ];
  for (const { loadBalancer, decoded } of balancers) {
    test(`reads the balancer ${JSON.stringify(loadBalancer)}`, () => {
      const [resource] = decodePush(received({ resources: [balancer(loadBalancer)] })).resources;
      assert.ok(resource?.kind === 'routes');
      assert.deepEqual(resource.value.ports[0]?.policy.loadBalancer, decoded);
    });
  }

  test('is refused when it removes an unknown kind', () => {
    assert.throws(() => decodePush(received({ removed: ['secret/shop/web'] })), ResourceError);
  });

  test('is refused when its body came from a newer release', () => {
    // Field 99 of Resource, length-delimited and empty, behind the name.
    const known = responseSerialize({ resources: [{ name: 'settings' }] });
    const body = [...known.subarray(2), 0x9a, 0x06, 0x00];
    const push = Buffer.from([known[0] ?? 0, body.length, ...body]);
    assert.throws(() => decodePush(responseDeserialize(push)), /body is empty or unknown/);
  });
});
