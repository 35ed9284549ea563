import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { after, describe, test } from 'node:test';
import type {
  CircuitBreaker,
  Endpoint,
  Limits,
  LoadBalancer,
  Policy,
  Protocol,
} from '../../sidecar/config/types.ts';
import { eventually, listen } from '../fakes/connections.ts';
import { Call, pod, program, SERVICE } from '../fakes/pods.ts';
import { NO_POLICY, type TestSidecar } from '../fakes/sidecars.ts';

interface Answer {
  status: number;
  body: string;
  code: string | undefined;
  setCookie: string | undefined;
}

function ask(web: TestSidecar, headers: Record<string, string> = {}, path = '/'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { port } = web.outbound;
    const options = { host: '127.0.0.1', port, path, headers, agent: false };
    const asked = request(options, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text) => {
        body += text;
      });
      response.on('error', reject);
      response.on('end', () => {
        const code = response.headers['x-remora-error'];
        resolve({
          status: response.statusCode ?? 0,
          body,
          code: typeof code === 'string' ? code : undefined,
          setCookie: response.headers['set-cookie']?.[0],
        });
      });
    });
    asked.on('error', reject);
    asked.end();
  });
}

/** A pod with a sidecar whose program answers as it likes, by default with the pod's name. */
async function cart(
  name: string,
  answer = (_message: IncomingMessage, response: ServerResponse): unknown => response.end(name),
): Promise<{ sidecar: TestSidecar; endpoint: Endpoint; connections: () => number }> {
  const sidecar = await pod('cart');
  let connections = 0;
  const server = createServer(answer);
  server.on('connection', () => {
    connections += 1;
  });
  const port = await listen(server, sidecar.options.address);
  after(() => {
    server.close();
    server.closeAllConnections();
  });
  const endpoint = sidecar.endpoint({ [SERVICE.port]: port });
  // Pods of one Deployment differ by name.
  return {
    sidecar,
    endpoint: { ...endpoint, workload: { ...endpoint.workload, pod: name } },
    connections: () => connections,
  };
}

function serve(
  web: TestSidecar,
  endpoints: readonly Endpoint[],
  policy: Partial<Policy>,
  protocol: Protocol = 'http1',
): void {
  web.view.service('shop/cart', SERVICE.host, SERVICE.port, protocol, endpoints);
  const ports = [
    { port: SERVICE.port, routeBound: false, rules: [], policy: { ...NO_POLICY, ...policy } },
  ];
  web.view.change({ routes: new Map([['shop/cart', { service: 'shop/cart', ports }]]) });
  web.redirected = SERVICE;
}

const ring = (hash: Extract<LoadBalancer, { hash: unknown }>['hash']): Partial<Policy> => ({
  loadBalancer: { kind: 'ring-hash', hash },
});

const limits = (own: Partial<Limits>): Partial<Policy> => ({
  limits: {
    maxConnections: undefined,
    maxPendingRequests: undefined,
    maxRequests: undefined,
    ...own,
  },
});

/** What `/config_dump` tells of the service; nothing before it was called for the first time. */
function told(web: TestSidecar): {
  pendingRequests: number;
  requests: number;
  connections: number;
} {
  const clusters = Object(web.clusters.describe());
  const nothing = { pendingRequests: 0, requests: 0, connections: 0 };
  return clusters[`shop/cart:${SERVICE.port}`] ?? nothing;
}

