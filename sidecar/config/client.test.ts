import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, suite, test } from 'node:test';
import { pino } from 'pino';
import type { Resource } from '../../proto/gen/remora/v1/Resource.ts';
import { FEATURES } from '../../proto/well-known.ts';
import { Backoff } from '../../runtime/backoff.ts';
import { ControlPlaneConnection } from '../../runtime/identity/control-plane-connection.ts';
import { silentLog } from '../../runtime/log.ts';
import { TestAuthority } from '../../test/fakes/certificates.ts';
import { FakeControlPlane, resource } from '../../test/fakes/control-plane.ts';
import { until } from '../../test/fakes/until.ts';
import { ConfigCache } from './cache.ts';
import { ConfigClient } from './client.ts';
import { ConfigStore } from './store.ts';

const pod = {
  pod: 'cart-1',
  namespace: 'shop',
  serviceAccount: 'cart',
  addresses: ['10.0.0.1'],
  node: 'n1',
  sidecarVersion: '0.0.0',
};

const settings = (workload: string): Resource =>
  resource('settings', { settings: { workload, trustDomain: 'cluster.local' } });

const service = (name: string, address: string): Resource =>
  resource(`service/shop/${name}`, {
    service: { namespace: 'shop', name, addresses: [address], ports: [{ port: 80, name: 'http' }] },
  });

const endpoints = (name: string): Resource =>
  resource(`endpoints/shop/${name}`, { endpoints: { service: `shop/${name}` } });

/** A client with a store, stopped after the test. */
function clientOf(
  connection: ControlPlaneConnection,
  options: { directory?: string; log?: ReturnType<typeof silentLog> } = {},
): { client: ConfigClient; store: ConfigStore; cache: ConfigCache | undefined } {
  const store = new ConfigStore();
  const log = options.log ?? silentLog();
  const cache =
    options.directory === undefined ? undefined : new ConfigCache(options.directory, log);
  const backoff = new Backoff({ baseMs: 10, maxMs: 50 });
  const client = new ConfigClient({
    connection,
    store,
    pod,
    log,
    backoff,
    ...(cache === undefined ? {} : { cache }),
  });
  cleanups.push(async () => {
    await client.stop(AbortSignal.abort());
    connection.close();
    await cache?.stop();
  });
  return { client, store, cache };
}

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

