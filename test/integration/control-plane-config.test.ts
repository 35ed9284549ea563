import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import type { Hello } from '../../proto/gen/remora/v1/Hello.ts';
import type { Push__Output } from '../../proto/gen/remora/v1/Push.ts';
import type { SubscribeRequest } from '../../proto/gen/remora/v1/SubscribeRequest.ts';
import { v1 } from '../../proto/load.ts';
import { bearer, ControlPlaneServices, StreamReader } from '../fakes/control-plane-services.ts';
import { until } from '../fakes/until.ts';

let services: ControlPlaneServices;
before(async () => {
  services = await ControlPlaneServices.start();
});
after(() => services.stop());

type Subscriber = StreamReader<SubscribeRequest, Push__Output>;
let pods = 0;

/** A sidecar's stream, without a word said. */
function connect(pod = `pod-${++pods}`, token = `shop/cart/${pod}`) {
  const stream: Subscriber = new StreamReader(services.client(v1.Config).subscribe(bearer(token)));
  const hello = (more: Hello = {}) =>
    stream.call.write({
      hello: { pod, namespace: 'shop', serviceAccount: 'cart', addresses: ['10.0.0.9'], ...more },
    });
  return { pod, stream, hello, name: `shop/${pod}` };
}

const subscribe = (stream: Subscriber, ...names: string[]) =>
  stream.call.write({ subscription: { services: names } });
const ack = (stream: Subscriber, { nonce }: Push__Output) => stream.call.write({ ack: { nonce } });
const nack = (stream: Subscriber, { nonce }: Push__Output, resource: string) =>
  stream.call.write({ nack: { nonce, resource, reason: 'it cannot be' } });
const namesOf = (push: Push__Output) => push.resources.map((resource) => resource.name).sort();

/** Waits until the stream has nothing more to come: an answer to a question that changes nothing else. */
async function settled(sidecar: ReturnType<typeof connect>): Promise<void> {
  await until(
    () =>
      services.sessions
        .ofPod(sidecar.name)
        .every((session) => (session.describe() as { state: string }).state === 'settled'),
    'the session to settle',
  );
}

test('a sidecar gets its settings and all services first, details when it asks, and then deltas', async () => {
  services.mesh.setService('cart', '10.1.0.1');
  services.mesh.setEndpoints('cart', '10.0.0.1');
  const { stream, hello } = connect();
  hello();
  const first = await stream.next();
  assert.deepEqual(namesOf(first), ['service/shop/cart', 'settings']);
  assert.deepEqual(first.resources.find((item) => item.service)?.service, {
    namespace: 'shop',
    name: 'cart',
    addresses: ['10.1.0.1'],
    ports: [{ port: 80, name: 'http', protocol: 'HTTP1' }],
  });
  ack(stream, first);

  subscribe(stream, 'shop/cart');
  const details = await stream.next();
  assert.deepEqual(namesOf(details), ['endpoints/shop/cart']);
  assert.equal(details.resources[0]?.endpoints?.endpoints[0]?.workload?.trunkPort, 15008);
  ack(stream, details);

  services.mesh.setService('pay', '10.1.0.2');
  services.mesh.deleteService('cart');
  services.mesh.changed();
  const delta = await stream.next();
  assert.deepEqual(namesOf(delta), ['service/shop/pay']);
  assert.deepEqual(delta.removed, ['service/shop/cart']);
  assert.notEqual(delta.version, details.version);
  stream.call.end();
});

test('a refusal that names what was never pushed is one of the whole push', async () => {
  const { stream, hello, name } = connect();
  hello();
  nack(stream, await stream.next(), 'x'.repeat(1_000_000));
  const refusal = await until(
    () => services.refusals.find(([sidecar]) => sidecar === name),
    'the refusal',
  );
  assert.deepEqual(refusal, [name, '', 'it cannot be']);
  stream.call.end();
});

test('changes that happen while a push is unanswered become one push', async () => {
  const sidecar = connect();
  sidecar.hello({ subscription: { services: ['shop/busy'] } });
  const first = await sidecar.stream.next();
  for (let round = 1; round <= 50; round += 1) {
    services.mesh.setEndpoints('busy', `10.0.1.${round}`);
    services.mesh.changed();
  }
  // Another sidecar is served meanwhile, and its answers prove that all changes were told.
  const other = connect();
  other.hello({ subscription: { services: ['shop/busy'] } });
  ack(other.stream, await other.stream.next());
  assert.equal(sidecar.stream.waiting, 0, 'nothing is sent while an answer is due');
  ack(sidecar.stream, first);
  const second = await sidecar.stream.next();
  assert.equal(second.nonce, first.nonce + 1);
  assert.equal(second.resources[0]?.endpoints?.endpoints[0]?.address, '10.0.1.50');
  ack(sidecar.stream, second);
  await settled(sidecar);
  assert.equal(sidecar.stream.waiting, 0);
  sidecar.stream.call.end();
  other.stream.call.end();
});