describe('an endpoint', () => {
  const breaker = (own: Partial<CircuitBreaker>): Partial<Policy> => ({
    circuitBreaker: {
      ...{ consecutiveErrors: 1_000, ejectionMs: 200, maxEjectedPercent: 50 },
      ...own,
    },
  });

  test('that answers with 503 is out until one request shows that it is well', async () => {
    let status = 503;
    const bad = await cart('bad', (_message, response) => response.writeHead(status).end('bad'));
    const good = await cart('good');
    const web = await pod('web');
    serve(web, [good.endpoint, bad.endpoint], breaker({ consecutiveGatewayErrors: 2 }));
    const { ejections } = web.observer;
    while (ejections.length === 0) await ask(web);
    status = 200;
    while (ejections.length === 1) await ask(web);
    assert.deepEqual(
      ejections.map((one) => one.split(' ')[0]),
      ['ejected', 'restored'],
    );
  });

  test('that others outrun again and again is much slower too', async () => {
    let delayMs = 0;
    const slow = await cart('slow', (_message, response) =>
      setTimeout(() => response.end('slow'), delayMs).unref(),
    );
    const carts = [await cart('a'), slow, await cart('b')];
    const web = await pod('web');
    const latency = { percent: 300, minMs: 8, minRequests: 3 };
    serve(
      web,
      carts.map(({ endpoint }) => endpoint),
      {
        ...breaker({ latency, intervalMs: 1_000, ejectionMs: 60_000 }),
        hedging: {
          ...{ percentile: 50, minDelayMs: 20, methods: new Set(['GET']) },
          ...{ budgetPercent: 100, budgetMinPerSecond: 100 },
        },
      },
    );
    // So many have to be known.
    for (let i = 0; i < 20; i++) await ask(web);
    delayMs = 20_000;
    while (web.observer.ejections.length === 0) await ask(web);
    const { address, ports } = slow.endpoint;
    assert.deepEqual(web.observer.ejections, [
      `ejected shop/cart ${address}:${ports.get(SERVICE.port)}`,
    ]);
    assert.ok(web.observer.hedges.includes('shop/cart won'));
  });

  test('that is much slower than the others is out', async () => {
    const slow = await cart('slow', (_message, response) =>
      setTimeout(() => response.end('slow'), 60),
    );
    const carts = [await cart('a'), slow, await cart('b')];
    const web = await pod('web');
    const latency = { percent: 300, minMs: 30, minRequests: 3 };
    const endpoints = carts.map(({ endpoint }) => endpoint);
    serve(web, endpoints, breaker({ latency, intervalMs: 1_000, ejectionMs: 60_000 }));
    while (web.observer.ejections.length === 0) await ask(web);
    const { address, ports } = slow.endpoint;
    const ejected = `ejected shop/cart ${address}:${ports.get(SERVICE.port)}`;
    assert.deepEqual(web.observer.ejections, [ejected]);
    for (let i = 0; i < 10; i++) assert.notEqual((await ask(web)).body, 'slow');
  });
});

test('requests stay in the zone of their caller, and leave it when its endpoints fail', async () => {
  let status = 200;
  const near = await cart('near', (_message, response) => response.writeHead(status).end('near'));
  const far = await cart('far');
  const inZone = (endpoint: Endpoint, zone: string): Endpoint => ({
    ...endpoint,
    workload: { ...endpoint.workload, zone },
  });
  const web = await pod('web');
  web.view.change({ settings: { ...web.view.current.settings, zone: 'north' } });
  serve(web, [inZone(near.endpoint, 'north'), inZone(far.endpoint, 'south')], {
    loadBalancer: { kind: 'least-request', locality: { minHealthyPercent: 50 } },
    circuitBreaker: { consecutiveErrors: 2, ejectionMs: 60_000, maxEjectedPercent: 50 },
  });
  for (let i = 0; i < 10; i++) assert.equal((await ask(web)).body, 'near');
  status = 500;
  for (let i = 0; i < 2; i++) await ask(web);
  for (let i = 0; i < 10; i++) assert.equal((await ask(web)).body, 'far');
});

