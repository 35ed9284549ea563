import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { suite, test } from 'node:test';
import { TestAuthority } from '../../test/fakes/certificates.ts';
import { FakeControlPlane } from '../../test/fakes/control-plane.ts';
import { until } from '../../test/fakes/until.ts';
import { Backoff } from '../backoff.ts';
import { type Clock, ManualClock, systemClock } from '../clock.ts';
import { silentLog } from '../log.ts';
import { CertificateClient, type IssuedCertificate } from './certificate-client.ts';

/** A client and everything that it was given. */
function clientOf(
  controlPlane: FakeControlPlane,
  kept?: IssuedCertificate,
  clock: Clock = systemClock,
): AsyncDisposable & { client: CertificateClient; issued: IssuedCertificate[] } {
  const issued: IssuedCertificate[] = [];
  const connection = controlPlane.connection();
  const client = new CertificateClient({
    connection,
    log: silentLog(),
    onChange: (certificate) => issued.push(certificate),
    kept,
    clock,
    random: () => 0.5,
    backoff: new Backoff({ baseMs: 10, maxMs: 50 }),
  });
  return {
    client,
    issued,
    async [Symbol.asyncDispose]() {
      await client.stop(AbortSignal.abort());
      connection.close();
    },
  };
}

/** A wall clock that somebody sets. */
class SettableClock extends ManualClock {
  wall = Date.now();

  override wallMs(): number {
    return this.wall;
  }
}

const serialOf = (certificate: IssuedCertificate | undefined): string =>
  new X509Certificate(certificate?.chain ?? '').serialNumber;

suite('the certificate client', () => {
  test('asks at start, and gets a certificate for a key of its own', async () => {
    await using controlPlane = await FakeControlPlane.start();
    await using holder = clientOf(controlPlane);
    const { client, issued } = holder;
    client.start();
    const certificate = await until(() => issued[0], 'a certificate');
    assert.equal(certificate.spiffeId, 'spiffe://cluster.local/ns/shop/sa/cart');
    assert.equal(certificate.roots, controlPlane.authority.root);
    assert.match(certificate.privateKey, /BEGIN PRIVATE KEY/);
    assert.equal(client.current, certificate);
    const authorization = controlPlane.certifications[0]?.metadata.get('authorization');
    assert.deepEqual(authorization, ['Bearer token-1']);
  });

  test('renews at half of the life, with another key, on the same stream', async () => {
    await using controlPlane = await FakeControlPlane.start();
    controlPlane.certificateLifeMs = 2500;
    await using holder = clientOf(controlPlane);
    const { client, issued } = holder;
    client.start();
    const startedMs = performance.now();
    const [first, second] = await until(() => issued.length >= 2 && issued, 'a renewal');
    assert.notEqual(serialOf(first), serialOf(second));
    assert.notEqual(first?.privateKey, second?.privateKey);
    assert.ok(performance.now() - startedMs >= 1200, 'not before half of the life');
    assert.equal(controlPlane.certifications.length, 1);
  });

  test('renews when the clock was set forward to near its end, and then once a minute at most', async () => {
    await using controlPlane = await FakeControlPlane.start();
    const clock = new SettableClock();
    await using holder = clientOf(controlPlane, undefined, clock);
    const { client, issued } = holder;
    client.start();
    await until(() => issued[0], 'a certificate');
    clock.wall += 3_000_000;
    clock.advance(60_000);
    await until(() => issued[1], 'a renewal');
    clock.advance(30_000);
    const [certification] = controlPlane.certifications;
    certification?.send({ renew: 'to see that nothing else was asked for' });
    await until(() => issued[2], 'the renewal that was asked for');
    assert.equal(certification?.received.length, 3);
  });

  test('renews in time although the clock was a day behind when it came', async () => {
    await using controlPlane = await FakeControlPlane.start();
    const clock = new SettableClock();
    clock.wall -= 86_400_000;
    await using holder = clientOf(controlPlane, undefined, clock);
    const { client, issued } = holder;
    client.start();
    await until(() => issued[0], 'a certificate');
    clock.advance(1_790_000);
    assert.equal(controlPlane.certifications[0]?.received.length, 1);
    clock.advance(20_000);
    await until(() => issued[1], 'a renewal');
  });

  test('renews when the control plane asks', async () => {
    await using controlPlane = await FakeControlPlane.start();
    await using holder = clientOf(controlPlane);
    const { client, issued } = holder;
    client.start();
    await until(() => issued[0], 'a certificate');
    controlPlane.certifications[0]?.send({ renew: 'the issuer changed' });
    await until(() => issued[1], 'a renewal');
  });

  test('takes new roots without a new certificate', async () => {
    await using controlPlane = await FakeControlPlane.start();
    await using holder = clientOf(controlPlane);
    const { client, issued } = holder;
    client.start();
    await until(() => issued[0], 'a certificate');
    const roots = `${controlPlane.authority.root}${new TestAuthority().root}`;
    controlPlane.certifications[0]?.send({ trustBundle: { roots } });
    const second = await until(() => issued[1], 'new roots');
    assert.equal(second.roots, roots);
    assert.equal(serialOf(second), serialOf(issued[0]));
    assert.equal(second.privateKey, issued[0]?.privateKey);
  });

  test('asks for another certificate when the new roots do not vouch for this one', async () => {
    await using controlPlane = await FakeControlPlane.start();
    await using holder = clientOf(controlPlane);
    const { client, issued } = holder;
    client.start();
    await until(() => issued[0], 'a certificate');
    const { root } = new TestAuthority();
    controlPlane.certifications[0]?.send({ trustBundle: { roots: root } });
    const third = await until(() => issued[2], 'a renewal');
    assert.notEqual(serialOf(third), serialOf(issued[0]));
  });

  test('uses a kept certificate until half of its life is over', async () => {
    await using controlPlane = await FakeControlPlane.start();
    await using before = clientOf(controlPlane);
    before.client.start();
    const fresh = await until(() => before.issued[0], 'a certificate');

    await using young = clientOf(controlPlane, fresh);
    young.client.start();
    await until(() => controlPlane.certifications[1], 'a stream');
    const old = { ...fresh, notBeforeMs: fresh.notBeforeMs - 4_000_000 };
    await using late = clientOf(controlPlane, old);
    late.client.start();
    await until(() => late.issued[0], 'a renewal of the older one');
    assert.equal(young.issued.length, 0);
    assert.equal(young.client.current, fresh);
    assert.equal(controlPlane.certifications[1]?.received.length, 0);
  });

  test('asks again after the stream broke before the answer', async () => {
    await using controlPlane = await FakeControlPlane.start();
    controlPlane.close();
    await using holder = clientOf(controlPlane);
    const { client, issued } = holder;
    client.start();
    await controlPlane.listen();
    await until(() => issued[0], 'a certificate');
  });

  test('refuses a certificate for somebody else than it says', async () => {
    await using controlPlane = await FakeControlPlane.start();
    await using holder = clientOf(controlPlane);
    const { client, issued } = holder;
    const { identity } = controlPlane;
    controlPlane.announcedIdentity = 'spiffe://cluster.local/ns/shop/sa/admin';
    client.start();
    await until(() => controlPlane.certifications.length >= 2, 'a second try');
    assert.equal(issued.length, 0);
    controlPlane.announcedIdentity = identity;
    await until(() => issued[0], 'a certificate');
  });
});
