import assert from 'node:assert/strict';
import { test } from 'node:test';
import { v1 } from '../../proto/load.ts';
import { HandMadeMesh } from '../../test/fakes/hand-made-mesh.ts';
import { type Held, HOLDS_NOTHING } from './delta.ts';
import { heldAfter, type PlannedPush, planPush } from './plan.ts';

const SIDECAR = { pod: 'a', namespace: 'shop', serviceAccount: 'cart', addresses: [] };
const NONE = { services: new Set<string>(), addresses: new Set<string>() };
const { responseDeserialize } = v1.Config.service.Subscribe;

function meshOf(services: number): HandMadeMesh {
  const mesh = new HandMadeMesh();
  for (let index = 0; index < services; index += 1) mesh.setService(`s${index}`, `10.1.0.${index}`);
  return mesh;
}

function decode(push: PlannedPush, nonce: number) {
  return responseDeserialize(Buffer.concat(push.encode(nonce)));
}

test('the pieces of a push join to one message', () => {
  const snapshot = meshOf(3).snapshot(SIDECAR, NONE);
  const message = decode(planPush(HOLDS_NOTHING, snapshot, new Map()), 7);
  assert.equal(message.nonce, 7);
  assert.equal(message.version, snapshot.version);
  assert.deepEqual(
    message.resources.map(({ name, version }) => [name, version]),
    [...snapshot.own.byName.values(), ...snapshot.shared.byName.values()].map(
      ({ name, version }) => [name, version],
    ),
  );
});

test('what many sidecars are sent is serialised once', () => {
  const mesh = meshOf(3);
  const pieces = ['a', 'b'].map((pod) =>
    planPush(HOLDS_NOTHING, mesh.snapshot({ ...SIDECAR, pod }, NONE), new Map())
      .encode(1)
      .at(-1),
  );
  assert.ok(pieces[0] !== undefined && pieces[0].length > 0);
  assert.equal(pieces[0], pieces[1]);
});

test('too much for one push is cut into several, and only the last says that all is there', () => {
  const snapshot = meshOf(40).snapshot(SIDECAR, NONE);
  let held: Held = HOLDS_NOTHING;
  const names: string[] = [];
  const versions: string[] = [];
  for (let nonce = 1; ; nonce += 1) {
    const push = planPush(held, snapshot, new Map(), 500);
    const message = decode(push, nonce);
    assert.ok(Buffer.concat(push.encode(nonce)).length < 700);
    names.push(...message.resources.map((resource) => resource.name));
    versions.push(message.version);
    held = heldAfter(held, push, snapshot);
    if (push.complete) break;
  }
  assert.ok(versions.length > 3, `${versions.length} pushes`);
  assert.equal(new Set(names).size, 41);
  assert.equal(names.length, 41, 'nothing was sent twice');
  assert.equal(names[0], 'settings', 'the settings come first');
  assert.deepEqual(
    versions.map((version) => version === snapshot.version),
    versions.map((_, index) => index === versions.length - 1),
  );
  assert.ok(planPush(held, snapshot, new Map()).empty);
});

test('a single resource above the limit goes alone rather than never', () => {
  const mesh = meshOf(2);
  mesh.setEndpoints('big', ...Array.from({ length: 50 }, (_, index) => `10.0.0.${index}`));
  const snapshot = mesh.snapshot(SIDECAR, { ...NONE, services: new Set(['shop/big']) });
  let held: Held = HOLDS_NOTHING;
  const sizes: number[] = [];
  for (let count = 0; count < 10; count += 1) {
    const push = planPush(held, snapshot, new Map(), 300);
    sizes.push(push.resources.length);
    held = heldAfter(held, push, snapshot);
    if (push.complete) break;
  }
  assert.equal(
    sizes.reduce((sum, size) => sum + size, 0),
    4,
  );
  assert.ok(sizes.length < 10);
});

test('a resource refused in its present version is left out, and the version says so', () => {
  const snapshot = meshOf(2).snapshot(SIDECAR, NONE);
  const version = snapshot.shared.byName.get('service/shop/s1')?.version ?? '';
  const push = planPush(HOLDS_NOTHING, snapshot, new Map([['service/shop/s1', version]]));
  assert.deepEqual(
    push.resources.map((item) => item.name),
    ['settings', 'service/shop/s0'],
  );
  assert.notEqual(decode(push, 1).version, snapshot.version);
  const held = heldAfter(HOLDS_NOTHING, push, snapshot);
  assert.ok(planPush(held, snapshot, push.refused).empty);
  const other = planPush(held, snapshot, new Map([['service/shop/s1', 'older']]));
  assert.deepEqual(
    other.resources.map((item) => item.name),
    ['service/shop/s1'],
    'another version gets another chance',
  );
});