describe('requests that are hashed', () => {
  test('by a header go to the same pod, whichever sidecar sends them', async () => {
    const carts = [await cart('a'), await cart('b'), await cart('c'), await cart('d')];
    const endpoints = carts.map(({ endpoint }) => endpoint);
    const webs = [await pod('web'), await pod('web')];
    for (const web of webs) serve(web, endpoints, ring({ kind: 'header', name: 'x-user' }));
    const pods = new Set<string>();
    for (let user = 0; user < 24; user++) {
      const answers = new Set<string>();
      for (const web of [...webs, ...webs]) {
        const { status, body } = await ask(web, { 'X-User': `user ${user}` });
        assert.equal(status, 200);
        answers.add(body);
        pods.add(body);
      }
      assert.equal(answers.size, 1, `user ${user} met ${[...answers]}`);
    }
    assert.ok(pods.size > 1);
  });

  test('by a cookie are given one, and then stay where they were', async () => {
    const carts = [await cart('a'), await cart('b'), await cart('c')];
    const web = await pod('web');
    serve(
      web,
      carts.map(({ endpoint }) => endpoint),
      ring({ kind: 'cookie', name: 'session', ttlSeconds: 60 }),
    );
    const pods = new Set<string>();
    for (let client = 0; client < 12; client++) {
      const { body, setCookie = '' } = await ask(web);
      pods.add(body);
      const [cookie] = setCookie.split(';');
      assert.match(cookie ?? '', /^session=/);
      for (let i = 0; i < 4; i++) {
        const next = await ask(web, { Cookie: `theme=dark; ${cookie}` });
        assert.deepEqual([next.body, next.setCookie], [body, undefined]);
      }
    }
    assert.ok(pods.size > 1);
  });

  test('by their source stay with one pod, and so do connections that are not HTTP', async () => {
    const carts = [await cart('a'), await cart('b'), await cart('c')];
    const web = await pod('web');
    const policy = ring({ kind: 'source' });
    serve(
      web,
      carts.map(({ endpoint }) => endpoint),
      policy,
    );
    const answers = new Set<string>();
    for (let i = 0; i < 10; i++) answers.add((await ask(web)).body);
    assert.equal(answers.size, 1);

    const endpoints = [];
    for (const last of [1, 2, 3]) {
      const host = `127.${process.pid % 250}.2.${last}`;
      endpoints.push((await program(host, (socket) => socket.end(host))).endpoint);
    }
    serve(web, endpoints, policy, 'tcp');
    const hosts = new Set<string>();
    for (let i = 0; i < 10; i++) {
      const call = new Call(web);
      call.socket.write('x');
      await call.serverEnds();
      hosts.add(call.text);
    }
    assert.equal(hosts.size, 1);
  });

  test('move only from the pod that leaves, and a new pod gets some at once', async () => {
    const carts = [await cart('a'), await cart('b'), await cart('c')];
    const [a, b, c] = carts.map(({ endpoint }) => endpoint);
    assert.ok(a && b && c);
    const web = await pod('web');
    const policy = ring({ kind: 'header', name: 'x-user' });
    const placed = async (): Promise<string[]> => {
      const found: string[] = [];
      for (let user = 0; user < 40; user++) {
        found.push((await ask(web, { 'x-user': `${user}` })).body);
      }
      return found;
    };
    serve(web, [a, b], policy);
    const before = await placed();
    serve(web, [b, c], policy);
    const after = await placed();
    before.forEach((name, user) => {
      if (name === 'b') assert.ok(after[user] === 'b' || after[user] === 'c');
      else assert.notEqual(after[user], 'a');
    });
    assert.ok(after.includes('c'));
    serve(web, [a, b], policy);
    assert.deepEqual(await placed(), before);
  });
});

test('by response time, a slow pod gets little', async () => {
  const reached = Promise.withResolvers<void>();
  const held: ServerResponse[] = [];
  let ofSlow = 0;
  const slow = await cart('slow', (_message, response) => {
    ofSlow += 1;
    if (ofSlow > 1) {
      response.end('slow');
      return;
    }
    held.push(response);
    reached.resolve();
  });
  const fast = await cart('fast');
  const web = await pod('web');
  serve(web, [slow.endpoint, fast.endpoint], { loadBalancer: { kind: 'peak-ewma' } });
  const found: Promise<Answer>[] = [];
  while (held.length === 0) {
    const answer = ask(web);
    found.push(answer);
    await Promise.race([answer, reached.promise]);
  }
  // While it is not known how long it takes, nothing follows there.
  for (let i = 0; i < 20; i++) assert.equal((await ask(web)).body, 'fast');
  held[0]?.end('slow');
  await Promise.all(found);
  // It took as long as twenty others together.
  for (let i = 0; i < 20; i++) await ask(web);
  assert.ok(ofSlow < 5, `${ofSlow} of 40`);
});

