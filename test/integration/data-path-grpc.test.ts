import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  type ServiceError,
  status,
  type UntypedHandleCall,
} from '@grpc/grpc-js';
import type { Policy } from '../../sidecar/config/types.ts';
import { eventually } from '../fakes/connections.ts';
import { GrpcClient, grpcApplication } from '../fakes/grpc-application.ts';
import { RETRIES } from '../fakes/http2-mesh.ts';
import { pod, SERVICE } from '../fakes/pods.ts';
import { NO_POLICY, type TestSidecar } from '../fakes/sidecars.ts';

type Handlers = Parameters<typeof grpcApplication>[1];
type Unary = handleUnaryCall<Buffer, Buffer>;

/** A pod that calls, and pods behind the service, one for each program. */
async function meshed(...programs: Handlers[]): Promise<{
  web: TestSidecar;
  client: GrpcClient;
  carts: { cart: TestSidecar; app: Awaited<ReturnType<typeof grpcApplication>> }[];
}> {
  const web = await pod('web');
  const carts = [];
  for (const handlers of programs) {
    const cart = await pod('cart');
    carts.push({ cart, app: await grpcApplication(cart.options.address, handlers) });
  }
  web.view.service(
    'shop/cart',
    SERVICE.host,
    SERVICE.port,
    'grpc',
    carts.map(({ cart, app }) => cart.endpoint({ [SERVICE.port]: app.port })),
  );
  web.redirected = SERVICE;
  return { web, client: new GrpcClient(web.outbound.port), carts };
}

function setPolicy(web: TestSidecar, policy: Partial<Policy>): void {
  const ports = [
    { port: SERVICE.port, routeBound: false, rules: [], policy: { ...NO_POLICY, ...policy } },
  ];
  const routes = new Map(web.view.current.routes);
  web.view.change({ routes: routes.set('shop/cart', { service: 'shop/cart', ports }) });
}

/** Answers with a name and the message. */
const named =
  (name: string): Unary =>
  (call, done) =>
    done(null, Buffer.from(`${name} ${call.request}`));

const failing =
  (code: number, details = 'no'): Unary =>
  (_call, done) =>
    done({ code, details });

const echoing: UntypedHandleCall = ((call: NodeJS.ReadWriteStream) => {
  call.on('data', (message: Buffer) => call.write(message));
  call.on('end', () => call.end());
}) as never;