test('a sidecar that comes back is told only what it does not hold', async () => {
  services.mesh.setService('kept', '10.1.0.3');
  services.mesh.setService('changed', '10.1.0.4');
  const before = connect();
  before.hello();
  const all = await before.stream.next();
  before.stream.call.end();
  const held = Object.fromEntries(all.resources.map(({ name, version }) => [name, version]));

  services.mesh.setService('changed', '10.1.0.5');
  const again = connect(before.pod);
  again.hello({ held: { ...held, 'endpoints/shop/gone': 'x' } });
  const push = await again.stream.next();
  assert.deepEqual(namesOf(push), ['service/shop/changed']);
  assert.deepEqual(push.removed, ['endpoints/shop/gone']);
  ack(again.stream, push);
  again.stream.call.end();

  const third = connect(before.pod);
  const now = Object.fromEntries(push.resources.map(({ name, version }) => [name, version]));
  third.hello({ held: { ...held, ...now } });
  const empty = await third.stream.next();
  assert.deepEqual([empty.resources, empty.removed], [[], []], 'what it holds is current');
  assert.equal(empty.version, push.version);
  third.stream.call.end();
});

test('a resource that a sidecar refuses is left out until it changes; the rest goes on', async () => {
  services.mesh.setEndpoints('good', '10.0.2.1');
  services.mesh.setEndpoints('bad', '10.0.2.2');
  const sidecar = connect();
  const { stream, name } = sidecar;
  sidecar.hello({ subscription: { services: ['shop/good', 'shop/bad'] } });
  const first = await stream.next();
  nack(stream, first, 'endpoints/shop/bad');
  const rest = await stream.next();
  assert.deepEqual(
    namesOf(rest),
    namesOf(first).filter((item) => item !== 'endpoints/shop/bad'),
  );
  ack(stream, rest);
  assert.deepEqual(
    services.refusals.filter(([who]) => who === name),
    [[name, 'endpoints/shop/bad', 'it cannot be']],
  );

  services.mesh.setEndpoints('good', '10.0.2.3');
  services.mesh.changed();
  const next = await stream.next();
  assert.deepEqual(namesOf(next), ['endpoints/shop/good']);
  ack(stream, next);

  services.mesh.setEndpoints('bad', '10.0.2.4');
  services.mesh.changed();
  const mended = await stream.next();
  assert.deepEqual(namesOf(mended), ['endpoints/shop/bad']);
  ack(stream, mended);
  await until(
    () => services.refusals.some(([who, , what]) => who === name && what === 'cleared'),
    'the refusal to be taken back',
  );
  stream.call.end();
});

test('a push refused as a whole is not repeated until something changes', async () => {
  services.mesh.setEndpoints('odd', '10.0.3.1');
  const sidecar = connect();
  sidecar.hello();
  ack(sidecar.stream, await sidecar.stream.next());
  subscribe(sidecar.stream, 'shop/odd');
  nack(sidecar.stream, await sidecar.stream.next(), '');
  await settled(sidecar);
  services.mesh.changed();
  services.mesh.setEndpoints('odd', '10.0.3.2');
  services.mesh.changed();
  const next = await sidecar.stream.next();
  assert.equal(next.resources[0]?.endpoints?.endpoints[0]?.address, '10.0.3.2');
  assert.equal(sidecar.stream.waiting, 0, 'the refused state was not sent again');
  sidecar.stream.call.end();
});