describe('beyond the limits of a service', () => {
  /** A program that answers when it is told to, and what it was asked so far. */
  async function held(policy: Partial<Policy>): Promise<{
    web: TestSidecar;
    endpoint: Endpoint;
    asked: string[];
    answer: () => void;
    connections: () => number;
  }> {
    const asked: string[] = [];
    const open: ServerResponse[] = [];
    const { endpoint, connections } = await cart('a', (message, response) => {
      asked.push(message.url ?? '');
      open.push(response);
    });
    const web = await pod('web');
    serve(web, [endpoint], policy);
    return { web, endpoint, asked, answer: () => open.shift()?.end('answered'), connections };
  }

  test('requests wait for the connection in their order', async () => {
    const { web, asked, answer, connections } = await held(limits({ maxConnections: 1 }));
    const answers = [];
    for (let i = 0; i < 4; i++) {
      answers.push(ask(web, {}, `/${i}`));
      await eventually(() => told(web).requests === i + 1);
    }
    await eventually(() => asked.length === 1);
    assert.equal(told(web).pendingRequests, 3);
    for (let i = 0; i < 4; i++) {
      await eventually(() => asked.length === i + 1);
      answer();
      assert.equal((await answers[i])?.status, 200);
    }
    assert.deepEqual(asked, ['/0', '/1', '/2', '/3']);
    assert.equal(connections(), 1);
    assert.deepEqual(web.observer.limitRefusals, []);
  });

  const table: { name: string; own: Partial<Limits>; waiting: number; code: string }[] = [
    {
      name: 'that cannot even wait',
      own: { maxConnections: 1, maxPendingRequests: 1 },
      waiting: 2,
      code: 'too-many-pending',
    },
    {
      name: 'that are one too many',
      own: { maxRequests: 3 },
      waiting: 3,
      code: 'too-many-requests',
    },
  ];
  for (const { name, own, waiting, code } of table) {
    test(`requests ${name} are answered with 503 at once`, async () => {
      const { web, asked, answer } = await held(limits(own));
      const others = Array.from({ length: waiting }, () => ask(web));
      await eventually(() => told(web).requests === waiting && asked.length > 0);
      const refused = await ask(web);
      assert.deepEqual([refused.status, refused.code], [503, code]);
      assert.deepEqual(web.observer.limitRefusals, [`shop/cart ${code}`]);
      await eventually(() => web.observer.requests.length === 1);
      const [record] = web.observer.requests;
      assert.deepEqual([record?.status, record?.errorCode], [503, code]);
      // None of the others is the worse for it.
      for (let i = 0; i < waiting; i++) {
        await eventually(() => asked.length > i);
        answer();
      }
      assert.deepEqual(
        (await Promise.all(others)).map(({ status }) => status),
        others.map(() => 200),
      );
      assert.equal(told(web).requests, 0);
    });
  }

  test('who waits longer than a connection may take is answered with 503', async () => {
    const { web, endpoint, asked, answer } = await held(limits({ maxConnections: 1 }));
    const first = ask(web);
    await eventually(() => asked.length === 1);
    serve(web, [endpoint], { ...limits({ maxConnections: 1 }), connectTimeoutMs: 50 });
    const { status, code } = await ask(web);
    assert.deepEqual([status, code], [503, 'pending-timeout']);
    answer();
    assert.equal((await first).status, 200);
  });

  test('a client that goes away leaves the line', async () => {
    const { web, asked, answer } = await held(limits({ maxConnections: 1 }));
    const first = ask(web, {}, '/first');
    await eventually(() => asked.length === 1);
    const call = new Call(web);
    call.socket.write('GET /gone HTTP/1.1\r\nHost: cart\r\n\r\n');
    await eventually(() => told(web).pendingRequests === 1);
    const last = ask(web, {}, '/last');
    await eventually(() => told(web).pendingRequests === 2);
    call.socket.resetAndDestroy();
    await eventually(() => told(web).pendingRequests === 1);
    answer();
    await first;
    await eventually(() => asked.length === 2);
    answer();
    assert.equal((await last).status, 200);
    assert.deepEqual(asked, ['/first', '/last']);
    assert.deepEqual([told(web).requests, told(web).connections], [0, 1]);
  });

  test('a connection that is not HTTP is closed', async () => {
    const web = await pod('web');
    const echo = await program(`127.${process.pid % 250}.2.9`, (socket) => socket.pipe(socket));
    serve(web, [echo.endpoint], limits({ maxConnections: 1 }), 'tcp');
    const first = new Call(web);
    first.socket.write('one');
    await first.receives('one');
    const second = new Call(web);
    second.socket.write('two');
    await second.closed;
    assert.equal(second.text, '');
    assert.deepEqual(web.observer.limitRefusals, ['shop/cart too-many-connections']);
    first.socket.write('!');
    await first.receives('one!');
    first.socket.end();
    await first.closed;
  });
});

