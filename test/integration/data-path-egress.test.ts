import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { createSecureServer, type ServerHttp2Session } from 'node:http2';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import { after, describe, test } from 'node:test';
import type { Faults } from '../../sidecar/config/faults.ts';
import type { RateLimits } from '../../sidecar/config/rate-limits.ts';
import type { ExternalPort, ExternalService } from '../../sidecar/config/types.ts';
import { TestAuthority } from '../fakes/certificates.ts';
import { realHello } from '../fakes/client-hello.ts';
import { eventually, listen } from '../fakes/connections.ts';
import { answer, http2Client } from '../fakes/http2-application.ts';
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

  for (const ownScheme of ['http', 'https']) {
    test(`is asked by HTTP/2 over TLS with the scheme https (the application says ${ownScheme})`, async () => {
      const { key, certificate } = authority.issueServer('a.example');
      const server = createSecureServer({ key, cert: certificate });
      const sessions: ServerHttp2Session[] = [];
      server.on('session', (session) => sessions.push(session));
      server.on('stream', (stream, headers) => {
        stream.respond({ ':status': 200 });
        const alpnProtocol = sessions[0]?.alpnProtocol;
        const asked = `${headers[':scheme']}://${headers[':authority']}${headers[':path']}`;
        stream.end(`${alpnProtocol} ${asked}`);
      });
      const targetPort = await listen(server, '127.0.0.1');
      after(() => {
        server.close();
        for (const session of sessions) session.destroy();
      });
      const sidecar = await web({ resolve: loopback });
      const tls = { serverName: '', caCertificates: authority.root };
      register(sidecar, { ports: [{ port: 80, protocol: 'http1', targetPort, tls }] });
      sidecar.redirected = { host: ELSEWHERE, port: 80 };
      const asked = { ':authority': 'a.example', ':path': '/x', ':scheme': ownScheme };
      const { status, body } = await answer(http2Client(sidecar.outbound.port).request(asked));
      assert.deepEqual([status, body], [200, 'h2 https://a.example/x']);
    });
  }

  test('that does not speak HTTP/2 is not asked by HTTP/2', async () => {
    const { key, certificate } = authority.issueServer('a.example');
    const server = createTlsServer({ key, cert: certificate, ALPNProtocols: ['http/1.1'] });
    const targetPort = await listen(server, '127.0.0.1');
    after(() => server.close());
    const sidecar = await web({ resolve: loopback });
    const tls = { serverName: '', caCertificates: authority.root };
    register(sidecar, { ports: [{ port: 80, protocol: 'http1', targetPort, tls }] });
    sidecar.redirected = { host: ELSEWHERE, port: 80 };
    const session = http2Client(sidecar.outbound.port);
    const { status, headers } = await answer(session.request({ ':authority': 'a.example' }));
    assert.deepEqual([status, headers['x-remora-error']], [503, 'tls-failed']);
  });

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

