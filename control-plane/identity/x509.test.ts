import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import {
  certificatePem,
  createRootCertificate,
  exportSpki,
  generateKeyPair,
  issueLeafCertificate,
  readIssuer,
  readSigningRequest,
} from './x509.ts';

const folder = mkdtempSync(join(tmpdir(), 'remora-x509-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const NOW = Date.now();
const VALIDITY = { notBeforeMs: NOW - 60_000, notAfterMs: NOW + 3_600_000 };

function authority() {
  const keys = generateKeyPair();
  const root = new X509Certificate(
    createRootCertificate(keys, 'test root', { ...VALIDITY, notAfterMs: NOW + 86_400_000 }),
  );
  return { keys, root, issuer: readIssuer(root, keys.privateKey) };
}

function openssl(...args: string[]): string {
  return execFileSync('openssl', args, { encoding: 'utf8', cwd: folder, stdio: 'pipe' });
}

/** A request as openssl makes it, in DER. */
function openSslRequest(name: string, ...key: string[]): Buffer {
  openssl('genpkey', ...key, '-out', `${name}.key`);
  openssl(
    'req',
    '-new',
    '-key',
    `${name}.key`,
    '-subj',
    '/CN=root',
    '-outform',
    'DER',
    '-out',
    name,
  );
  return execFileSync('cat', [name], { cwd: folder });
}

const P256 = ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'];

test('openssl verifies a chain that we made, strictly, for a client and a server', () => {
  const { root, issuer } = authority();
  const spki = readSigningRequest(openSslRequest('leaf', ...P256));
  const leaf = issueLeafCertificate(
    issuer,
    spki,
    { uris: ['spiffe://cluster.local/ns/shop/sa/cart'], dnsNames: [], ipAddresses: [] },
    VALIDITY,
  );
  writeFileSync(join(folder, 'root.pem'), root.toString());
  writeFileSync(join(folder, 'leaf.pem'), certificatePem(leaf));
  for (const purpose of ['sslclient', 'sslserver']) {
    const said = openssl(
      'verify',
      '-x509_strict',
      '-purpose',
      purpose,
      '-CAfile',
      'root.pem',
      'leaf.pem',
    );
    assert.equal(said.trim(), 'leaf.pem: OK');
  }
  const certificate = new X509Certificate(leaf);
  assert.equal(certificate.subjectAltName, 'URI:spiffe://cluster.local/ns/shop/sa/cart');
  assert.equal(certificate.ca, false);
  assert.equal(certificate.validFromDate.getTime(), Math.floor(VALIDITY.notBeforeMs / 1000) * 1000);
  const own = execFileSync('openssl', ['pkey', '-in', 'leaf.key', '-pubout'], { cwd: folder });
  assert.equal(certificate.publicKey.export({ format: 'pem', type: 'spki' }), own.toString());
});

test('serial numbers hold 128 random bits', () => {
  const { issuer, keys } = authority();
  const names = { uris: ['spiffe://a/ns/b/sa/c'], dnsNames: [], ipAddresses: [] };
  const spki = exportSpki(keys.publicKey);
  const serials = new Set<string>();
  for (let count = 0; count < 100; count += 1) {
    const leaf = new X509Certificate(issueLeafCertificate(issuer, spki, names, VALIDITY));
    assert.match(leaf.serialNumber, /^01[0-9A-F]{32}$/);
    serials.add(leaf.serialNumber);
  }
  assert.equal(serials.size, 100);
});

test('names of every kind are in the certificate as openssl reads it', () => {
  const { issuer, keys } = authority();
  const leaf = issueLeafCertificate(
    issuer,
    exportSpki(keys.publicKey),
    {
      uris: ['spiffe://cluster.local/ns/a/sa/b'],
      dnsNames: ['remora-injector.remora-system.svc'],
      ipAddresses: ['127.0.0.1', '::1', 'fd00::1:2', '2001:db8:1:2:3:4:5:6'],
    },
    VALIDITY,
  );
  assert.equal(
    new X509Certificate(leaf).subjectAltName,
    'URI:spiffe://cluster.local/ns/a/sa/b, DNS:remora-injector.remora-system.svc, ' +
      'IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, IP Address:FD00:0:0:0:0:0:1:2, ' +
      'IP Address:2001:DB8:1:2:3:4:5:6',
  );
});

test('a validity past 2049 is written as GeneralizedTime', () => {
  const keys = generateKeyPair();
  const notAfterMs = Date.UTC(2060, 1, 3, 4, 5, 6);
  const root = new X509Certificate(createRootCertificate(keys, 'far', { ...VALIDITY, notAfterMs }));
  assert.equal(root.validToDate.getTime(), notAfterMs);
});

for (const name of ['a\0b', 'a b', 'ä', '']) {
  test(`the name ${JSON.stringify(name)} is refused`, () => {
    const { issuer, keys } = authority();
    assert.throws(
      () =>
        issueLeafCertificate(
          issuer,
          exportSpki(keys.publicKey),
          { uris: [name], dnsNames: [], ipAddresses: [] },
          VALIDITY,
        ),
      { code: 'bad-name' },
    );
  });
}

const good = openSslRequest('good', ...P256);
const tampered = Buffer.from(good);
tampered[tampered.length - 4] = (tampered[tampered.length - 4] ?? 0) ^ 1;
const badRequests = [
  { name: 'nothing', der: Buffer.alloc(0), says: /PKCS #10/ },
  { name: 'random bytes', der: Buffer.from('30820101deadbeef', 'hex'), says: /PKCS #10/ },
  { name: 'deep nesting', der: Buffer.from('3080'.repeat(4000), 'hex'), says: /PKCS #10/ },
  { name: 'a truncated request', der: good.subarray(0, -1), says: /PKCS #10/ },
  {
    name: 'bytes after the request',
    der: Buffer.concat([good, Buffer.from([5, 0])]),
    says: /PKCS #10/,
  },
  { name: 'a signature that does not match', der: tampered, says: /does not match/ },
  {
    name: 'a P-384 key',
    der: openSslRequest('p384', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384'),
    says: /not ECDSA P-256/,
  },
  {
    name: 'an RSA key',
    der: openSslRequest('rsa', '-algorithm', 'RSA'),
    says: /not signed with ECDSA/,
  },
];
for (const { name, der, says } of badRequests) {
  test(`a signing request of ${name} is refused`, () => {
    assert.throws(() => readSigningRequest(der), { code: 'bad-signing-request', message: says });
  });
}

test('a CA whose key does not belong to it, or that is none, is refused', () => {
  const { root, issuer, keys } = authority();
  assert.throws(() => readIssuer(root, generateKeyPair().privateKey), /does not belong/);
  const leaf = issueLeafCertificate(
    issuer,
    exportSpki(keys.publicKey),
    { uris: ['spiffe://a/ns/b/sa/c'], dnsNames: [], ipAddresses: [] },
    VALIDITY,
  );
  assert.throws(() => readIssuer(new X509Certificate(leaf), keys.privateKey), /not a CA/);
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  const other = new X509Certificate(createRootCertificate(p384, 'p384', VALIDITY));
  assert.throws(() => readIssuer(other, p384.privateKey), /not ECDSA P-256/);
});