test('endpoints that come and go cost no request, and leave the weights as they are', async () => {
  const carts = [await cart('a1'), await cart('a2'), await cart('b')];
  const [a1, a2, b] = carts.map(({ endpoint }) => endpoint);
  assert.ok(a1 && a2 && b);
  const web = await pod('web');
  const names = ['shop/a', 'shop/b'];
  web.view.service('shop/a', '10.96.0.21', SERVICE.port, 'http1', [a1, a2]);
  web.view.service('shop/b', '10.96.0.22', SERVICE.port, 'http1', [b]);
  web.view.service('shop/cart', SERVICE.host, SERVICE.port, 'http1', []);
  const rule = {
    name: 'HTTPRoute/shop/cart/0',
    matches: [],
    backends: names.map((service) => ({
      ...{ kind: 'service' as const, service, port: SERVICE.port, weight: 1 },
    })),
    policy: NO_POLICY,
  };
  const ports = [{ port: SERVICE.port, routeBound: true, rules: [rule], policy: NO_POLICY }];
  const routes = new Map(web.view.current.routes);
  web.view.change({ routes: routes.set('shop/cart', { service: 'shop/cart', ports }) });
  web.redirected = SERVICE;

  const bodies = new Map<string, number>();
  const burst = async (): Promise<void> => {
    bodies.clear();
    for (const { status, body } of await Promise.all(
      Array.from({ length: 10 }, async () => {
        const answers = [];
        for (let i = 0; i < 30; i++) answers.push(await ask(web));
        return answers;
      }),
    ).then((lists) => lists.flat())) {
      assert.equal(status, 200);
      bodies.set(body, (bodies.get(body) ?? 0) + 1);
    }
  };
  const ofA = (): number => (bodies.get('a1') ?? 0) + (bodies.get('a2') ?? 0);
  await burst();
  assert.ok(ofA() > 90 && ofA() < 210, `${ofA()} of 300`);
  const leaving = burst();
  web.view.service('shop/a', '10.96.0.21', SERVICE.port, 'http1', [a1]);
  await leaving;
  await burst();
  assert.equal(bodies.has('a2'), false);
  assert.ok(ofA() > 90 && ofA() < 210, `${ofA()} of 300`);
  web.view.service('shop/a', '10.96.0.21', SERVICE.port, 'http1', [a1, a2]);
  await burst();
  assert.ok((bodies.get('a2') ?? 0) > 20, `${bodies.get('a2')} of 300`);
});
