import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, before, test } from 'node:test';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { status } from '@grpc/grpc-js';
import { createCa } from '../../control-plane/identity/ca-material.ts';
import { readCertificates } from '../../control-plane/identity/x509.ts';
import type { CertifyRequest } from '../../proto/gen/remora/v1/CertifyRequest.ts';
import type { CertifyResponse__Output } from '../../proto/gen/remora/v1/CertifyResponse.ts';
import { v1 } from '../../proto/load.ts';
import { createCertificateRequest } from '../../runtime/identity/certificate-request.ts';
import { bearer, ControlPlaneServices, StreamReader } from '../fakes/control-plane-services.ts';

let services: ControlPlaneServices;
before(async () => {
  services = await ControlPlaneServices.start();
});
after(() => services.stop());

type Certifier = StreamReader<CertifyRequest, CertifyResponse__Output>;

/** A stream, after the roots with which it begins. */
async function connect(token: string): Promise<Certifier> {
  const stream: Certifier = new StreamReader(services.client(v1.Identity).certify(bearer(token)));
  assert.equal((await stream.next()).trustBundle?.roots, services.authority.roots);
  return stream;
}

function ask({ call }: Certifier): void {
  call.write({ certificateSigningRequest: createCertificateRequest().der });
}

/** Puts another CA in place, as an operator would who replaces the Secret. */
async function replaceCa(): Promise<void> {
  const stored = await services.caStore.read();
  const next = createCa(Date.now(), { rootLifetimeMs: 86_400_000, leafLifetimeMs: 3_600_000 });
  const roots = `${next['roots.pem']}${stored?.data['roots.pem']}`;
  await services.caStore.replace({ ...next, 'roots.pem': roots }, stored?.version ?? '');
  await services.authority.refresh();
}

function serverCertificate(): Promise<{ socket: TLSSocket; certificate: X509Certificate }> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({
      ...{ host: '127.0.0.1', port: services.server.port, servername: 'control-plane.test' },
      ...{ ca: services.authority.roots, ALPNProtocols: ['h2'] },
    });
    socket.on('error', reject);
    socket.on('secureConnect', () => {
      const certificate = socket.getPeerX509Certificate();
      if (certificate === undefined) reject(new Error('no certificate'));
      else resolve({ socket, certificate });
    });
  });
}

const names = [
  {
    name: 'a sidecar gets its SPIFFE ID and no other name',
    token: 'shop/cart/cart-1',
    expected: 'URI:spiffe://cluster.local/ns/shop/sa/cart',
  },
  {
    name: 'the injector also gets the names of its Service',
    token: 'remora-system/remora-injector/injector-1',
    expected:
      'URI:spiffe://cluster.local/ns/remora-system/sa/remora-injector, ' +
      'DNS:remora-injector.remora-system.svc, DNS:remora-injector.remora-system.svc.cluster.local',
  },
  {
    name: "an account of the injector's name in another namespace gets none of them",
    token: 'shop/remora-injector/pod-1',
    expected: 'URI:spiffe://cluster.local/ns/shop/sa/remora-injector',
  },
];
for (const { name, token, expected } of names) {
  test(name, async () => {
    const stream = await connect(token);
    ask(stream);
    const { certificate } = await stream.next();
    const leaf = new X509Certificate(certificate?.chain ?? '');
    assert.equal(leaf.subjectAltName, expected);
    const [root] = readCertificates(certificate?.trustBundle?.roots ?? '');
    assert.ok(root && leaf.verify(root.publicKey));
    assert.ok(expected.startsWith(`URI:${certificate?.spiffeId}`));
    assert.equal(certificate?.notAfterMs, certificate && certificate.notBeforeMs + 3_660_000);
    stream.call.end();
  });
}

test('a request that is none ends the stream with the reason', async () => {
  const stream = await connect('shop/cart/cart-1');
  stream.call.write({ certificateSigningRequest: Buffer.from('hello') });
  const error = await stream.failure();
  assert.equal(error.code, status.INVALID_ARGUMENT);
  assert.match(error.details, /PKCS #10/);
});

test('a client that asks without end is stopped', async () => {
  const stream = await connect('shop/cart/cart-1');
  for (let count = 0; count < 20; count += 1) ask(stream);
  assert.equal((await stream.failure()).code, status.RESOURCE_EXHAUSTED);
});

test('when the issuer changes, clients get the roots and are asked to renew; the server renews too', async () => {
  const stream = await connect('shop/cart/cart-1');
  ask(stream);
  await stream.next();
  const before = await serverCertificate();
  await replaceCa();
  const { trustBundle } = await stream.next();
  assert.equal(trustBundle?.roots, services.authority.roots);
  assert.equal(readCertificates(services.authority.roots).length, 2);
  assert.equal((await stream.next()).renew, 'the issuer has changed');
  ask(stream);
  const { certificate } = await stream.next();
  const [root] = readCertificates(services.authority.roots);
  assert.ok(root && new X509Certificate(certificate?.chain ?? '').verify(root.publicKey));
  stream.call.end();

  const now = await serverCertificate();
  assert.notEqual(now.certificate.fingerprint256, before.certificate.fingerprint256);
  assert.ok(now.certificate.verify(root.publicKey), 'new connections get the new certificate');
  assert.equal(before.socket.destroyed, false, 'open connections stay');
  assert.equal(now.certificate.checkHost('control-plane.test'), 'control-plane.test');
  before.socket.destroy();
  now.socket.destroy();
});

test('a client that was away while the CA changed gets the roots with its next stream', async () => {
  const earlier = await connect('shop/cart/cart-1');
  earlier.call.end();
  const before = services.authority.roots;
  await replaceCa();
  assert.notEqual(services.authority.roots, before);
  const stream = await connect('shop/cart/cart-1');
  stream.call.end();
});

test('a client that trusts another mesh does not get through', async () => {
  const stranger = createCa(Date.now(), { rootLifetimeMs: 3_600_000, leafLifetimeMs: 60_000 });
  const stream = new StreamReader(
    services.client(v1.Identity, stranger['ca.crt']).certify(bearer('shop/cart/cart-1')),
  );
  assert.equal((await stream.failure()).code, status.UNAVAILABLE);
});
