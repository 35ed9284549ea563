import assert from 'node:assert/strict';
import type { ClientHttp2Session, OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { describe, test } from 'node:test';
import type { Endpoint, HashSource, Limits, Policy } from '../../sidecar/config/types.ts';
import { eventually } from '../fakes/connections.ts';
import { type Answer, ask, http2Application, http2Client } from '../fakes/http2-application.ts';
import { meshed, named, type OnStream, setPolicy } from '../fakes/http2-mesh.ts';
import { pod, SERVICE } from '../fakes/pods.ts';
import type { TestSidecar } from '../fakes/sidecars.ts';

const GRPC = { ':method': 'POST', 'content-type': 'application/grpc', te: 'trailers' };

/** A pod with a sidecar behind the service, and where it is. */
async function cart(name: string, onStream: OnStream = named(name)): Promise<Endpoint> {
  const sidecar = await pod('cart');
  const app = await http2Application(sidecar.options.address, onStream);
  const endpoint = sidecar.endpoint({ [SERVICE.port]: app.port });
  // Pods of one Deployment differ by name.
  return { ...endpoint, workload: { ...endpoint.workload, pod: name } };
}

/** A pod that calls the service, on one connection. */
async function caller(
  endpoints: readonly Endpoint[],
  policy: Partial<Policy>,
): Promise<{ web: TestSidecar; session: ClientHttp2Session }> {
  const web = await pod('web');
  web.view.service('shop/cart', SERVICE.host, SERVICE.port, 'http2', endpoints);
  setPolicy(web, policy);
  web.redirected = SERVICE;
  return { web, session: http2Client(web.outbound.port) };
}

const ring = (hash: HashSource): Partial<Policy> => ({ loadBalancer: { kind: 'ring-hash', hash } });

const limits = (own: Partial<Limits>): Partial<Policy> => ({
  limits: {
    maxConnections: undefined,
    maxPendingRequests: undefined,
    maxRequests: undefined,
    ...own,
  },
});

describe('requests of HTTP/2 that are hashed', () => {
  test('by a header go to the same pod on one connection, and from every sidecar', async () => {
    const carts = [await cart('a'), await cart('b'), await cart('c'), await cart('d')];
    const policy = ring({ kind: 'header', name: 'x-user' });
    const callers = [await caller(carts, policy), await caller(carts, policy)];
    const pods = new Set<string>();
    for (let user = 0; user < 24; user++) {
      const answers = await Promise.all(
        [...callers, ...callers].map(({ session }) => ask(session, { 'x-user': `user ${user}` })),
      );
      const met = new Set(answers.map(({ body }) => body));
      assert.equal(met.size, 1, `user ${user} met ${[...met]}`);
      pods.add(answers[0]?.body ?? '');
    }
    assert.ok(pods.size > 1);
    for (const { web } of callers) assert.equal(web.outbound.connections, 1);
  });

  test('by a cookie are given one, and then stay where they were', async () => {
    const carts = [await cart('a'), await cart('b'), await cart('c')];
    const policy = ring({ kind: 'cookie', name: 'session', ttlSeconds: 60 });
    const { session } = await caller(carts, policy);
    const pods = new Set<string>();
    for (let client = 0; client < 12; client++) {
      const { body, headers } = await ask(session, {});
      pods.add(body);
      const [set] = headers['set-cookie'] ?? [];
      assert.match(set ?? '', /^session=[^;]+; Path=\/; HttpOnly; Max-Age=60$/);
      const [cookie = ''] = set?.split(';') ?? [];
      for (const sent of [cookie, `theme=dark; ${cookie}`, ['theme=dark', cookie]]) {
        const next = await ask(session, { cookie: sent });
        assert.deepEqual([next.body, next.headers['set-cookie']], [body, undefined]);
      }
    }
    assert.ok(pods.size > 1);
  });

  test('by their source stay with one pod', async () => {
    const carts = [await cart('a'), await cart('b'), await cart('c')];
    const { session } = await caller(carts, ring({ kind: 'source' }));
    const answers = new Set<string>();
    for (let i = 0; i < 10; i++) answers.add((await ask(session, {})).body);
    assert.equal(answers.size, 1);
  });
});

test('requests of HTTP/2 by response time give a slow pod little', async () => {
  const held: ServerHttp2Stream[] = [];
  let ofSlow = 0;
  const slow = await cart('slow', (stream, headers) => {
    ofSlow += 1;
    if (ofSlow === 1) held.push(stream);
    else named('slow')(stream, headers);
  });
  const { session } = await caller([slow, await cart('fast')], {
    loadBalancer: { kind: 'peak-ewma' },
  });
  const found: Promise<Answer>[] = [];
  // Endpoints of which nothing is known come first.
  while (held.length === 0) {
    const answer = ask(session, {});
    found.push(answer);
    await Promise.race([answer, eventually(() => held.length > 0)]);
  }
  // While it is not known how long it takes, nothing follows there.
  for (let i = 0; i < 20; i++) assert.equal((await ask(session, {})).body, 'fast');
  held[0]?.respond({ ':status': 200 });
  held[0]?.end('slow');
  await Promise.all(found);
  // It took as long as twenty others together.
  for (let i = 0; i < 20; i++) await ask(session, {});
  assert.ok(ofSlow < 5, `${ofSlow} of 40`);
});

describe('beyond the limits of a service, requests of HTTP/2', () => {
  /** A program without a sidecar that answers when it is told to, and takes so many streams at once. */
  async function held(
    policy: Partial<Policy>,
    maxConcurrentStreams: number,
  ): Promise<{ web: TestSidecar; session: ClientHttp2Session; asked: string[]; answer(): void }> {
    const asked: string[] = [];
    const open: ServerHttp2Stream[] = [];
    const address = `127.${process.pid % 250}.3.1`;
    const onStream: OnStream = (stream, headers) => {
      asked.push(headers[':path'] ?? '');
      open.push(stream);
    };
    const app = await http2Application(address, onStream, { maxConcurrentStreams });
    const workload = {
      ...{ address, namespace: 'plain', workload: 'outside', pod: 'outside-1' },
      ...{ serviceAccount: 'default', node: '', zone: '', trunkPort: 0 },
    };
    const endpoint = { address, ports: new Map([[SERVICE.port, app.port]]), workload };
    const { web, session } = await caller([endpoint], policy);
    const answer = (): void => {
      open.shift()?.respond({ ':status': 200 }, { endStream: true });
    };
    // Behind its first answer, the server has said how many streams it takes.
    const first = ask(session, {});
    await eventually(() => asked.length === 1);
    answer();
    await first;
    asked.length = 0;
    return { web, session, asked, answer };
  }

  /** What `/config_dump` tells of the service. */
  const told = (
    web: TestSidecar,
  ): { pendingRequests: number; requests: number; connections: number } =>
    Object(web.clusters.describe())[`shop/cart:${SERVICE.port}`];

  /** Each is under way before the next one comes. */
  async function inOrder(
    web: TestSidecar,
    session: ClientHttp2Session,
    paths: readonly string[],
  ): Promise<Promise<Answer>[]> {
    const answers = [];
    for (const path of paths) {
      answers.push(ask(session, { ':path': path }));
      await eventually(() => told(web)?.requests === answers.length);
    }
    return answers;
  }

  const kinds: { name: string; headers: OutgoingHttpHeaders; status: number; grpc?: string }[] = [
    { name: 'are answered with 503', headers: {}, status: 503 },
    {
      name: 'are answered with UNAVAILABLE as calls of gRPC',
      headers: GRPC,
      status: 200,
      grpc: '14',
    },
  ];
  const codes: { code: string; own: Partial<Limits>; waiting: number }[] = [
    { code: 'too-many-requests', own: { maxRequests: 3 }, waiting: 3 },
    {
      code: 'too-many-pending',
      own: { maxConnections: 1, maxPendingRequests: 1 },
      waiting: 2,
    },
  ];
  for (const { name, headers, status, grpc } of kinds) {
    for (const { code, own, waiting } of codes) {
      test(`${name} and ${code} at once, and the others go on`, async () => {
        const { web, session, asked, answer } = await held(limits(own), 1);
        const others = await inOrder(web, session, Array(waiting).fill('/'));
        const refused = await ask(session, headers);
        assert.deepEqual([refused.status, refused.headers['x-remora-error']], [status, code]);
        assert.equal(refused.headers['grpc-status'], grpc);
        assert.deepEqual(web.observer.limitRefusals, [`shop/cart ${code}`]);
        const [, record] = web.observer.requests;
        assert.deepEqual([record?.status, record?.errorCode], [status, code]);
        assert.equal(record?.grpcStatus, grpc === undefined ? undefined : Number(grpc));
        for (let i = 0; i < waiting; i++) {
          await eventually(() => asked.length > i);
          answer();
          assert.equal((await others[i])?.status, 200);
        }
        await eventually(() => told(web).requests === 0);
      });
    }
  }

  test('wait for a stream of the one connection in their order', async () => {
    const { web, session, asked, answer } = await held(limits({ maxConnections: 1 }), 2);
    const paths = ['/0', '/1', '/2', '/3', '/4'];
    const answers = await inOrder(web, session, paths);
    assert.deepEqual([told(web).pendingRequests, told(web).connections], [3, 1]);
    for (let i = 0; i < paths.length; i++) {
      await eventually(() => asked.length === Math.min(i + 2, paths.length));
      answer();
      assert.equal((await answers[i])?.status, 200);
    }
    assert.deepEqual(asked, paths);
    assert.equal(told(web).connections, 1);
    assert.deepEqual(web.observer.limitRefusals, []);
  });

  test('leave the line when their client gives up', async () => {
    const { web, session, asked, answer } = await held(limits({ maxConnections: 1 }), 1);
    const first = ask(session, { ':path': '/first' });
    await eventually(() => asked.length === 1);
    const gone = session.request({ ':authority': 'cart', ':path': '/gone' });
    gone.on('error', () => {});
    await eventually(() => told(web).pendingRequests === 1);
    const last = ask(session, { ':path': '/last' });
    await eventually(() => told(web).pendingRequests === 2);
    gone.close(8);
    await eventually(() => told(web).pendingRequests === 1);
    answer();
    await first;
    await eventually(() => asked.length === 2);
    answer();
    assert.equal((await last).status, 200);
    assert.deepEqual(asked, ['/first', '/last']);
  });
});

test('streams between two sidecars are requests, and their connection counts once', async () => {
  const open: ServerHttp2Stream[] = [];
  const { web } = await meshed('http2', (stream) => open.push(stream));
  setPolicy(web, limits({ maxConnections: 1, maxRequests: 20 }));
  const session = http2Client(web.outbound.port);
  const answers = Array.from({ length: 20 }, () => ask(session, {}));
  await eventually(() => open.length === 20);
  const cluster = Object(web.clusters.describe())[`shop/cart:${SERVICE.port}`];
  assert.deepEqual([cluster.requests, cluster.connections], [20, 1]);
  assert.equal((await ask(session, {})).headers['x-remora-error'], 'too-many-requests');
  for (const stream of open) stream.respond({ ':status': 204 }, { endStream: true });
  for (const { status } of await Promise.all(answers)) assert.equal(status, 204);
});