suite('the configuration stream', () => {
  test('says who we are, and applies and acknowledges what is pushed', async () => {
    await using controlPlane = await FakeControlPlane.start();
    const { client, store } = clientOf(controlPlane.connection());
    client.start();
    const subscription = await controlPlane.subscription();
    assert.deepEqual(subscription.metadata.get('authorization'), ['Bearer token-1']);
    const { hello } = await subscription.next();
    assert.equal(hello?.pod, 'cart-1');
    assert.deepEqual(hello?.addresses, ['10.0.0.1']);
    assert.deepEqual(hello?.supports, FEATURES);
    assert.deepEqual(hello?.held, {});
    assert.equal(store.received, false);

    subscription.send({
      nonce: 7,
      version: 'one',
      resources: [settings('cart'), service('db', '10.1.0.1')],
    });
    assert.deepEqual((await subscription.next()).ack, { nonce: 7 });
    assert.equal(store.current.version, 'one');
    assert.equal(store.current.settings.workload, 'cart');
    assert.deepEqual(store.current.services.get('shop/db')?.addresses, ['10.1.0.1']);
    assert.equal(client.connected, true);
    assert.equal(client.ageMs, 0);

    subscription.send({ nonce: 8, version: 'two', removed: ['service/shop/db'] });
    assert.deepEqual((await subscription.next()).ack, { nonce: 8 });
    assert.equal(store.current.services.size, 0);
    assert.equal(store.current.settings.workload, 'cart');
  });

  test('refuses a push as a whole, says why, and stays on what it had', async () => {
    await using controlPlane = await FakeControlPlane.start();
    const { client, store } = clientOf(controlPlane.connection());
    client.start();
    const subscription = await controlPlane.subscription();
    await subscription.next();
    subscription.send({ nonce: 1, version: 'one', resources: [settings('cart')] });
    await subscription.next();
    subscription.send({
      nonce: 2,
      version: 'two',
      resources: [service('db', '10.1.0.1'), service('bad', 'no address')],
    });
    const { nack } = await subscription.next();
    assert.equal(nack?.nonce, 2);
    assert.equal(nack?.resource, 'service/shop/bad');
    assert.match(nack?.reason ?? '', /addresses\[0\]: "no address" is no IP address/);
    assert.equal(store.current.version, 'one');
    assert.equal(store.current.services.size, 0);
    assert.deepEqual([...store.held.keys()], ['settings']);
    assert.equal(client.refused, 1);
  });

  test('refuses what cannot be compiled', async () => {
    await using controlPlane = await FakeControlPlane.start();
    const { client, store } = clientOf(controlPlane.connection());
    store.checkWith(() => {
      throw new Error('no such layer');
    });
    client.start();
    const subscription = await controlPlane.subscription();
    await subscription.next();
    subscription.send({ nonce: 1, version: 'one', resources: [settings('cart')] });
    assert.match((await subscription.next()).nack?.reason ?? '', /no such layer/);
    assert.equal(store.received, false);
    assert.equal(store.held.size, 0);
  });

  test('subscribes to what the data path wants, once for one turn', async () => {
    await using controlPlane = await FakeControlPlane.start();
    const { client, store } = clientOf(controlPlane.connection());
    store.wantService('shop/early');
    client.start();
    const subscription = await controlPlane.subscription();
    const { hello } = await subscription.next();
    assert.deepEqual(hello?.subscription?.services, ['shop/early']);
    store.wantService('shop/db');
    store.wantService('shop/db');
    store.wantAddress('10.2.0.1');
    assert.deepEqual((await subscription.next()).subscription, {
      services: ['shop/db'],
      addresses: ['10.2.0.1'],
    });
  });

  test('reconnects, reads the token again, and says what it holds', async () => {
    await using controlPlane = await FakeControlPlane.start();
    const { client, store } = clientOf(controlPlane.connection());
    client.start();
    const first = await controlPlane.subscription();
    await first.next();
    store.wantService('shop/db');
    first.send({ nonce: 1, version: 'one', resources: [settings('cart'), endpoints('db')] });
    await until(() => store.received, 'the first push');
    writeFileSync(controlPlane.tokenPath, 'token-2');
    first.fail('restarting');

    const second = await controlPlane.subscription();
    assert.deepEqual(second.metadata.get('authorization'), ['Bearer token-2']);
    const { hello } = await second.next();
    assert.deepEqual(hello?.held, Object.fromEntries(store.held));
    assert.deepEqual(Object.keys(hello?.held ?? {}).sort(), ['endpoints/shop/db', 'settings']);
    assert.deepEqual(hello?.subscription?.services, ['shop/db']);
    assert.equal(store.current.version, 'one');
  });

  test('survives a control plane that dies and comes back', async () => {
    await using controlPlane = await FakeControlPlane.start();
    const { client, store } = clientOf(controlPlane.connection());
    client.start();
    const first = await controlPlane.subscription();
    first.send({ nonce: 1, version: 'one', resources: [settings('cart')] });
    await until(() => store.received, 'the first push');
    controlPlane.close();
    await until(() => !client.connected, 'the loss');
    assert.ok((client.ageMs ?? -1) >= 0);
    await controlPlane.listen();
    const second = await controlPlane.subscription();
    second.send({ nonce: 1, version: 'two', resources: [settings('cart-2')] });
    await until(() => store.current.version === 'two', 'the second push');
  });

  test('starts over without the oldest addresses when there are too many', async () => {
    await using controlPlane = await FakeControlPlane.start();
    const { client, store } = clientOf(controlPlane.connection());
    client.start();
    await (await controlPlane.subscription()).next();
    for (let i = 0; i < 4096; i++) store.wantAddress(`10.1.${i >> 8}.${i & 255}`);
    store.wantAddress('10.1.0.0');
    store.wantAddress('10.2.0.0');
    const { hello } = await (await controlPlane.subscription()).next();
    const addresses = new Set(hello?.subscription?.addresses);
    assert.equal(addresses.size, 3073);
    assert.ok(addresses.has('10.1.0.0') && addresses.has('10.2.0.0'));
    assert.ok(!addresses.has('10.1.0.1'));
  });
});