test('a sidecar that reads nothing does not keep others from their pushes', async () => {
  for (let index = 0; index < 300; index += 1) {
    services.mesh.set(`endpoints/shop/large-${index}`, {
      kind: 'endpoints',
      service: `shop/large-${index}`,
      endpoints: Array.from({ length: 50 }, (_, pod) => ({
        address: `10.2.${index}.${pod}`,
        ports: [],
        workload: {
          ...{ kind: 'workload', address: '10.0.0.1', pod: 'a', namespace: 'shop', workload: 'a' },
          ...{ serviceAccount: 'a', node: 'n', zone: '', trunkPort: 0 },
        },
      })),
    });
  }
  const names = Array.from({ length: 300 }, (_, index) => `shop/large-${index}`);
  const deaf = connect();
  deaf.stream.call.pause();
  deaf.hello({ subscription: { services: names } });
  await until(() => services.sessions.ofPod(deaf.name)[0], 'the deaf session');
  const sidecar = connect();
  sidecar.hello();
  ack(sidecar.stream, await sidecar.stream.next());
  for (let round = 1; round <= 20; round += 1) {
    services.mesh.setService('moving', `10.1.9.${round}`);
    services.mesh.changed();
    const push = await sidecar.stream.next();
    assert.equal(push.resources[0]?.service?.addresses[0], `10.1.9.${round}`);
    ack(sidecar.stream, push);
  }
  assert.deepEqual(
    services.sessions
      .ofPod(deaf.name)
      .map((session) => (session.describe() as { nonce: number }).nonce),
    [1],
    'the deaf one owes its first answer, and got nothing more',
  );
  deaf.stream.call.resume();
  assert.ok((await deaf.stream.next()).resources.length > 300);
  deaf.stream.call.end();
  sidecar.stream.call.end();
});

test('nothing is pushed before the mesh is known', async () => {
  services.mesh.synced = false;
  const { stream, hello, name } = connect();
  hello({ held: { 'service/shop/cart': 'old' } });
  await until(() => services.sessions.ofPod(name)[0], 'the session');
  services.mesh.changed();
  services.mesh.synced = true;
  services.mesh.setService('late', '10.1.0.7');
  services.mesh.changed();
  assert.ok(namesOf(await stream.next()).includes('service/shop/late'));
  stream.call.end();
});

const refusedHellos: { name: string; hello: Hello; says: RegExp }[] = [
  { name: 'another pod', hello: { pod: 'other' }, says: /the pod of the Hello is "other"/ },
  { name: 'another namespace', hello: { namespace: 'bank' }, says: /namespace .* "bank"/ },
  { name: 'another account', hello: { serviceAccount: 'root' }, says: /service account/ },
];
for (const { name, hello, says } of refusedHellos) {
  test(`a Hello in the name of ${name} than the token's is refused`, async () => {
    const sidecar = connect();
    sidecar.hello(hello);
    const error = await sidecar.stream.failure();
    assert.equal(error.code, status.PERMISSION_DENIED);
    assert.match(error.details, says);
  });
}

const badRequests: { name: string; request: SubscribeRequest; says: RegExp }[] = [
  { name: 'a second Hello', request: { hello: {} }, says: /a second Hello/ },
  {
    name: 'a service without a namespace',
    request: { subscription: { services: ['cart'] } },
    says: /"cart" is not <namespace>\/<service>/,
  },
  {
    name: 'an address that is none',
    request: { subscription: { addresses: ['cart.shop'] } },
    says: /"cart.shop" is not an IP address/,
  },
  { name: 'an empty message', request: {}, says: /does not know/ },
];
for (const { name, request, says } of badRequests) {
  test(`${name} ends the stream with the reason`, async () => {
    const sidecar = connect();
    sidecar.hello();
    ack(sidecar.stream, await sidecar.stream.next());
    sidecar.stream.call.write(request);
    const error = await sidecar.stream.failure();
    assert.equal(error.code, status.INVALID_ARGUMENT);
    assert.match(error.details, says);
  });
}

test('a message before the Hello ends the stream', async () => {
  const { stream } = connect();
  stream.call.write({ ack: { nonce: 1 } });
  assert.match((await stream.failure()).details, /the first message must be a Hello/);
});

const badTokens = [
  { name: 'a bad token', token: 'nonsense', code: status.UNAUTHENTICATED, says: /not one of ours/ },
  { name: 'a review that fails', token: 'down', code: status.UNAVAILABLE, says: /nobody answers/ },
];
for (const { name, token, code, says } of badTokens) {
  test(`${name} ends the call with its status`, async () => {
    const { stream, hello } = connect('pod-x', token);
    hello();
    const error = await stream.failure();
    assert.equal(error.code, code);
    assert.match(error.details, says);
  });
}

test('a call without a token is told how to bring one', async () => {
  const stream = new StreamReader(services.client(v1.Config).subscribe());
  const error = await stream.failure();
  assert.equal(error.code, status.UNAUTHENTICATED);
  assert.match(error.details, /authorization: Bearer <token>/);
});
