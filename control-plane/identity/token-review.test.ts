import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { ManualClock } from '../../runtime/clock.ts';
import { KubeObjects } from '../../test/fakes/kube-objects.ts';
import { TokenReviewAuthenticator } from './token-review.ts';

let kube: KubeObjects;
let clock: ManualClock;
let authenticator: TokenReviewAuthenticator;
before(async () => {
  kube = await KubeObjects.start();
});
after(() => kube.stop());
beforeEach(() => {
  kube.requests.length = 0;
  clock = new ManualClock();
  authenticator = new TokenReviewAuthenticator(kube.api(), clock);
});

const USER = {
  username: 'system:serviceaccount:shop:cart',
  extra: { 'authentication.kubernetes.io/pod-name': ['cart-7'] },
};
const GOOD = { authenticated: true, audiences: ['remora'], user: USER };

function answer(status: unknown): void {
  kube.intercept = () => ({ status: 201, body: { status } });
}

test('a token for our audience proves namespace, account and pod', async () => {
  let asked: unknown;
  kube.intercept = (_method, _path, body) => {
    asked = body;
    return { status: 201, body: { status: GOOD } };
  };
  assert.deepEqual(await authenticator.authenticate('abc'), {
    namespace: 'shop',
    serviceAccount: 'cart',
    pod: 'cart-7',
  });
  assert.deepEqual((asked as { spec: unknown }).spec, { token: 'abc', audiences: ['remora'] });
});

const refused = [
  {
    name: 'a token that is not accepted',
    status: { authenticated: false, error: 'expired' },
    says: /expired/,
  },
  {
    name: 'a token of the API server',
    status: { ...GOOD, audiences: ['https://kubernetes.default.svc'] },
    says: /audience "remora"/,
  },
  {
    name: 'an answer without audiences',
    status: { authenticated: true, user: USER },
    says: /audience "remora"/,
  },
  {
    name: "a person's token",
    status: { ...GOOD, user: { ...USER, username: 'alice' } },
    says: /service account/,
  },
  {
    name: 'an account with more parts',
    status: { ...GOOD, user: { ...USER, username: 'system:serviceaccount:a:b:c' } },
    says: /service account/,
  },
  {
    name: 'a token without a pod',
    status: { ...GOOD, user: { username: USER.username } },
    says: /not bound to a pod/,
  },
  { name: 'an empty answer', status: undefined, says: /does not accept/ },
];
for (const { name, status, says } of refused) {
  test(`${name} is refused`, async () => {
    answer(status);
    await assert.rejects(authenticator.authenticate('abc'), {
      code: 'token-invalid',
      message: says,
    });
  });
}

test('a good answer is kept for a minute, a refusal is not', async () => {
  answer(GOOD);
  await Promise.all([authenticator.authenticate('a'), authenticator.authenticate('a')]);
  clock.advance(59_000);
  await authenticator.authenticate('a');
  assert.equal(kube.requests.length, 1);
  await authenticator.authenticate('b');
  assert.equal(kube.requests.length, 2, 'another token is another question');
  clock.advance(2_000);
  answer({ authenticated: false });
  await assert.rejects(authenticator.authenticate('a'), { code: 'token-invalid' });
  await assert.rejects(authenticator.authenticate('a'), { code: 'token-invalid' });
  assert.equal(kube.requests.length, 4);
});

test('an answer is not kept for longer than the token lives', async () => {
  answer(GOOD);
  const claims = { exp: clock.wallMs() / 1000 + 10 };
  const token = `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c2ln`;
  await authenticator.authenticate(token);
  clock.advance(11_000);
  await authenticator.authenticate(token);
  assert.equal(kube.requests.length, 2);
});

test('an API that fails is not the token’s fault, and is soon asked no more for a while', async () => {
  kube.intercept = () => ({ status: 500 });
  for (let index = 0; index < 20; index += 1) {
    await assert.rejects(authenticator.authenticate(`t${index}`), {
      code: 'token-review-unavailable',
    });
  }
  assert.ok(kube.requests.length < 20, `${kube.requests.length} of 20 were asked`);
});
