import assert from 'node:assert/strict';
import { ManualClock } from '../../../runtime/clock.ts';
import { silentLog } from '../../../runtime/log.ts';
import { directTarget } from '../../../sidecar/compile.ts';
import { serveHttp1 } from '../../../sidecar/http1/serve.ts';
import { type TrafficObserver, UNKNOWN_PARTY } from '../../../sidecar/telemetry/types.ts';
import type { Cluster, UpstreamConnection } from '../../../sidecar/upstream/types.ts';
import { MemoryTransport } from '../memory-transport.ts';
import { cut } from '../mutate.ts';
import type { FuzzTarget } from '../target.ts';
import { type ReferenceRequest, readRequest } from './reference.ts';

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');

const GET = 'GET /a HTTP/1.1\r\nHost: cart\r\n\r\n';
const POST = 'POST /b HTTP/1.1\r\nHost: cart\r\nContent-Length: 5\r\n\r\nabcde';
const CHUNKS = 'POST /c HTTP/1.1\r\nHost: cart\r\nTransfer-Encoding: chunked\r\n\r\n';

/** Nothing here ends without an end. */
const MAX_STEPS = 100_000;

/**
 * A whole connection through the engine, with an application behind it: what it
 * reads must be what another reader finds in the client's bytes, request by request,
 * and each answer must come to its request.
 */
export const connection: FuzzTarget = {
  name: 'connection',
  seeds: [
    GET + GET,
    POST + GET,
    `${CHUNKS}5\r\nabcde\r\n0\r\n\r\n${GET}`,
    `${CHUNKS}5;a=b\r\nabcde\r\n0\r\nX: y\r\n\r\n${POST}\r\n${GET}`,
    `HEAD / HTTP/1.1\r\nHost: cart\r\n\r\n${GET}`,
    `POST / HTTP/1.1\r\nHost: cart\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nabcde${GET}`,
    `GET / HTTP/1.1\r\nHost: cart\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n${GET}`,
    `GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n${GET}`,
    `POST / HTTP/1.1\r\nHost: cart\r\nContent-Length: ${GET.length}\r\n\r\n${GET}${GET}`,
    `GET / HTTP/1.1\r\nHost: cart\r\nConnection: close\r\n\r\n${GET}`,
  ].map(latin1),
  tokens: [
    ...[GET, POST, CHUNKS, '0\r\n\r\n', '5\r\nabcde\r\n', '\r\n', '\n', '\r', '\r\n\r\n', '\r\n '],
    ...['Content-Length: 5\r\n', 'Transfer-Encoding: chunked\r\n', 'Content-Length: 0\r\n', '\0'],
    ...['Connection: close\r\n', 'Transfer-Encoding : chunked\r\n', 'content_length: 9\r\n', ';\n'],
    ...['Host: cart\r\n', 'HTTP/1.0', 'Expect: 100-continue\r\n', ': ', ' ', '%2f', 'chunked'],
  ].map(latin1),
  run(bytes, random) {
    const whole = exchange([Buffer.from(bytes)]);
    const pieces = exchange(cut(bytes, random));
    // How chunks are cut may differ, and with it the length.
    const read = ({ requests }: Run) => requests.map(({ method, body }) => [method, body]);
    assert.deepEqual(read(pieces), read(whole), 'what the application read, in pieces');
    for (const run of [whole, pieces]) {
      checkRequests(bytes, run.requests);
      checkAnswers(run);
    }
    const refusal = whole.answers.find(({ code }) => code !== '')?.code ?? '';
    return `${Math.min(whole.requests.length, 4)} ${refusal}`;
  },
};

interface Run {
  /** In the order in which the application read them whole. */
  readonly requests: readonly ReferenceRequest[];
  readonly answers: readonly Answer[];
  /** What came to the client and is no answer. */
  readonly rest: string;
  /** The connection is over. */
  readonly over: boolean;
}

interface Answer {
  /** Which of the application's it is; -1 for one of the sidecar. */
  readonly index: number;
  readonly code: string;
}

function exchange(pieces: readonly Buffer[]): Run {
  const application = new Application();
  const client = new MemoryTransport();
  const cluster = new MemoryCluster(application);
  const target = directTarget({
    direction: 'inbound',
    authority: 'cart',
    destination: UNKNOWN_PARTY,
    cluster,
    accessLogged: false,
  });
  serveHttp1(client, undefined, {
    direction: 'inbound',
    source: UNKNOWN_PARTY,
    mutualTls: false,
    observer: SILENT,
    clock: new ManualClock(),
    log: silentLog(),
    resolve: () => target,
  });
  client.send(...pieces);
  client.sendEnd();
  for (let steps = 0; client.pump() || application.pump(); steps++) assert.ok(steps < MAX_STEPS);
  const { answers, rest } = readAnswers(client.written);
  return { requests: application.requests, answers, rest, over: client.ended || client.destroyed };
}