describe('a call of gRPC', () => {
  test('with one message each way is answered, and told of by its outcome', async () => {
    const { web, client, carts } = await meshed({ unary: named('hello') });
    const { code, message } = await client.unary('you');
    assert.deepEqual([code, message], [status.OK, 'hello you']);
    assert.equal(carts[0]?.cart.trunk.streams, 0, 'the call is a stream of the trunk by itself');
    const observers = [web.observer, carts[0]?.cart.observer];
    await eventually(() => observers.every((observer) => observer?.requests.length === 1));
    for (const observer of observers) {
      const [record] = observer?.requests ?? [];
      assert.deepEqual(
        [record?.status, record?.grpcStatus, record?.errorCode, record?.mutualTls],
        [200, status.OK, '', true],
      );
    }
  });

  test('may stream its request', async () => {
    const { client } = await meshed({
      clientStream: ((call: NodeJS.ReadableStream, done: (error: null, sum: Buffer) => void) => {
        let bytes = 0;
        call.on('data', (message: Buffer) => {
          bytes += message.length;
        });
        call.on('end', () => done(null, Buffer.from(String(bytes))));
      }) as never,
    });
    const answered = Promise.withResolvers<{ code: number; message: string }>();
    const call = client.clientStream(answered.resolve);
    for (let i = 0; i < 100; i++) call.write(Buffer.alloc(10_000));
    call.end();
    const { code, message } = await answered.promise;
    assert.deepEqual([code, message], [status.OK, '1000000']);
  });

  test('may stream its response', async () => {
    const serverStream: handleServerStreamingCall<Buffer, Buffer> = (call) => {
      for (let i = 0; i < 100; i++) call.write(Buffer.from(`${call.request}${i}`));
      call.end();
    };
    const { client } = await meshed({ serverStream });
    const messages: string[] = [];
    const call = client.serverStream('n');
    call.on('data', (message: Buffer) => messages.push(message.toString()));
    await once(call, 'end');
    assert.equal(messages.length, 100);
    assert.equal(messages.at(-1), 'n99');
  });

  test('may stream both at once, and each message is passed on as it comes', async () => {
    const { client } = await meshed({ bidi: echoing });
    const call = client.bidi();
    for (let i = 0; i < 20; i++) {
      call.write(Buffer.from(`m${i}`));
      const [message] = await once(call, 'data');
      assert.equal(String(message), `m${i}`);
    }
    call.end();
    const [end] = await once(call, 'status');
    assert.equal(end.code, status.OK);
  });

  test('that fails has the code and the sentence of the application', async () => {
    const { web, client } = await meshed({ unary: failing(status.NOT_FOUND, 'no such cart: ä%') });
    const { code, details } = await client.unary('x');
    assert.deepEqual([code, details], [status.NOT_FOUND, 'no such cart: ä%']);
    await eventually(() => web.observer.requests.length === 1);
    assert.equal(web.observer.requests[0]?.grpcStatus, status.NOT_FOUND);
  });

  test('that is cancelled is cancelled at the application', async () => {
    let cancelled = false;
    let began = false;
    const { client } = await meshed({
      unary: ((call) => {
        began = true;
        call.on('cancelled', () => {
          cancelled = true;
        });
      }) as Unary,
    });
    const answered = client.unary('x', {}, async (call) => {
      await eventually(() => began);
      call.cancel();
    });
    assert.equal((await answered).code, status.CANCELLED);
    await eventually(() => cancelled);
  });

  test('whose deadline passes ends with it, at the application too', async () => {
    let began = 0;
    let cancelled = 0;
    const { web, client } = await meshed({
      unary: ((call) => {
        began += 1;
        call.on('cancelled', () => {
          cancelled += 1;
        });
      }) as Unary,
    });
    const { code } = await client.unary('x', { deadline: Date.now() + 100 });
    assert.equal(code, status.DEADLINE_EXCEEDED);
    await eventually(() => web.observer.requests.length === 1);
    // It may have come to its end before it came there.
    await eventually(() => cancelled === began);
  });

  test('is limited by its policy, where that is shorter than its deadline', async () => {
    const { web, client } = await meshed({ unary: (() => {}) as Unary });
    setPolicy(web, { requestTimeoutMs: 50 });
    const { code, metadata } = await client.unary('x', { deadline: Date.now() + 60_000 });
    assert.equal(code, status.DEADLINE_EXCEEDED);
    assert.deepEqual(metadata.get('x-remora-error'), ['request-timeout']);
    assert.equal(web.observer.requests[0]?.grpcStatus, status.DEADLINE_EXCEEDED);
    assert.equal(web.observer.requests[0]?.errorCode, 'request-timeout');
  });

  test('that nobody is there to take is UNAVAILABLE', async () => {
    const { web, client } = await meshed();
    const { code, details, metadata } = await client.unary('x');
    assert.equal(code, status.UNAVAILABLE);
    assert.match(details, /no endpoints/);
    assert.deepEqual(metadata.get('x-remora-error'), ['no-endpoints']);
    const [record] = web.observer.requests;
    assert.deepEqual(
      [record?.status, record?.grpcStatus, record?.errorCode],
      [200, status.UNAVAILABLE, 'no-endpoints'],
    );
  });

  test('that no rule takes is UNIMPLEMENTED', async () => {
    const { web, client } = await meshed({ unary: named('x') });
    const ports = [{ port: SERVICE.port, routeBound: true, rules: [], policy: NO_POLICY }];
    web.view.change({ routes: new Map([['shop/cart', { service: 'shop/cart', ports }]]) });
    const { code, metadata } = await client.unary('x');
    assert.equal(code, status.UNIMPLEMENTED);
    assert.deepEqual(metadata.get('x-remora-error'), ['no-route']);
  });

  test('whose application dies in the middle is told of it in its trailers', async () => {
    const { web, client, carts } = await meshed({
      serverStream: ((call) => call.write(Buffer.from('first'))) as handleServerStreamingCall<
        Buffer,
        Buffer
      >,
    });
    const call = client.serverStream('x');
    await once(call, 'data');
    carts[0]?.app.stop();
    const [error] = (await once(call, 'error')) as [ServiceError];
    assert.equal(error.code, status.UNAVAILABLE);
    assert.deepEqual(error.metadata.get('x-remora-error'), ['upstream-reset']);
    await eventually(() => web.observer.requests.length === 1);
    assert.equal(web.observer.requests[0]?.grpcStatus, status.UNAVAILABLE);
  });
});

