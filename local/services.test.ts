import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { suite, test } from 'node:test';
import { DnsServer } from './dns-server.ts';
import { DnsZone } from './dns-zone.ts';
import type { Service } from './objects.ts';
import { serviceRules } from './service-rules.ts';
import { ClusterIps, endpointSlices, type ServedPod, serveServices } from './services.ts';

function service(name: string, spec: Service['spec']): Service {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'shop' }, spec };
}

function pod(name: string, address: string, changes: Partial<ServedPod> = {}): ServedPod {
  return {
    name,
    namespace: 'shop',
    labels: { app: 'web' },
    address,
    hostname: '',
    subdomain: '',
    ready: true,
    terminating: false,
    namedPorts: new Map([['http', 8080]]),
    realPort: (port) => port,
    ...changes,
  };
}

const WEB = service('web', {
  selector: { app: 'web' },
  ports: [{ name: 'http', port: 80, targetPort: 'http' }],
});
const DIRECT = service('direct', {
  clusterIP: 'None',
  selector: { app: 'web' },
  ports: [{ name: 'http', port: 8080 }],
});
const ALIAS = service('alias', {
  type: 'ExternalName',
  externalName: 'web.shop.svc.cluster.local',
});
const PODS = [
  pod('a', '10.199.0.2'),
  pod('b', '10.199.0.3', { hostname: 'b', subdomain: 'direct' }),
  pod('c', '10.199.0.4', { ready: false }),
  pod('d', '10.199.0.5', { labels: { app: 'other' } }),
];
const SERVED = serveServices([WEB, DIRECT, ALIAS], PODS, new ClusterIps('10.199'));

test('a service keeps its cluster IP, and a headless one has none', () => {
  const ips = new ClusterIps('10.199');
  const first = ips.of(WEB);
  assert.match(first ?? '', /^10\.199\.(12[89]|1[3-9]\d|2\d\d)\.\d+$/);
  assert.notEqual(ips.of(service('another', {})), first);
  assert.equal(ips.of(WEB), first);
  assert.equal(ips.of(DIRECT), undefined);
  assert.equal(ips.of(ALIAS), undefined);
});

test('each pod has a slice of its own, with the port on which it really listens', () => {
  const moved = pod('a', '127.0.0.1', { realPort: (port) => port + 1000 });
  const [served] = serveServices([WEB], [moved], new ClusterIps('10.199'));
  assert.ok(served);
  assert.deepEqual(endpointSlices(served), [
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        name: 'web-a',
        namespace: 'shop',
        labels: { 'kubernetes.io/service-name': 'web' },
      },
      addressType: 'IPv4',
      ports: [{ name: 'http', port: 9080, protocol: 'TCP' }],
      endpoints: [
        {
          addresses: ['127.0.0.1'],
          conditions: { ready: true, serving: true, terminating: false },
          nodeName: 'local',
          targetRef: { kind: 'Pod', name: 'a', namespace: 'shop' },
        },
      ],
    },
  ]);
});

test('rules spread connections over the ready pods, and refuse where there is none', () => {
  const lonely = service('lonely', { selector: { app: 'nobody' }, ports: [{ port: 90 }] });
  const [web, none] = serveServices([WEB, lonely], PODS, new ClusterIps('10.199'));
  assert.ok(web && none);
  assert.deepEqual(serviceRules([web, none]).split('\n'), [
    '*nat',
    ':REMORA_SERVICES - [0:0]',
    `-A REMORA_SERVICES -d ${web.clusterIp}/32 -p tcp --dport 80 -m statistic --mode random --probability 0.50000000 -j DNAT --to-destination 10.199.0.2:8080`,
    `-A REMORA_SERVICES -d ${web.clusterIp}/32 -p tcp --dport 80 -j DNAT --to-destination 10.199.0.3:8080`,
    'COMMIT',
    '*filter',
    ':REMORA_NO_BACKENDS - [0:0]',
    `-A REMORA_NO_BACKENDS -d ${none.clusterIp}/32 -p tcp --dport 90 -j REJECT --reject-with icmp-port-unreachable`,
    'COMMIT',
    '',
  ]);
});