describe('the explicit proxy where only registered hosts may be called', () => {
  /** `*.svc` names, too, are resolved here; those of no Service lead to the outside. */
  async function proxy(): Promise<{ sidecar: TestSidecar; targetPort: number }> {
    const sidecar = await web({ interception: 'explicit', resolve: loopback });
    const targetPort = await httpServer();
    register(sidecar, {
      ports: [
        { port: 80, protocol: 'http1', targetPort },
        { port: 443, protocol: 'tls', targetPort },
      ],
    });
    close(sidecar);
    return { sidecar, targetPort };
  }

  async function say(sidecar: TestSidecar, bytes: string): Promise<string> {
    const call = new Call(sidecar);
    call.socket.on('end', () => call.socket.end());
    call.socket.write(bytes);
    await call.closed;
    return call.text;
  }

  const absolute = (host: string, own = 'a.example'): string =>
    `GET http://${host}/x HTTP/1.1\r\nHost: ${own}\r\nConnection: close\r\n\r\n`;

  test('takes requests in absolute form to a registered host, whatever Host says', async () => {
    const { sidecar } = await proxy();
    assert.match(await say(sidecar, absolute('a.example')), /^HTTP\/1.1 200[\s\S]*for a.example$/);
    const lying = await say(sidecar, absolute('a.example', 'b.example'));
    assert.match(lying, /^HTTP\/1.1 (200[\s\S]*for a.example$|400)/);
  });

  const unregistered = [
    'b.example',
    // Another port of a host that is registered.
    'a.example:8080',
    'a.example.',
    '203.0.113.9',
    '[2001:db8::9]',
    // Addresses as only libraries write them.
    '3405803785',
    '0xcb007109',
    // Begins like an address of this machine.
    '127.b.example',
    // Looks like a name of the cluster, and may be an alias of a host elsewhere.
    'alias',
    'alias.shop.svc',
    'alias.shop.svc.cluster.local',
    // A domain that is called like a Service.
    'b.cart',
    'b.cart.shop',
  ];
  for (const host of unregistered) {
    test(`refuses a request in absolute form to ${host}`, async () => {
      const { sidecar } = await proxy();
      sidecar.view.service('shop/cart', '10.96.0.10', 80, 'http1', []);
      sidecar.view.change({
        workloads: new Map([
          [ELSEWHERE, null],
          ['2001:db8::9', null],
        ]),
      });
      const answered = await say(sidecar, absolute(host));
      assert.match(answered, /^HTTP\/1.1 (403[\s\S]*egress-refused|400[\s\S]*bad-)/);
    });

    test(`carries nothing by CONNECT to ${host}`, async () => {
      const { sidecar } = await proxy();
      sidecar.view.service('shop/cart', '10.96.0.10', 80, 'http1', []);
      sidecar.view.change({
        workloads: new Map([
          [ELSEWHERE, null],
          ['2001:db8::9', null],
        ]),
      });
      const named = /:\d+$/.test(host) && !host.endsWith(']') ? host : `${host}:443`;
      const connect = `CONNECT ${named} HTTP/1.1\r\nHost: ${named}\r\n\r\n`;
      const answered = await say(sidecar, `${connect}${get('b.example')}`);
      assert.doesNotMatch(answered, /for b.example/);
      assert.match(answered, /egress-refused|^HTTP\/1.1 400/);
    });
  }

  test('carries TLS by CONNECT to a registered host, and nothing else by its name', async () => {
    const { sidecar } = await proxy();
    const { port: targetPort } = await program('127.0.0.1', says('tls'));
    register(sidecar, { ports: [{ port: 443, protocol: 'tls', targetPort }] });
    const call = new Call(sidecar);
    call.socket.write('CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n');
    await eventually(() => call.text.endsWith('\r\n\r\n'));
    call.socket.write(await realHello({ servername: 'a.example' }));
    await call.serverEnds();
    assert.match(call.text, /^HTTP\/1.1 200 [\s\S]*tls$/);
  });

  test('reaches Services and their pods by all their names', async () => {
    const { sidecar } = await proxy();
    sidecar.view.service('shop/cart', '10.96.0.10', 80, 'http1', []);
    for (const host of ['cart', 'cart.shop', 'cart.shop.svc', 'cart.shop.svc.cluster.local']) {
      // Nobody is there; but nobody says that it must not be called.
      assert.match(await say(sidecar, absolute(host)), /no-endpoints/);
    }
    assert.doesNotMatch(await say(sidecar, absolute('c-0.cart.shop.svc.cluster.local')), /egress/);
  });

  test('goes by what holds when a request comes, not when its connection was opened', async () => {
    const { sidecar, targetPort } = await proxy();
    const { egress: _, ...open } = sidecar.view.current.settings;
    sidecar.view.change({ settings: open, workloads: new Map([['0.0.0.0', null]]) });
    const call = new Call(sidecar);
    const request = `GET http://0.0.0.0:${targetPort}/ HTTP/1.1\r\nHost: x\r\n\r\n`;
    call.socket.write(request);
    await eventually(() => /for /.test(call.text));
    close(sidecar);
    call.socket.write(request);
    await eventually(() => /403/.test(call.text));
    call.socket.destroy();
  });
});

test('an intercepted connection is no proxy where only registered hosts may be called', async () => {
  const sidecar = await web({ resolve: loopback });
  const targetPort = await httpServer();
  // A proxy outside, registered as HTTP: what it is asked for counts, not its own name.
  register(sidecar, { ports: [{ port: 3128, protocol: 'http1', targetPort }] });
  close(sidecar);
  const connect = 'CONNECT b.example:443 HTTP/1.1\r\nHost: a.example\r\n\r\n';
  assert.match(await ask(sidecar, 3128, connect), /^HTTP\/1.1 (403|501|400)/);
  const absolute = 'GET http://b.example/ HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n';
  assert.match(await ask(sidecar, 3128, absolute), /^HTTP\/1.1 (403|400)/);
});