suite('a control plane that cannot be reached', () => {
  const cases: {
    name: string;
    connection: (controlPlane: FakeControlPlane) => ControlPlaneConnection;
    reason: RegExp;
  }[] = [
    {
      name: 'because nobody listens',
      connection: (controlPlane) => {
        const connection = controlPlane.connection();
        controlPlane.close();
        return connection;
      },
      reason: /ECONNREFUSED/,
    },
    {
      name: 'because its certificate is from elsewhere',
      connection: (controlPlane) => {
        const path = join(controlPlane.directory, 'other.pem');
        writeFileSync(path, new TestAuthority().root);
        return new ControlPlaneConnection({
          address: { host: '127.0.0.1', port: controlPlane.port },
          serverName: 'control-plane.test',
          trustBundlePath: path,
          tokenPath: controlPlane.tokenPath,
        });
      },
      reason: /certificate/,
    },
    {
      name: 'because it has another name',
      connection: (controlPlane) =>
        new ControlPlaneConnection({
          address: { host: '127.0.0.1', port: controlPlane.port },
          serverName: 'other.test',
          trustBundlePath: controlPlane.trustBundlePath,
          tokenPath: controlPlane.tokenPath,
        }),
      reason: /altnames/,
    },
    {
      name: 'because there is no token',
      connection: (controlPlane) =>
        new ControlPlaneConnection({
          address: { host: '127.0.0.1', port: controlPlane.port },
          serverName: 'control-plane.test',
          trustBundlePath: controlPlane.trustBundlePath,
          tokenPath: '/nowhere/token',
        }),
      reason: /the token for the control plane cannot be read: .*\/nowhere\/token/,
    },
  ];
  for (const { name, connection, reason } of cases) {
    test(`is named in the log, ${name}`, async () => {
      await using controlPlane = await FakeControlPlane.start();
      const lines: string[] = [];
      const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) });
      const { client, store } = clientOf(connection(controlPlane), { log });
      client.start();
      const line = await until(
        () => lines.find((text) => reason.test(text)),
        `a log line with ${reason}`,
      ).catch((error: unknown) => {
        throw new Error(`${error}; there is: ${lines.join('')}`);
      });
      assert.match(line, /"msg":"control plane cannot be reached"/);
      assert.match(line, /"stream":"configuration"/);
      assert.match(line, new RegExp(`"controlPlane":"127.0.0.1:${controlPlane.port}"`));
      assert.match(line, /"retryInMs":\d+/);
      assert.equal(store.received, false);
    });
  }
});

suite('the kept configuration', () => {
  const directory = mkdtempSync(join(tmpdir(), 'remora-cache-'));
  const file = join(directory, 'state', 'config.bin');

  test('brings a restarted sidecar into service without the control plane', async (t) => {
    t.after(() => rmSync(directory, { recursive: true, force: true }));
    await using controlPlane = await FakeControlPlane.start();
    const first = clientOf(controlPlane.connection(), { directory: join(directory, 'state') });
    first.client.start();
    const subscription = await controlPlane.subscription();
    subscription.send({
      nonce: 1,
      version: 'one',
      resources: [settings('cart'), service('db', '10.1.0.1'), service('old', '10.1.0.2')],
    });
    subscription.send({ nonce: 2, version: 'two', resources: [endpoints('db')] });
    subscription.send({ nonce: 3, version: 'three', removed: ['service/shop/old'] });
    await until(() => first.store.current.version === 'three', 'three pushes');
    await first.client.stop();
    await first.cache?.stop();
    assert.equal(statSync(file).mode & 0o777, 0o600);
    controlPlane.close();

    const second = clientOf(controlPlane.connection(), { directory: join(directory, 'state') });
    second.client.start();
    assert.equal(second.store.received, true);
    assert.deepEqual(second.store.current, first.store.current);
    assert.deepEqual(second.store.held, first.store.held);
    assert.deepEqual(second.store.wanted.services, ['shop/db']);
    assert.ok((second.client.ageMs ?? -1) >= 0);

    await t.test('and is ignored when it is damaged', () => {
      const bytes = readFileSync(file);
      bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
      writeFileSync(file, bytes);
      const lines: string[] = [];
      const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) });
      const third = clientOf(controlPlane.connection(), {
        directory: join(directory, 'state'),
        log,
      });
      third.client.start();
      assert.equal(third.store.received, false);
      assert.match(lines.join(''), /kept configuration ignored/);
    });
  });
});
