import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { SignJWT } from 'jose';
import { LocalTokenAuthenticator } from './local-tokens.ts';

const folder = mkdtempSync(join(tmpdir(), 'remora-tokens-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const keyPath = join(folder, 'key');
const KEY = Buffer.alloc(32, 7);
writeFileSync(keyPath, KEY);

const CLAIMS = { namespace: 'shop', serviceAccount: 'cart', pod: 'cart-1' };

function sign(change: {
  claims?: Record<string, unknown>;
  audience?: string;
  issuer?: string;
  key?: Buffer;
  expires?: string;
}): Promise<string> {
  return new SignJWT(change.claims ?? CLAIMS)
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuer(change.issuer ?? 'remora-local')
    .setAudience(change.audience ?? 'remora')
    .setExpirationTime(change.expires ?? '1h')
    .sign(change.key ?? KEY);
}

test('a token of the local mode proves who the pod is', async () => {
  const caller = await new LocalTokenAuthenticator(keyPath).authenticate(await sign({}));
  assert.deepEqual(caller, CLAIMS);
});

const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from(
  JSON.stringify({ ...CLAIMS, iss: 'remora-local', aud: 'remora' }),
).toString('base64url')}.`;
const refused = [
  { name: 'made with another key', token: sign({ key: Buffer.alloc(32, 8) }) },
  { name: 'for another audience', token: sign({ audience: 'kubernetes' }) },
  { name: 'of another issuer', token: sign({ issuer: 'elsewhere' }) },
  { name: 'that has expired', token: sign({ expires: '-1m' }) },
  { name: 'without a pod', token: sign({ claims: { ...CLAIMS, pod: undefined } }) },
  { name: 'with a name that is none', token: sign({ claims: { ...CLAIMS, namespace: 'a/b' } }) },
  { name: 'without a signature', token: Promise.resolve(unsigned) },
  { name: 'that is no token', token: Promise.resolve('hello') },
];
for (const { name, token } of refused) {
  test(`a token ${name} is refused`, async () => {
    await assert.rejects(new LocalTokenAuthenticator(keyPath).authenticate(await token), {
      code: 'token-invalid',
    });
  });
}

test('a key that is missing or too short is the mesh’s fault, and can be mended', async () => {
  const path = join(folder, 'later');
  const authenticator = new LocalTokenAuthenticator(path);
  const token = await sign({});
  await assert.rejects(authenticator.authenticate(token), {
    code: 'token-review-unavailable',
    message: /cannot be read/,
  });
  writeFileSync(path, 'short');
  await assert.rejects(authenticator.authenticate(token), /needs at least 32/);
  writeFileSync(path, KEY);
  assert.equal((await authenticator.authenticate(token)).pod, 'cart-1');
});
