import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../runtime/clock.ts';
import { silentLog } from '../runtime/log.ts';
import { CaBundleKeeper } from './ca-bundle.ts';
import { applyPatch, type PatchOperation } from './json-patch.ts';
import type { KubernetesApi } from './kubernetes-api.ts';

const PATH = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/remora-injector';
const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** An API server with one webhook configuration. */
class FakeApi implements KubernetesApi {
  configuration: unknown = {
    webhooks: [
      {
        name: 'injector.remora.dev',
        clientConfig: { service: { name: 'remora-injector' } },
        namespaceSelector: { matchLabels: { 'remora.dev/inject': 'enabled' } },
      },
    ],
  };
  down = false;
  gets = 0;
  patches = 0;

  async get(path: string): Promise<unknown> {
    assert.equal(path, PATH);
    this.gets += 1;
    if (this.down) throw new Error('connection refused');
    return structuredClone(this.configuration);
  }

  async patch(_path: string, operations: readonly object[]): Promise<unknown> {
    const [tested, ...rest] = operations as { op: string; path: string; value: unknown }[];
    assert.deepEqual(tested, {
      op: 'test',
      path: '/webhooks/0/name',
      value: 'injector.remora.dev',
    });
    this.configuration = applyPatch(this.configuration, rest as PatchOperation[]);
    this.patches += 1;
    return this.configuration;
  }

  get caBundle(): string | undefined {
    const { webhooks } = this.configuration as {
      webhooks: { clientConfig: { caBundle?: string } }[];
    };
    return webhooks[0]?.clientConfig.caBundle;
  }
}

function start(): { api: FakeApi; clock: ManualClock; keeper: CaBundleKeeper } {
  const api = new FakeApi();
  const clock = new ManualClock();
  const keeper = new CaBundleKeeper({
    api,
    clock,
    log: silentLog(),
    webhookName: 'remora-injector',
  });
  keeper.start();
  return { api, clock, keeper };
}

/** Moves the clock and lets what became due finish. */
async function pass(clock: ManualClock, ms: number): Promise<void> {
  clock.advance(ms);
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}

test('nothing is asked before there are roots', async () => {
  const { api, clock, keeper } = start();
  await pass(clock, 600_000);
  assert.deepEqual([api.gets, keeper.inPlace], [0, false]);
});

test('the roots are written, and then left alone', async () => {
  const { api, clock, keeper } = start();
  keeper.setRoots('first');
  await pass(clock, 0);
  assert.deepEqual([api.caBundle, keeper.inPlace], [base64('first'), true]);
  await pass(clock, 60_000);
  await pass(clock, 60_000);
  assert.deepEqual([api.gets, api.patches], [3, 1]);
});

test('new roots are written at once', async () => {
  const { api, clock, keeper } = start();
  keeper.setRoots('first');
  await pass(clock, 0);
  keeper.setRoots('second');
  await pass(clock, 0);
  assert.equal(api.caBundle, base64('second'));
});

test('what somebody else wrote is put right within a minute', async () => {
  const { api, clock, keeper } = start();
  keeper.setRoots('first');
  await pass(clock, 0);
  api.configuration = new FakeApi().configuration;
  await pass(clock, 60_000);
  assert.equal(api.caBundle, base64('first'));
});

test('an API server that is away is asked again, and what was in place counts', async () => {
  const { api, clock, keeper } = start();
  api.down = true;
  keeper.setRoots('first');
  await pass(clock, 0);
  assert.equal(keeper.inPlace, false);
  await pass(clock, 1000);
  assert.equal(api.gets, 2);
  api.down = false;
  await pass(clock, 15_000);
  assert.deepEqual([api.caBundle, keeper.inPlace], [base64('first'), true]);
  api.down = true;
  await pass(clock, 60_000);
  assert.equal(keeper.inPlace, true);
});

test('after the stop nothing is asked', async () => {
  const { api, clock, keeper } = start();
  keeper.setRoots('first');
  await pass(clock, 0);
  await keeper.stop();
  keeper.setRoots('second');
  await pass(clock, 600_000);
  assert.equal(api.gets, 1);
});
