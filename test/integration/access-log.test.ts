import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import type { Protocol } from '../../sidecar/config/types.ts';
import { parseTextLine } from '../fakes/access-log.ts';
import { eventually, listen } from '../fakes/connections.ts';
import { ask as ask2, http2Application, http2Client } from '../fakes/http2-application.ts';
import { Call, ca, pod, program, SERVICE } from '../fakes/pods.ts';
import { freePorts, SidecarProcess } from '../fakes/sidecar-process.ts';
import type { TestSidecar } from '../fakes/sidecars.ts';
import { until } from '../fakes/until.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const WEB = 'spiffe://cluster.local/ns/shop/sa/web';
const CART = 'spiffe://cluster.local/ns/shop/sa/cart';

type Fields = Record<string, unknown>;

const parse = (line: string): Fields =>
  line.startsWith('{') ? JSON.parse(line) : parseTextLine(line);

/** The first line of each side, once both are there. */
async function bothLines(web: TestSidecar, cart: TestSidecar): Promise<[Fields, Fields]> {
  await eventually(() => web.lines.length > 0 && cart.lines.length > 0, 'a line on each side');
  return [parse(web.lines[0] ?? ''), parse(cart.lines[0] ?? '')];
}

function pick(line: Fields, names: readonly string[]): unknown[] {
  return names.map((name) => line[name]);
}

/** Two pods that log, `web` calling the service of `cart`. */
async function meshed(format: 'text' | 'json'): Promise<{ web: TestSidecar; cart: TestSidecar }> {
  const web = await pod('web', { accessLog: format });
  const cart = await pod('cart', { accessLog: format });
  web.redirected = SERVICE;
  return { web, cart };
}

function provide(web: TestSidecar, cart: TestSidecar, port: number, protocol: Protocol): void {
  web.view.service('shop/cart', SERVICE.host, SERVICE.port, protocol, [
    cart.endpoint({ [SERVICE.port]: port }),
  ]);
}

/** A pod's program that keeps the heads that it gets. */
async function application(host: string): Promise<{ port: number; heads: IncomingHttpHeaders[] }> {
  const heads: IncomingHttpHeaders[] = [];
  const server = createServer((message, response) => {
    heads.push(message.headers);
    response.end('fine');
  });
  after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { port: await listen(server, host), heads };
}

async function get(web: TestSidecar, ...lines: string[]): Promise<string> {
  const call = new Call(web);
  const fields = ['Host: cart.shop', 'Connection: close', ...lines];
  call.socket.write(`GET /items?secret=1 HTTP/1.1\r\n${fields.join('\r\n')}\r\n\r\n`);
  await call.serverEnds();
  return call.text;
}