suite('names', () => {
  const zone = new DnsZone('cluster.local');
  zone.update(SERVED);
  const ip = SERVED[0]?.clusterIp ?? '';
  const cases = [
    { name: 'web.shop.svc.cluster.local', addresses: [ip] },
    { name: 'WEB.Shop.svc.cluster.local', addresses: [ip] },
    { name: 'direct.shop.svc.cluster.local', addresses: ['10.199.0.2', '10.199.0.3'] },
    { name: 'b.direct.shop.svc.cluster.local', addresses: ['10.199.0.3'] },
    { name: '10-199-0-2.direct.shop.svc.cluster.local', addresses: ['10.199.0.2'] },
    { name: '10-199-0-9.shop.pod.cluster.local', addresses: ['10.199.0.9'] },
    { name: 'alias.shop.svc.cluster.local', addresses: [ip] },
  ];
  for (const { name, addresses } of cases) {
    test(`${name} is ${addresses.join(' and ')}`, () => {
      const found = zone
        .lookup(name, 'A')
        .answers.flatMap((answer) => (answer.type === 'A' ? [answer.data] : []));
      assert.deepEqual(found.sort(), addresses);
    });
  }
  for (const name of [
    'web',
    'web.other.svc.cluster.local',
    'example.com',
    '10-999-0-1.shop.pod.cluster.local',
  ]) {
    test(`${name} does not exist`, () => {
      assert.deepEqual(zone.lookup(name, 'A'), { exists: false, answers: [] });
    });
  }
  test('a name without an address of the wanted family exists all the same', () => {
    const found = zone.lookup('web.shop.svc.cluster.local', 'AAAA');
    assert.deepEqual(found, { exists: true, answers: [] });
    assert.equal(zone.lookup('shop.svc.cluster.local', 'A').exists, true);
  });

  test('are served to real resolvers', async () => {
    const server = new DnsServer({ host: '127.0.0.1', port: 0 }, zone);
    await server.start();
    try {
      const resolver = new Resolver();
      resolver.setServers([`127.0.0.1:${server.port}`]);
      assert.deepEqual(await resolver.resolve4('web.shop.svc.cluster.local'), [ip]);
      const [srv] = await resolver.resolveSrv('_http._tcp.web.shop.svc.cluster.local');
      assert.equal(srv?.port, 80);
      await assert.rejects(resolver.resolve4('example.com'), { code: 'ENOTFOUND' });
      await assert.rejects(resolver.resolve6('web.shop.svc.cluster.local'), { code: 'ENODATA' });
    } finally {
      await server.stop();
    }
  });

  test('an address in use is an error of the start, and nothing stays open', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const port = (taken.address() as AddressInfo).port;
    const server = new DnsServer({ host: '127.0.0.1', port }, zone);
    await assert.rejects(server.start(), { code: 'EADDRINUSE' });
    const udp = createSocket('udp4').bind(port, '127.0.0.1');
    await once(udp, 'listening');
    udp.close();
    taken.close();
  });

  test('that do not fit a datagram are asked for again over TCP', async () => {
    const many = Array.from({ length: 200 }, (_, index) => pod(`p${index}`, `10.199.1.${index}`));
    const big = new DnsZone('cluster.local');
    big.update(serveServices([DIRECT], many, new ClusterIps('10.199')));
    const server = new DnsServer({ host: '127.0.0.1', port: 0 }, big);
    await server.start();
    try {
      const resolver = new Resolver();
      resolver.setServers([`127.0.0.1:${server.port}`]);
      assert.equal((await resolver.resolve4('direct.shop.svc.cluster.local')).length, 200);
    } finally {
      await server.stop();
    }
  });
});
