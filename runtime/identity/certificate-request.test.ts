import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createPublicKey, verify } from 'node:crypto';
import { test } from 'node:test';
import { createCertificateRequest } from './certificate-request.ts';

test('a signing request carries its key and is signed with it, whatever the key’s bytes', () => {
  for (let i = 0; i < 500; i++) {
    const { der, privateKey } = createCertificateRequest();
    // A request is SEQUENCE { information, algorithm, BIT STRING }; all lengths are short here.
    const information = der.subarray(der[1] === 0x81 ? 3 : 2);
    const signed = information.subarray(0, 2 + (information[1] ?? 0));
    const algorithm = information.subarray(signed.length);
    const bitString = algorithm.subarray(2 + (algorithm[1] ?? 0));
    const signature = bitString.subarray(3);
    const publicKey = createPublicKey(privateKey);
    assert.ok(signed.includes(publicKey.export({ type: 'spki', format: 'der' })));
    assert.ok(verify('sha256', signed, publicKey, signature));
  }
});

test('OpenSSL takes a signing request', (t) => {
  let version: string;
  try {
    version = execFileSync('openssl', ['version']).toString();
  } catch {
    t.skip('there is no openssl');
    return;
  }
  t.diagnostic(version.trim());
  const { der } = createCertificateRequest();
  const text = execFileSync('openssl', ['req', '-inform', 'DER', '-noout', '-text', '-verify'], {
    input: der,
    stdio: ['pipe', 'pipe', 'pipe'],
  }).toString();
  assert.match(text, /ecdsa-with-SHA256/);
  assert.match(text, /prime256v1/);
});