for (const format of ['text', 'json'] as const) {
  describe(`two sidecars that log in ${format}`, () => {
    test('tell the same request from both sides, under its trace id', async () => {
      const { web, cart } = await meshed(format);
      const app = await application(cart.options.address);
      provide(web, cart, app.port, 'http1');
      const traceparent = `00-${TRACE}-00f067aa0ba902b7-01`;
      await get(web, `traceparent: ${traceparent}`, 'tracestate: a=1', 'User-Agent: x "y"');
      const lines = await bothLines(web, cart);
      const names = ['log', 'method', 'authority', 'path', 'status', 'outcome', 'traceId'];
      const expected = ['access', 'GET', 'cart.shop', '/items', 200, 'completed', TRACE];
      const parties = ['source', 'destination', 'sourceIdentity', 'destinationIdentity'];
      for (const line of lines) {
        assert.deepEqual(pick(line, names).map(String), expected.map(String));
        assert.deepEqual(pick(line, parties), ['shop/web', 'shop/cart', WEB, CART]);
        assert.equal(String(line.mutualTls), 'true');
        assert.equal(line.userAgent, format === 'json' ? 'x "y"' : 'x \\x22y\\x22');
      }
      const upstream = `${cart.options.address}:${app.port}`;
      const placed = ['direction', 'service', 'upstream'];
      assert.deepEqual(pick(lines[0], placed), ['outbound', 'shop/cart', upstream]);
      assert.deepEqual(pick(lines[1], placed), ['inbound', undefined, upstream]);
      assert.equal(app.heads[0]?.traceparent, traceparent);
      assert.equal(app.heads[0]?.tracestate, 'a=1');
      assert.ok(!web.lines.join().includes('secret'));
    });

    test('agree on an id for a request without a trace, and the program sees none', async () => {
      const { web, cart } = await meshed(format);
      const app = await application(cart.options.address);
      provide(web, cart, app.port, 'detect');
      await get(web, 'traceparent: broken', 'tracestate: a=1', 'x-remora-trace-id: mine');
      const [outbound, inbound] = await bothLines(web, cart);
      assert.match(String(outbound.traceId), /^[0-9a-f]{32}$/);
      assert.equal(inbound.traceId, outbound.traceId);
      const names = Object.keys(app.heads[0] ?? {});
      assert.deepEqual(
        names.filter((name) => /trace|remora/.test(name)),
        [],
      );
    });

    test('tell the code of a request that nobody took', async () => {
      const { web, cart } = await meshed(format);
      provide(web, cart, 9, 'http1');
      assert.match(await get(web), /^HTTP\/1.1 503 .*\r\nx-remora-error: connect-failed\r\n/);
      const [outbound, inbound] = await bothLines(web, cart);
      const names = ['status', 'outcome', 'errorCode', 'destination'];
      const expected = ['503', 'refused', 'connect-failed', 'shop/cart'];
      assert.deepEqual(pick(outbound, names).map(String), expected);
      assert.match(String(outbound.error), /the sidecar of .* refused: connect-failed/);
      // It never became a request there.
      const tcp = ['direction', 'protocol', 'outcome', 'errorCode', 'source'];
      assert.deepEqual(pick(inbound, tcp), [
        ...['inbound', 'tcp', 'refused', 'connect-failed', 'shop/web'],
      ]);
    });

    test('tell the code of a request that the other sidecar ended', async () => {
      const { web, cart } = await meshed(format);
      const broken = await program(cart.options.address, (socket) => {
        socket.on('data', () => socket.end('no HTTP\r\n\r\n'));
      });
      provide(web, cart, broken.port, 'http1');
      assert.match(await get(web), /^HTTP\/1.1 502 /);
      const [outbound, inbound] = await bothLines(web, cart);
      const names = ['status', 'outcome', 'errorCode'];
      const code = 'upstream-protocol-error';
      assert.deepEqual(pick(outbound, names).map(String), ['502', 'completed', code]);
      assert.deepEqual(pick(inbound, names).map(String), ['502', 'refused', code]);
      assert.match(String(inbound.error), /^the application answered with broken HTTP: the status/);
    });

    test('tell a connection at its end, from both sides', async () => {
      const { web, cart } = await meshed(format);
      const app = await program(cart.options.address, (socket) => socket.pipe(socket));
      provide(web, cart, app.port, 'tcp');
      const call = new Call(web);
      call.socket.write('hello');
      await call.receives('hello');
      assert.deepEqual([web.lines, cart.lines], [[], []]);
      call.socket.end();
      await call.closed;
      const lines = await bothLines(web, cart);
      const names = ['protocol', 'outcome', 'bytesIn', 'bytesOut', 'source', 'destination'];
      const parties = ['mutualTls', 'sourceIdentity', 'destinationIdentity'];
      for (const line of lines) {
        const expected = ['tcp', 'completed', '5', '5', 'shop/web', 'shop/cart'];
        assert.deepEqual(pick(line, names).map(String), expected);
        assert.deepEqual(pick(line, parties).map(String), ['true', WEB, CART]);
      }
      const upstream = `${cart.options.address}:${app.port}`;
      const { host, port } = SERVICE;
      assert.deepEqual(pick(lines[0], ['originalDestination', 'upstream']), [
        `${host}:${port}`,
        upstream,
      ]);
      assert.deepEqual(pick(lines[1], ['originalDestination', 'upstream']), [upstream, upstream]);
    });
  });
}

for (const protocol of ['http2', 'detect'] as const) {
  test(`HTTP/2 to a ${protocol} port has a line for each stream, on both sides`, async () => {
    const { web, cart } = await meshed('json');
    const heads: IncomingHttpHeaders[] = [];
    const app = await http2Application(cart.options.address, (stream, headers) => {
      heads.push(headers);
      stream.respond({ ':status': 200 });
      stream.end('fine');
    });
    provide(web, cart, app.port, protocol);
    const session = http2Client(web.outbound.port);
    const traceparent = `00-${TRACE}-00f067aa0ba902b7-00`;
    await ask2(session, { ':path': '/a?secret=1', traceparent, tracestate: 'a=1' });
    await ask2(session, { ':path': '/b', traceparent: 'broken', tracestate: 'a=1', b3: '0' });
    await eventually(() => web.lines.length === 2 && cart.lines.length === 2, 'four lines');
    const [outbound, inbound] = [web.lines.map(parse), cart.lines.map(parse)];
    const names = ['protocol', 'method', 'authority', 'path', 'status', 'sourceIdentity'];
    const parties = ['destinationIdentity', 'upstream'];
    for (const line of [outbound[0], inbound[0]]) {
      assert.deepEqual(pick(line ?? {}, names), ['http2', 'GET', 'cart', '/a', 200, WEB]);
      const expected = [CART, `${cart.options.address}:${app.port}`];
      assert.deepEqual(pick(line ?? {}, parties), expected);
      assert.equal(line?.traceId, TRACE);
    }
    assert.deepEqual([heads[0]?.traceparent, heads[0]?.tracestate], [traceparent, 'a=1']);
    assert.match(String(outbound[1]?.traceId), /^[0-9a-f]{32}$/);
    assert.equal(inbound[1]?.traceId, outbound[1]?.traceId);
    const left = Object.keys(heads[1] ?? {}).filter((name) => /trace|remora|b3/.test(name));
    assert.deepEqual(left, ['b3']);
  });
}

