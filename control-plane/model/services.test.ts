import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serviceKind } from '../watch/kinds.ts';
import { protocolOf, toService } from './services.ts';
import type { Protocol } from './types.ts';

const protocols: { appProtocol?: string; name?: string; port?: number; protocol: Protocol }[] = [
  { protocol: 'detect' },
  { name: 'web', protocol: 'detect' },
  { name: 'http', protocol: 'http1' },
  { name: 'http-admin', protocol: 'http1' },
  { name: 'HTTP-Admin', protocol: 'http1' },
  { name: 'httpadmin', protocol: 'detect' },
  { name: 'http2', protocol: 'http2' },
  { name: 'http2-api', protocol: 'http2' },
  { name: 'h2c', protocol: 'http2' },
  { name: 'grpc', protocol: 'grpc' },
  { name: 'grpc-web', protocol: 'http1' },
  { name: 'grpc-orders', protocol: 'grpc' },
  { name: 'https', protocol: 'tls' },
  { name: 'tls-legacy', protocol: 'tls' },
  { name: 'tcp-metrics', protocol: 'tcp' },
  { name: 'redis', protocol: 'tcp' },
  { name: 'mysql-primary', protocol: 'tcp' },
  { name: 'mongo', protocol: 'tcp' },
  { port: 3306, protocol: 'tcp' },
  { port: 25, name: 'mail', protocol: 'tcp' },
  { port: 3306, name: 'http', protocol: 'http1' },
  { appProtocol: 'kubernetes.io/h2c', name: 'http', protocol: 'http2' },
  { appProtocol: 'kubernetes.io/ws', protocol: 'http1' },
  { appProtocol: 'kubernetes.io/wss', protocol: 'tls' },
  { appProtocol: 'http', name: 'tcp', protocol: 'http1' },
  { appProtocol: 'HTTPS', protocol: 'tls' },
  { appProtocol: 'grpc', protocol: 'grpc' },
  { appProtocol: 'example.com/custom', name: 'http', protocol: 'http1' },
  { appProtocol: 'example.com/custom', protocol: 'detect' },
];

for (const { protocol, appProtocol = '', name = '', port = 8080 } of protocols) {
  test(`port ${port} "${name}" with appProtocol "${appProtocol}" carries ${protocol}`, () => {
    assert.equal(protocolOf({ appProtocol, name, port }), protocol);
  });
}

function read(spec: object): ReturnType<typeof toService> {
  return toService(serviceKind.parse({ metadata: { name: 'a', namespace: 'shop' }, spec }));
}

test('a service has its cluster IPs and its TCP ports', () => {
  const service = read({
    clusterIP: '10.0.0.1',
    clusterIPs: ['10.0.0.1', 'fd00::1'],
    ports: [
      { name: 'http', port: 80, targetPort: 8080 },
      { name: 'dns', port: 53, protocol: 'UDP' },
    ],
  });
  assert.deepEqual(service, {
    kind: 'service',
    namespace: 'shop',
    name: 'a',
    addresses: ['10.0.0.1', 'fd00::1'],
    ports: [{ port: 80, name: 'http', protocol: 'http1' }],
  });
});

test('a headless service has no address', () => {
  assert.deepEqual(read({ clusterIP: 'None', ports: [{ port: 80 }] })?.addresses, []);
});

test('an ExternalName, and a service without TCP ports, are none of ours', () => {
  assert.equal(read({ type: 'ExternalName', externalName: 'x', ports: [{ port: 80 }] }), undefined);
  assert.equal(read({ clusterIP: '10.0.0.1', ports: [{ port: 53, protocol: 'UDP' }] }), undefined);
  assert.equal(read({ clusterIP: '10.0.0.1' }), undefined);
});