describe('calls of gRPC on one connection', () => {
  test('are balanced one by one', async () => {
    const { web, client } = await meshed({ unary: named('a') }, { unary: named('b') });
    const counts = new Map<string, number>();
    for (let i = 0; i < 40; i++) {
      const { message } = await client.unary('');
      counts.set(message, (counts.get(message) ?? 0) + 1);
    }
    assert.equal(counts.size, 2);
    assert.equal(web.outbound.connections, 1);
  });

  test('go elsewhere when an application is gone, whose sidecar says so', async () => {
    const { web, client, carts } = await meshed({ unary: named('a') }, { unary: named('b') });
    for (let i = 0; i < 10; i++) await client.unary('');
    carts[0]?.app.stop();
    for (let i = 0; i < 20; i++) {
      const { code, message } = await client.unary('');
      assert.deepEqual([code, message], [status.OK, 'b ']);
    }
    assert.ok(web.observer.retries.every((retry) => retry === 'shop/cart connect-failed'));
  });

  test('are tried again when a policy asks for what their outcome says', async () => {
    let calls = 0;
    const { web, client } = await meshed({
      unary: ((call, done) => {
        calls += 1;
        if (calls < 3) done({ code: status.UNAVAILABLE, details: 'busy' });
        else done(null, call.request);
      }) as Unary,
    });
    setPolicy(web, {
      retries: {
        attempts: 2,
        statusCodes: new Set([503]),
        connectFailure: true,
        backoffBaseMs: 1,
        backoffMaxMs: 2,
        budgetPercent: 20,
        budgetMinPerSecond: 10,
      },
    });
    const { code, message } = await client.unary('again');
    assert.deepEqual([code, message], [status.OK, 'again']);
    assert.deepEqual(web.observer.retries, ['shop/cart grpc-14', 'shop/cart grpc-14']);
  });

  test('are tried again by the outcomes that a policy names, and by no others', async () => {
    const outcomes = [status.RESOURCE_EXHAUSTED, status.ABORTED, status.UNAVAILABLE];
    let calls = 0;
    const { web, client } = await meshed({
      unary: ((_call, done) => {
        done({ code: outcomes[calls++] ?? status.INTERNAL, details: 'busy' });
      }) as Unary,
    });
    const grpcStatuses = new Set<number>([status.RESOURCE_EXHAUSTED, status.ABORTED]);
    const statusCodes = new Set([503]);
    setPolicy(web, { retries: { ...RETRIES, attempts: 5, statusCodes, grpcStatuses } });
    assert.equal((await client.unary('')).code, status.UNAVAILABLE);
    assert.deepEqual(web.observer.retries, ['shop/cart grpc-8', 'shop/cart grpc-10']);
  });

  test('take out an endpoint by their outcomes', async () => {
    const { web, client, carts } = await meshed(
      { unary: named('good') },
      { unary: failing(status.INTERNAL) },
    );
    for (let i = 0; i < 100 && web.observer.ejections.length === 0; i++) await client.unary('');
    assert.deepEqual(web.observer.ejections, [
      `ejected shop/cart ${carts[1]?.cart.options.address}:${carts[1]?.app.port}`,
    ]);
    for (let i = 0; i < 20; i++) assert.equal((await client.unary('')).code, status.OK);
  });

  test('take out no endpoint by what callers did wrong', async () => {
    const { web, client } = await meshed(
      { unary: failing(status.INVALID_ARGUMENT) },
      { unary: failing(status.NOT_FOUND) },
    );
    for (let i = 0; i < 40; i++) await client.unary('');
    assert.deepEqual(web.observer.ejections, []);
  });
});

test('a stream of gRPC that is read slowly arrives whole', async () => {
  const serverStream: handleServerStreamingCall<Buffer, Buffer> = async (call) => {
    for (let i = 0; i < 200; i++) {
      if (!call.write(Buffer.alloc(100_000, i))) await once(call, 'drain');
    }
    call.end();
  };
  const { client } = await meshed({ serverStream });
  const call = client.serverStream('');
  let bytes = 0;
  for await (const message of call) {
    bytes += (message as Buffer).length;
    if (bytes % 1_000_000 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(bytes, 20_000_000);
});