test('a gRPC call has its status in the line, and a head that is refused has its code', async () => {
  const { web, cart } = await meshed('json');
  const app = await http2Application(cart.options.address, (stream) => {
    const head = { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '5' };
    stream.respond(head, { endStream: true });
  });
  provide(web, cart, app.port, 'grpc');
  const session = http2Client(web.outbound.port);
  const call = { ':method': 'POST', ':path': '/shop.Cart/Get', te: 'trailers' };
  await ask2(session, { ...call, 'content-type': 'application/grpc' }, '');
  const answer = await ask2(session, { ':path': '/x', expect: 'everything' });
  assert.equal(answer.status, 417);
  await eventually(() => web.lines.length === 2, 'two lines');
  const [grpc, refused] = web.lines.map(parse);
  const names = ['protocol', 'path', 'status', 'grpcStatus', 'outcome'];
  assert.deepEqual(pick(grpc ?? {}, names), ['grpc', '/shop.Cart/Get', 200, 5, 'completed']);
  assert.deepEqual(pick(refused ?? {}, ['protocol', 'status', 'outcome', 'errorCode']), [
    ...['http2', 417, 'refused', 'unsupported-expectation'],
  ]);
});

for (const protocol of ['detect', 'tls'] as const) {
  test(`TLS of the application's own passes a ${protocol} port, and both sides tell its name`, async () => {
    const { web, cart } = await meshed('json');
    const { key, certificate } = ca.issueServer('db.shop.svc');
    const options = { key, cert: certificate, ALPNProtocols: ['echo'] };
    const server = createTlsServer(options, (socket) => {
      socket.on('error', () => {});
      socket.pipe(socket);
    });
    const port = await listen(server, cart.options.address);
    after(() => server.close());
    provide(web, cart, port, protocol);
    const client = connectTls({
      port: web.outbound.port,
      host: '127.0.0.1',
      servername: 'db.shop.svc',
      ALPNProtocols: ['echo'],
      rejectUnauthorized: false,
    });
    client.on('error', () => {});
    client.write('hello');
    let text = '';
    client.on('data', (bytes) => {
      text += bytes;
    });
    await eventually(() => text === 'hello');
    assert.equal(client.alpnProtocol, 'echo');
    client.destroy();
    for (const line of await bothLines(web, cart)) {
      const names = ['protocol', 'serverName', 'alpn'];
      assert.deepEqual(pick(line, names), ['tls', 'db.shop.svc', 'echo']);
    }
  });
}

test('the explicit proxy tells a CONNECT that it refused', async () => {
  const web = await pod('web', { accessLog: 'json', interception: 'explicit' });
  const call = new Call(web);
  call.socket.write('CONNECT 127.0.0.1:15000 HTTP/1.1\r\nHost: x\r\n\r\n');
  await eventually(() => web.lines.length === 1, 'a line');
  const line = parse(web.lines[0] ?? '');
  await eventually(() => call.text.length >= Number(line.bytesOut), 'the answer');
  const names = ['method', 'authority', 'status', 'errorCode', 'bytesOut'];
  assert.deepEqual(pick(line, names), [
    ...['CONNECT', '127.0.0.1:15000', 403, 'destination-not-allowed'],
    call.text.length,
  ]);
});

