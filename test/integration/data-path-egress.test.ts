import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import { after, describe, test } from 'node:test';
import type { Faults } from '../../sidecar/config/faults.ts';
import type { RateLimits } from '../../sidecar/config/rate-limits.ts';
import type { ExternalPort, ExternalService } from '../../sidecar/config/types.ts';
import { TestAuthority } from '../fakes/certificates.ts';
import { realHello } from '../fakes/client-hello.ts';
import { eventually, listen } from '../fakes/connections.ts';
import { Call, pod, program } from '../fakes/pods.ts';
import { NO_POLICY, type TestSidecar, type TestSidecarOptions } from '../fakes/sidecars.ts';

const authority = new TestAuthority();

/** Where nobody is: whoever was sent there got no further. */
const ELSEWHERE = '203.0.113.9';

const says =
  (name: string) =>
  (socket: Socket): void => {
    socket.once('data', () => socket.end(name));
  };

async function web(options: Partial<TestSidecarOptions> = {}): Promise<TestSidecar> {
  const sidecar = await pod('web', { accessLog: 'json', ...options });
  sidecar.view.change({ workloads: new Map([[ELSEWHERE, null]]) });
  return sidecar;
}

function register(
  sidecar: TestSidecar,
  own: Partial<ExternalService> & { readonly ports: readonly ExternalPort[] },
): void {
  const external: ExternalService = {
    ...{ namespace: 'shop', name: 'world', hosts: ['a.example'], endpoints: [], policy: NO_POLICY },
    ...own,
  };
  sidecar.view.change({ externals: new Map([['shop/world', external]]) });
}

function close(sidecar: TestSidecar): void {
  const { settings } = sidecar.view.current;
  sidecar.view.change({ settings: { ...settings, egress: 'registered-only' } });
}

async function ask(
  sidecar: TestSidecar,
  port: number,
  first: string | Buffer,
  host = ELSEWHERE,
): Promise<string> {
  sidecar.redirected = { host, port };
  const call = new Call(sidecar);
  call.socket.on('end', () => call.socket.end());
  call.socket.write(first);
  await call.closed;
  return call.text;
}

