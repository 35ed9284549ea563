import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { systemClock } from '../../runtime/clock.ts';
import type { IssuedCertificate } from '../../runtime/identity/certificate-client.ts';
import { silentLog } from '../../runtime/log.ts';
import { type Issued, TestAuthority } from '../../test/fakes/certificates.ts';
import { FakeControlPlane } from '../../test/fakes/control-plane.ts';
import { until } from '../../test/fakes/until.ts';
import { CertificateSource } from './certificate-source.ts';
import { IssuedIdentity } from './issued-identity.ts';
import { KeptCertificate } from './kept-certificate.ts';
import { StaticIdentity } from './static-identity.ts';

const ID = 'spiffe://cluster.local/ns/shop/sa/cart';
const authority = new TestAuthority();

function issuedCertificate(fields: Partial<IssuedCertificate> = {}): IssuedCertificate {
  const { key, certificate } = authority.issue([ID]);
  return {
    privateKey: key,
    chain: certificate,
    roots: authority.root,
    spiffeId: ID,
    notBeforeMs: Date.now(),
    notAfterMs: Date.now() + 3_600_000,
    ...fields,
  };
}

function temporaryDirectory(t: { after(fn: () => void): void }): string {
  const directory = mkdtempSync(join(tmpdir(), 'remora-identity-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

suite('the certificate in force', () => {
  test('is replaced as a whole, and listeners hear of it', () => {
    const source = new CertificateSource();
    const none: unknown = source.current;
    assert.equal(none, undefined);
    let heard = 0;
    source.onChange(() => {
      heard += 1;
    });
    source.replace(issuedCertificate());
    const first = source.current;
    assert.equal(first?.spiffeId, ID);
    assert.equal(first?.trustDomain, 'cluster.local');
    source.replace(issuedCertificate());
    assert.notEqual(source.current?.secureContext, first?.secureContext);
    assert.equal(heard, 2);
  });

  const bad: { name: string; fields: Partial<IssuedCertificate>; reason: RegExp }[] = [
    {
      name: 'a key of another certificate',
      fields: { privateKey: authority.issue([ID]).key },
      reason: /cannot be used for TLS/,
    },
    { name: 'a chain that is none', fields: { chain: 'no' }, reason: /cannot be used for TLS/ },
    { name: 'a name that is none', fields: { spiffeId: 'cart' }, reason: /no SPIFFE ID/ },
  ];
  for (const { name, fields, reason } of bad) {
    test(`is not replaced by ${name}`, () => {
      const source = new CertificateSource();
      source.replace(issuedCertificate());
      const before = source.current;
      assert.throws(() => source.replace(issuedCertificate(fields)), reason);
      assert.equal(source.current, before);
    });
  }
});

suite('a kept certificate', () => {
  test('comes back as it was, from a file that only we can read', async (t) => {
    const directory = join(temporaryDirectory(t), 'state');
    const certificate = issuedCertificate();
    await new KeptCertificate(directory, silentLog()).save(certificate);
    assert.equal(statSync(join(directory, 'identity.json')).mode & 0o777, 0o600);
    const kept = new KeptCertificate(directory, silentLog()).load(Date.now());
    assert.deepEqual(kept, certificate);
  });

  const bad: { name: string; text: string }[] = [
    { name: 'damaged', text: '{"privateKey":' },
    { name: 'incomplete', text: '{"privateKey":"a"}' },
    { name: 'expired', text: JSON.stringify(issuedCertificate({ notAfterMs: Date.now() - 1 })) },
  ];
  for (const { name, text } of bad) {
    test(`is ignored when it is ${name}`, (t) => {
      const directory = temporaryDirectory(t);
      writeFileSync(join(directory, 'identity.json'), text);
      assert.equal(new KeptCertificate(directory, silentLog()).load(Date.now()), undefined);
    });
  }
});

suite('an identity from the control plane', () => {
  test('is kept for the next start, which then needs no control plane', async (t) => {
    await using controlPlane = await FakeControlPlane.start();
    const stateDirectory = temporaryDirectory(t);
    const start = (): IssuedIdentity => {
      const connection = controlPlane.connection();
      const identity = new IssuedIdentity({
        connection,
        stateDirectory,
        log: silentLog(),
        clock: systemClock,
      });
      t.after(async () => {
        await identity.stop(AbortSignal.abort());
        connection.close();
      });
      identity.start();
      return identity;
    };
    const first = start();
    await until(() => first.source.current, 'a certificate');
    await until(() => new KeptCertificate(stateDirectory, silentLog()).load(Date.now()), 'a file');
    controlPlane.close();
    const second = start();
    assert.equal(second.source.current?.spiffeId, first.source.current?.spiffeId);
    assert.equal(second.source.current?.notAfterMs, first.source.current?.notAfterMs);
  });
});

suite('an identity from files', () => {
  test('is read again when they change, and not while they do not belong together', async (t) => {
    const directory = temporaryDirectory(t);
    const paths = {
      chain: join(directory, 'chain.pem'),
      privateKey: join(directory, 'key.pem'),
      trustBundle: join(directory, 'roots.pem'),
    };
    const write = ({ key, certificate }: Issued): void => {
      writeFileSync(paths.chain, certificate);
      writeFileSync(paths.privateKey, key);
    };
    writeFileSync(paths.trustBundle, authority.root);
    const identity = new StaticIdentity(paths, silentLog(), 20);
    assert.throws(() => identity.start(), /chain\.pem cannot be read/);
    write(authority.issue(['https://example.com/']));
    assert.throws(() => identity.start(), /chain\.pem carries no SPIFFE ID/);
    write(authority.issue([ID]));
    identity.start();
    t.after(() => identity.stop());
    const first = identity.source.current;
    assert.equal(first?.spiffeId, ID);

    const other = 'spiffe://cluster.local/ns/shop/sa/other';
    const next = authority.issue([other]);
    writeFileSync(paths.chain, next.certificate);
    assert.equal(identity.source.current, first);
    writeFileSync(paths.privateKey, next.key);
    await until(() => identity.source.current?.spiffeId === other, 'the new certificate');
  });
});