describe('a sidecar as a process', () => {
  interface Running {
    readonly sidecar: SidecarProcess;
    /** Of a listener that leads to a program. */
    readonly port: number;
  }

  /** A sidecar from a file, before one program. */
  async function started(
    file: object,
    environment: Readonly<Record<string, string>>,
    isRead = true,
  ): Promise<Running> {
    const app = await application('127.0.0.1');
    const [admin = 0, health = 0, port = 0] = await freePorts(3);
    const directory = mkdtempSync(join(tmpdir(), 'remora-access-log-'));
    const path = join(directory, 'sidecar.json');
    const address = `127.0.0.1:${port}`;
    const service = {
      ...{ namespace: 'shop', name: 'cart', addresses: ['10.96.0.10'] },
      ports: [{ port: 80, protocol: 'HTTP1' }],
    };
    const workload = { pod: 'cart-1', namespace: 'shop', workload: 'cart' };
    const ports = [{ servicePort: 80, targetPort: app.port }];
    const endpoint = { address: '127.0.0.1', ports, workload };
    const resources = [
      { name: 'service/shop/cart', service },
      {
        name: 'endpoints/shop/cart',
        endpoints: { service: 'shop/cart', endpoints: [endpoint] },
      },
    ];
    const listeners = { destinations: [{ address, service: 'shop/cart', port: 80 }] };
    writeFileSync(path, JSON.stringify({ listeners, resources, ...file }));
    const sidecar = new SidecarProcess(
      { admin, health },
      { REMORA_STATIC_CONFIG: path, ...environment },
      { isRead },
    );
    after(async () => {
      await sidecar[Symbol.asyncDispose]();
      rmSync(directory, { recursive: true, force: true });
    });
    await sidecar.ready();
    return { sidecar, port };
  }

  /** Sends so many requests on one connection, and waits for the answers. */
  async function ask(port: number, count: number, path = '/'): Promise<void> {
    const socket: Socket = connect(port, '127.0.0.1');
    let answers = 0;
    let text = '';
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1');
      const parts = text.split('HTTP/1.1 200 OK');
      answers += parts.length - 1;
      text = (parts.at(-1) ?? '').slice(-20);
    });
    socket.write(`GET ${path} HTTP/1.1\r\nHost: cart\r\n\r\n`.repeat(count));
    await until(() => answers === count, `${count} answers`, 60_000);
    socket.destroy();
  }

  const access = (sidecar: SidecarProcess): Fields[] =>
    sidecar.lines.filter(({ log }) => log === 'access');

  test('logs no requests unless it is told to', async () => {
    const { sidecar, port } = await started({}, {});
    await ask(port, 3);
    sidecar.kill('SIGTERM');
    await sidecar.exited();
    assert.equal(sidecar.lines.at(-1)?.msg, 'stopped');
    assert.deepEqual([access(sidecar), sidecar.texts], [[], []]);
  });

  test('logs as its environment says, to its last line', async () => {
    const variables = { REMORA_ACCESS_LOG: 'text', REMORA_ACCESS_LOG_QUERY: 'include' };
    const { sidecar, port } = await started({}, variables);
    await ask(port, 3, '/a?b=c');
    sidecar.kill('SIGTERM');
    await sidecar.exited();
    assert.equal(sidecar.lines.at(-1)?.msg, 'stopped');
    assert.deepEqual(
      sidecar.texts.map((line) => pick(parseTextLine(line), ['path', 'status', 'service'])),
      Array.from({ length: 3 }, () => ['/a?b=c', '200', 'shop/cart']),
    );
  });

  test('logs as its file says, whatever its environment says', async () => {
    const file = { accessLog: { format: 'json' } };
    const { sidecar, port } = await started(file, { REMORA_ACCESS_LOG: 'text' });
    await ask(port, 1);
    await until(() => access(sidecar).length === 1, 'the line');
    assert.deepEqual(sidecar.texts, []);
  });

  test('does not start with a format that nobody knows', async () => {
    const [admin = 0, health = 0] = await freePorts(2);
    await using sidecar = new SidecarProcess(
      { admin, health },
      { REMORA_STATIC_CONFIG: '/none', REMORA_ACCESS_LOG: 'xml', REMORA_ACCESS_LOG_QUERY: 'no' },
    );
    assert.equal(await sidecar.exited(), 1);
    const { error } = await sidecar.logged('start failed');
    assert.match(String(error), /REMORA_ACCESS_LOG must be one of off, text, json, and is "xml"/);
    assert.match(String(error), /REMORA_ACCESS_LOG_QUERY must be one of omit, include/);
  });

  test('serves on when nobody reads what it writes, and says afterwards what was lost', async () => {
    const path = `/${'long'.repeat(250)}`;
    const { sidecar, port } = await started({ accessLog: { format: 'json' } }, {}, false);
    const dropped = async (): Promise<number> => {
      const { body } = await sidecar.health('/metrics');
      return Number(/^remora_log_lines_dropped_total (\d+)$/m.exec(body)?.[1]);
    };
    let asked = 0;
    while ((await dropped()) === 0) {
      await ask(port, 500, path);
      asked += 500;
      assert.ok(asked < 20_000, 'nothing was dropped');
    }
    await ask(port, 500, path);
    const lost = await dropped();
    assert.ok(lost >= 500, `${lost}`);
    sidecar.read();
    const { lines } = await sidecar.logged('lines of the log were dropped');
    assert.equal(lines, lost);
    await ask(port, 1, '/after');
    await until(() => access(sidecar).at(-1)?.path === '/after', 'the newest line');
    // Those that came are whole.
    assert.equal(access(sidecar).length, asked + 501 - lost);
    assert.deepEqual(sidecar.texts, []);
  });
});