const get = (host: string): string =>
  `GET /x HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;

async function httpServer(): Promise<number> {
  const server = createServer((request, response) => response.end(`for ${request.headers.host}`));
  const port = await listen(server, '127.0.0.1');
  after(() => server.close());
  return port;
}

const loopback = async () => [{ address: '127.0.0.1', ttlSeconds: 60 }];

describe('a registered host', () => {
  for (const mode of ['allow', 'registered-only']) {
    test(`is told by Host for HTTP, and reached where DNS says it is (${mode})`, async () => {
      const asked: string[] = [];
      const sidecar = await web({
        resolve: async (host) => {
          asked.push(host);
          return await loopback();
        },
      });
      const targetPort = await httpServer();
      const hosts = ['a.example', '*.b.example'];
      register(sidecar, { hosts, ports: [{ port: 80, protocol: 'http1', targetPort }] });
      if (mode === 'registered-only') close(sidecar);
      assert.match(await ask(sidecar, 80, get('a.example')), /^HTTP\/1.1 200[\s\S]*for a.example/);
      assert.match(await ask(sidecar, 80, get('x.b.example')), /200[\s\S]*for x.b.example/);
      assert.deepEqual(asked, ['a.example', 'x.b.example']);
      await eventually(() => sidecar.observer.requests.length === 2);
      const [first, second] = sidecar.observer.requests;
      assert.equal(first?.service, 'external/shop/world');
      assert.equal(first?.destination.workload, 'a.example');
      assert.equal(second?.destination.workload, '*.b.example');
    });

    test(`is told by server name for TLS (${mode})`, async () => {
      const sidecar = await web({ resolve: loopback });
      const { port: targetPort } = await program('127.0.0.1', says('tls'));
      register(sidecar, { ports: [{ port: 443, protocol: 'tls', targetPort }] });
      if (mode === 'registered-only') close(sidecar);
      const hello = await realHello({ servername: 'a.example' });
      assert.equal(await ask(sidecar, 443, hello), 'tls');
    });

    test(`is told by its address for TCP (${mode})`, async () => {
      const resolved = await web({ resolve: async () => [{ address: ELSEWHERE, ttlSeconds: 60 }] });
      const { port } = await program('127.0.0.1', says('tcp'));
      register(resolved, { ports: [{ port: 5432, protocol: 'tcp', targetPort: port }] });
      if (mode === 'registered-only') close(resolved);
      resolved.redirected = { host: ELSEWHERE, port: 5432 };
      const call = new Call(resolved);
      call.socket.write('x');
      // It is recognised, and dialled in vain at its own address.
      await eventually(() => Object.keys(resolved.clusters.describe()).length > 0);
      assert.ok('external/shop/world:5432/a.example' in resolved.clusters.describe());
      call.socket.destroy();
    });
  }

  const originated: [what: string, tls: ExternalPort['tls'] & object, answer: RegExp][] = [
    [
      'its authority',
      { serverName: '', caCertificates: authority.root },
      /200[\s\S]*for a.example/,
    ],
    [
      'another name',
      { serverName: 'b.example', caCertificates: authority.root },
      /503[\s\S]*tls-failed/,
    ],
    ['public certificates alone', { serverName: '', caCertificates: '' }, /503[\s\S]*tls-failed/],
  ];
  for (const [what, tls, answer] of originated) {
    test(`is spoken TLS with on behalf of the application, and checked by ${what}`, async () => {
      const { key, certificate } = authority.issueServer('a.example');
      const server = createTlsServer({ key, cert: certificate }, (request, response) =>
        response.end(`for ${request.headers.host}`),
      );
      const targetPort = await listen(server, '127.0.0.1');
      after(() => server.close());
      const sidecar = await web({ resolve: loopback });
      register(sidecar, { ports: [{ port: 80, protocol: 'http1', targetPort, tls }] });
      assert.match(await ask(sidecar, 80, get('a.example')), answer);
    });
  }

  test('has faults', async () => {
    const sidecar = await web({ resolve: loopback });
    const targetPort = await httpServer();
    const faults: Faults = {
      ...{ source: 'shop/f', matches: [], delay: undefined, bandwidth: undefined },
      abort: { httpStatus: 418, grpcStatus: undefined, partsPerMillion: 1_000_000 },
      expiresAtMs: undefined,
    };
    const ports: ExternalPort[] = [{ port: 80, protocol: 'http1', targetPort }];
    register(sidecar, { ports, policy: { ...NO_POLICY, faults } });
    assert.match(await ask(sidecar, 80, get('a.example')), /^HTTP\/1.1 418/);
  });

  test('has rate limits, for all its hosts together, and they outlive a configuration', async () => {
    const sidecar = await web({ resolve: loopback });
    const targetPort = await httpServer();
    const rateLimits: RateLimits = {
      ...{ source: 'shop/l', target: 'ExternalService/shop/world', store: undefined },
      limits: [
        {
          ...{ name: 'all', requests: 2, windowMs: 3_600_000, burst: 2, maxKeys: 10 },
          ...{ key: { kind: 'caller' }, global: false },
        },
      ],
    };
    const own = {
      hosts: ['*.example'],
      ports: [{ port: 80, protocol: 'http1', targetPort }] as const,
      policy: { ...NO_POLICY, rateLimits },
    };
    register(sidecar, own);
    assert.match(await ask(sidecar, 80, get('a.example')), /^HTTP\/1.1 200[\s\S]*ratelimit/i);
    assert.match(await ask(sidecar, 80, get('b.example')), /^HTTP\/1.1 200/);
    register(sidecar, { ...own, policy: { ...own.policy } });
    assert.match(await ask(sidecar, 80, get('c.example')), /^HTTP\/1.1 429/);
  });

  test('that does not resolve is answered with 503', async () => {
    const sidecar = await web({ resolve: () => Promise.reject(new Error('ENOTFOUND')) });
    register(sidecar, { ports: [{ port: 80, protocol: 'http1', targetPort: 80 }] });
    const answer = await ask(sidecar, 80, get('a.example'));
    assert.match(answer, /^HTTP\/1.1 503[\s\S]*x-remora-error: no-endpoints/);
  });
});

describe('where only registered hosts may be called', () => {
  const refused: [what: string, first: () => Promise<string | Buffer>, destination: string][] = [
    ['another server name', () => realHello({ servername: 'b.example' }), 'b.example:443'],
    ['no server name', () => realHello({}), `${ELSEWHERE}:443`],
    ['something else', async () => 'hello\r\n\r\n', `${ELSEWHERE}:443`],
  ];
  for (const [what, first, destination] of refused) {
    test(`a connection with ${what} is closed`, async () => {
      const sidecar = await web({ resolve: loopback });
      register(sidecar, { ports: [{ port: 443, protocol: 'tls', targetPort: 443 }] });
      close(sidecar);
      assert.equal(await ask(sidecar, 443, await first()), '');
      assert.deepEqual(sidecar.observer.refusals, [`${destination} egress-refused`]);
      await eventually(() => sidecar.lines.length === 1);
      assert.match(sidecar.lines[0] ?? '', /egress-refused/);
    });
  }

  test('a request to another host is refused with 403', async () => {
    const sidecar = await web({ resolve: loopback });
    close(sidecar);
    const answer = await ask(sidecar, 80, get('b.example'));
    assert.match(answer, /^HTTP\/1.1 403[\s\S]*x-remora-error: egress-refused/);
    assert.deepEqual(sidecar.observer.refusals, ['b.example:80 egress-refused']);
  });

  test('pods and DNS stay reachable, and so does everything without that mode', async () => {
    const sidecar = await web();
    close(sidecar);
    const other = await pod('cart');
    const app = await program(other.options.address, says('pod'));
    const { address } = other.options;
    sidecar.view.change({ workloads: new Map([[address, other.asWorkload]]) });
    assert.equal(await ask(sidecar, app.port, 'hello\r\n\r\n', address), 'pod');
    const open = await web();
    const outside = await program('127.0.0.1', says('outside'));
    open.view.change({ workloads: new Map([['127.0.0.1', null]]) });
    assert.equal(await ask(open, outside.port, 'hello\r\n\r\n', '127.0.0.1'), 'outside');
  });
});
