import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { describe, test } from 'node:test';
import type { Backend, ConnectionRule, Endpoint, Policy } from '../../sidecar/config/types.ts';
import { realHello } from '../fakes/client-hello.ts';
import { eventually } from '../fakes/connections.ts';
import { Call, pod, program, SERVICE } from '../fakes/pods.ts';
import { NO_POLICY, type TestSidecar } from '../fakes/sidecars.ts';

/** Says who it is, and ends. */
const says =
  (name: string) =>
  (socket: Socket): void => {
    socket.once('data', () => socket.end(name));
  };

const to = (service: string, weight = 1, policy?: Policy): Backend => ({
  ...{ kind: 'service', service, port: SERVICE.port, weight },
  ...(policy && { policy }),
});

function route(
  web: TestSidecar,
  rules: readonly (Partial<ConnectionRule> & Pick<ConnectionRule, 'backends'>)[],
): void {
  const connectionRules = rules.map((rule, i) => ({
    ...{ name: `rule ${i}`, serverNames: [], tlsOnly: false, policy: NO_POLICY },
    ...rule,
  }));
  const port = { port: SERVICE.port, routeBound: true, rules: [], policy: NO_POLICY };
  const routes = { service: 'shop/db', ports: [{ ...port, connectionRules }] };
  web.view.change({ routes: new Map(web.view.current.routes).set('shop/db', routes) });
}

function backend(web: TestSidecar, name: string, endpoints: readonly Endpoint[]): void {
  web.view.service(`shop/${name}`, `10.96.1.${name.length}`, SERVICE.port, 'tcp', endpoints);
}

async function caller(protocol: 'tcp' | 'detect' | 'tls'): Promise<TestSidecar> {
  const web = await pod('web', { accessLog: 'json' });
  web.view.service('shop/db', SERVICE.host, SERVICE.port, protocol, []);
  web.redirected = SERVICE;
  return web;
}

async function ask(web: TestSidecar, first: string | Buffer): Promise<string> {
  const call = new Call(web);
  call.socket.write(first);
  await call.closed.then(() => undefined);
  return call.text;
}

async function askAndEnd(web: TestSidecar, first: string | Buffer): Promise<string> {
  const call = new Call(web);
  call.socket.write(first);
  await call.serverEnds();
  return call.text;
}

describe('a TCPRoute', () => {
  for (const protocol of ['tcp', 'detect'] as const) {
    test(`shares the connections to a ${protocol} port by weight, through mTLS`, async () => {
      const web = await caller(protocol);
      const [one, two] = [await pod('one'), await pod('second')];
      const first = await program(one.options.address, says('one'));
      const second = await program(two.options.address, says('two'));
      backend(web, 'one', [one.endpoint({ [SERVICE.port]: first.port })]);
      backend(web, 'second', [two.endpoint({ [SERVICE.port]: second.port })]);
      route(web, [{ backends: [to('shop/one'), to('shop/second')] }]);
      const answers = new Set<string>();
      for (let i = 0; i < 40 && answers.size < 2; i++) {
        answers.add(await askAndEnd(web, 'hello'));
      }
      assert.deepEqual(answers, new Set(['one', 'two']));
      route(web, [{ backends: [to('shop/one', 0), to('shop/second', 5)] }]);
      for (let i = 0; i < 5; i++) assert.equal(await askAndEnd(web, 'hello'), 'two');
      await eventually(() => web.observer.closed.length >= 7);
      assert.ok(web.observer.closed.every((record) => record.mutualTls));
      assert.ok(web.observer.closed.every((record) => record.service === 'shop/db'));
    });
  }

  test('closes the share of a backend that is not valid, and says so in log and metric', async () => {
    const web = await caller('tcp');
    route(web, [{ backends: [{ kind: 'invalid', reason: 'gone', weight: 1 }] }]);
    assert.equal(await ask(web, 'hello'), '');
    assert.deepEqual(web.observer.refusals, ['shop/db invalid-backend']);
    await eventually(() => web.lines.length === 1);
    const line = JSON.parse(web.lines[0] ?? '{}') as Record<string, unknown>;
    assert.equal(line.outcome, 'refused');
    assert.equal(line.errorCode, 'invalid-backend');
  });

  test("obeys the limits of its backend's own Service", async () => {
    const web = await caller('tcp');
    const app = await program('127.0.0.1', (socket) => socket.pipe(socket));
    backend(web, 'one', [app.endpoint]);
    const limits = { maxConnections: 1, maxPendingRequests: undefined, maxRequests: undefined };
    route(web, [{ backends: [to('shop/one', 1, { ...NO_POLICY, limits })] }]);
    const open = new Call(web);
    open.socket.write('x');
    await open.receives('x');
    assert.equal(await ask(web, 'y'), '');
    assert.deepEqual(web.observer.limitRefusals, ['shop/one too-many-connections']);
  });
});

describe('a TLSRoute', () => {
  async function routed(protocol: 'detect' | 'tls'): Promise<TestSidecar> {
    const web = await caller(protocol);
    for (const name of ['a', 'others']) {
      const app = await program('127.0.0.1', says(name));
      backend(web, name, [app.endpoint]);
    }
    route(web, [
      { tlsOnly: true, serverNames: ['a.example'], backends: [to('shop/a')] },
      { tlsOnly: true, serverNames: ['*.example'], backends: [to('shop/others')] },
    ]);
    return web;
  }

  for (const protocol of ['detect', 'tls'] as const) {
    test(`picks the backend of a ${protocol} port by the server name, and passes all bytes on`, async () => {
      const web = await routed(protocol);
      assert.equal(await askAndEnd(web, await realHello({ servername: 'a.example' })), 'a');
      const sub = await realHello({ servername: 'x.b.example' });
      assert.equal(await askAndEnd(web, sub), 'others');
      // However it is cut.
      const call = new Call(web);
      const hello = await realHello({ servername: 'A.Example' });
      call.socket.write(hello.subarray(0, 20));
      await new Promise((resolve) => setTimeout(resolve, 120));
      call.socket.write(hello.subarray(20));
      await call.serverEnds();
      assert.equal(call.text, 'a');
    });
  }

  const refused: [what: string, first: () => Promise<Buffer>][] = [
    ['another server name', () => realHello({ servername: 'example' })],
    ['no server name', () => realHello({})],
    ['something that is not TLS', async () => Buffer.from('GET / HTTP/1.1\r\nhost: a\r\n\r\n')],
  ];
  for (const [what, first] of refused) {
    test(`closes a connection with ${what}`, async () => {
      const web = await routed('detect');
      assert.equal(await ask(web, await first()), '');
      assert.deepEqual(web.observer.refusals, ['shop/db no-route']);
    });
  }
});