/** Reads whole requests from its connections, and answers each with its number. */
class Application {
  readonly requests: ReferenceRequest[] = [];
  readonly #connections: { readonly transport: MemoryTransport; read: number }[] = [];

  connect(): MemoryTransport {
    const transport = new MemoryTransport();
    this.#connections.push({ transport, read: 0 });
    return transport;
  }

  pump(): boolean {
    return this.#connections.some((one) => this.#answer(one) || one.transport.pump());
  }

  #answer(one: { readonly transport: MemoryTransport; read: number }): boolean {
    const request = readRequest(one.transport.written.slice(one.read));
    if (request === undefined || one.transport.destroyed) return false;
    one.read += request.length;
    const head = `HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Number: ${this.requests.length}\r\n\r\n`;
    this.requests.push(request);
    one.transport.send(latin1(head));
    return true;
  }
}

/** One endpoint, whose connections are used again. */
class MemoryCluster implements Cluster {
  readonly name = 'memory';
  readonly #application: Application;
  readonly #idle: MemoryTransport[] = [];

  constructor(application: Application) {
    this.#application = application;
  }

  acquire(
    _request: Parameters<Cluster['acquire']>[0],
    waiter: Parameters<Cluster['acquire']>[1],
  ): ReturnType<Cluster['acquire']> {
    const transport = this.#idle.pop() ?? this.#application.connect();
    const loan: UpstreamConnection = {
      transport,
      endpoint: ENDPOINT,
      port: 80,
      reused: false,
      mutualTls: false,
      identity: undefined,
      responded: () => {},
      report: () => {},
      share: () => transport.destroy(),
      release: (reusable) => {
        if (reusable) this.#idle.push(transport);
        else transport.destroy();
      },
    };
    waiter.onConnection(loan);
    return { cancel: () => {} };
  }

  acquireStream(): never {
    throw new Error('nobody speaks HTTP/2 here');
  }

  hasUntried(): boolean {
    return false;
  }
}

/** Each is one that another reader finds at the same place in the client's bytes. */
function checkRequests(bytes: Buffer, requests: readonly ReferenceRequest[]): void {
  const text = bytes.toString('latin1');
  let at = 0;
  for (const { method, body } of requests) {
    const reference = readRequest(text.slice(at));
    assert.ok(reference !== undefined, 'the application read more than the client sent');
    assert.deepEqual([method, body], [reference.method, reference.body]);
    at += reference.length;
  }
}

/** Answers in order, at most one refusal, and that at the end. */
function checkAnswers({ requests, answers, rest, over }: Run): void {
  assert.equal(rest, '', 'bytes that are no answer');
  assert.ok(over, 'the client has ended, and the connection goes on');
  const refusals = answers.filter(({ index }) => index < 0);
  assert.ok(refusals.length <= 1 && (refusals.length === 0 || answers.at(-1) === refusals[0]));
  const numbers = answers.filter(({ index }) => index >= 0).map(({ index }) => index);
  assert.deepEqual(numbers, [...numbers.keys()], 'answers in order');
  assert.ok(numbers.length <= requests.length);
}

const ANSWER = /^HTTP\/1\.1 (\d{3}) [^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n/;

function readAnswers(text: string): { answers: Answer[]; rest: string } {
  const answers: Answer[] = [];
  let rest = text;
  for (;;) {
    const match = ANSWER.exec(rest);
    if (match === null) return { answers, rest };
    const fields = match[2] ?? '';
    const code = /^x-remora-error: (.*)\r$/m.exec(fields)?.[1] ?? '';
    const length = Number(/^content-length: (\d+)\r$/im.exec(fields)?.[1]);
    const index = code === '' ? Number(/^X-Number: (\d+)\r$/m.exec(fields)?.[1]) : -1;
    answers.push({ index, code });
    const after = rest.slice(match[0].length);
    // A refusal of HEAD has no body, and is the last.
    rest = code !== '' && after === '' ? '' : after.slice(length);
  }
}

const SILENT: TrafficObserver = {
  requestFinished: () => {},
  connectionOpened: () => {},
  connectionClosed: () => {},
  retried: () => {},
  hedged: () => {},
  limitReached: () => {},
  faultInjected: () => {},
  rateLimitStoreFailed: () => {},
  refused: () => {},
  ejected: () => {},
  restored: () => {},
};

const ENDPOINT: UpstreamConnection['endpoint'] = {
  address: '127.0.0.1',
  ports: new Map(),
  workload: {
    address: '127.0.0.1',
    pod: 'cart-1',
    namespace: 'shop',
    workload: 'cart',
    serviceAccount: 'cart',
    node: '',
    zone: '',
    trunkPort: 0,
  },
};
