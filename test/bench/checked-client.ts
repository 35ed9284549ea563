import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Setup } from './lab.ts';
import { GRPC_PATH, type Origin } from './origin.ts';

const TIMEOUT_MS = 10_000;
/** Between two requests of one checking connection. */
const PAUSE_MS = 20;

type Done = (error: Error | undefined) => void;

/** A client whose every response is compared with what the origin holds, byte by byte. */
interface CheckedClient {
  /** One at a time. */
  request(path: string, done: Done): void;
  close(): void;
}

/** HTTP/1.1 on one connection, which stays open. */
export class CheckedConnection implements CheckedClient {
  readonly #socket: Socket;
  readonly #origin: Origin;
  #received: Buffer[] = [];
  #expected: Buffer = Buffer.alloc(0);
  #done: Done | undefined;
  /** What stands before each path in the target. */
  readonly #base: string;
  readonly #host: string;

  /** @param authority asks an HTTP proxy at the port for this host */
  constructor(port: number, origin: Origin, authority?: string) {
    this.#origin = origin;
    this.#base = authority === undefined ? '' : `http://${authority}`;
    this.#host = authority ?? 'bench.demo';
    this.#socket = connect(port, '127.0.0.1').setNoDelay(true);
    this.#socket.setTimeout(TIMEOUT_MS);
    this.#socket.on('data', (chunk) => this.#onData(chunk));
    this.#socket.on('timeout', () => this.#socket.destroy(new Error('no answer in time')));
    this.#socket.on('error', (error) => this.#finish(error));
    this.#socket.on('close', () => this.#finish(new Error('connection closed without an answer')));
  }

  request(path: string, done: Done): void {
    if (this.#socket.destroyed) {
      done(new Error('connection closed'));
      return;
    }
    this.#expected = this.#origin.body(path);
    this.#done = done;
    this.#socket.write(`GET ${this.#base}${path} HTTP/1.1\r\nhost: ${this.#host}\r\n\r\n`);
  }

  close(): void {
    this.#done = undefined;
    this.#socket.destroy();
  }

  #onData(chunk: Buffer): void {
    this.#received.push(chunk);
    const bytes = this.#received.length === 1 ? chunk : Buffer.concat(this.#received);
    const headBytes = bytes.indexOf('\r\n\r\n') + 4;
    if (headBytes < 4) return;
    const head = bytes.toString('latin1', 0, headBytes);
    if (!/^HTTP\/1\.1 200 /.test(head)) {
      this.#wrong(`HTTP/1.1 200 was wanted, not ${head.slice(0, head.indexOf('\r'))}`);
      return;
    }
    const length = Number(/\r\ncontent-length: *(\d+)\r\n/i.exec(head)?.[1]);
    if (length !== this.#expected.length) {
      this.#wrong(`content-length ${this.#expected.length} was wanted, not ${length}`);
      return;
    }
    if (bytes.length < headBytes + length) return;
    const right = bytes.subarray(headBytes).equals(this.#expected);
    this.#received = [];
    if (right) this.#finish(undefined);
    else this.#wrong('the body is not what the origin sent');
  }

  #wrong(message: string): void {
    this.#finish(new Error(`wrong answer: ${message}`));
    this.#socket.destroy();
  }

  #finish(error: Error | undefined): void {
    const done = this.#done;
    this.#done = undefined;
    done?.(error);
  }
}

/** HTTP/2 with prior knowledge; gRPC where the path is the one of gRPC. */
class CheckedSession implements CheckedClient {
  readonly #session: ClientHttp2Session;
  readonly #origin: Origin;
  #error: Error | undefined;

  constructor(port: number, origin: Origin) {
    this.#origin = origin;
    this.#session = connectHttp2(`http://127.0.0.1:${port}`);
    this.#session.on('error', (error) => {
      this.#error = error;
    });
  }

  request(path: string, done: Done): void {
    const grpc = path === GRPC_PATH;
    if (this.#session.destroyed) {
      done(this.#error ?? new Error('connection closed'));
      return;
    }
    const stream = this.#session.request(
      grpc
        ? { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' }
        : { ':path': path },
    );
    const chunks: Buffer[] = [];
    let status: unknown;
    let grpcStatus: unknown;
    let failure: Error | undefined;
    stream.setTimeout(TIMEOUT_MS, () => stream.close());
    stream.on('response', (headers) => {
      status = headers[':status'];
    });
    stream.on('trailers', (trailers) => {
      grpcStatus = trailers['grpc-status'];
    });
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', (error) => {
      failure = error;
    });
    stream.on('close', () => {
      const right = Buffer.concat(chunks).equals(this.#origin.body(path));
      if (status !== 200 || !right || (grpc && grpcStatus !== '0')) {
        failure ??= new Error(
          `wrong answer: status ${status}, body ${right ? 'right' : 'wrong'}, grpc-status ${grpcStatus}`,
        );
      }
      done(failure);
    });
    stream.end(grpc ? Buffer.from([0, 0, 0, 0, 0]) : undefined);
  }

  close(): void {
    this.#session.destroy();
  }
}

/** Asks each path again and again, on a connection for each, while a load runs. */
export class Checker {
  readonly #loops: Promise<void>[];
  #stopped = false;
  /** Right answers so far, and the bytes of their bodies. */
  answers = 0;
  bytes = 0;

  constructor(port: number, protocol: Setup['protocol'], origin: Origin, paths: readonly string[]) {
    this.#loops = paths.map((path) => this.#loop(open(port, protocol, origin), path, origin));
    // Reported by stop().
    for (const loop of this.#loops) loop.catch(() => {});
  }

  /** @throws Error of the first wrong answer */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#loops);
  }

  async #loop(client: CheckedClient, path: string, origin: Origin): Promise<void> {
    try {
      do {
        await answer(client, path);
        this.answers += 1;
        this.bytes += origin.body(path).length;
        await delay(PAUSE_MS);
      } while (!this.#stopped);
    } finally {
      client.close();
    }
  }
}

/** @throws Error unless the answer is right */
export async function checkOnce(
  port: number,
  protocol: Setup['protocol'],
  origin: Origin,
): Promise<void> {
  const client = open(port, protocol, origin);
  try {
    await answer(client, protocol === 'grpc' ? GRPC_PATH : '/1k');
  } finally {
    client.close();
  }
}

function open(port: number, protocol: Setup['protocol'], origin: Origin): CheckedClient {
  return protocol === 'h2c' || protocol === 'grpc'
    ? new CheckedSession(port, origin)
    : new CheckedConnection(port, origin);
}

async function answer(client: CheckedClient, path: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    client.request(path, (error) => (error === undefined ? resolve() : reject(error)));
  });
}

/**
 * So many requests for `/1k`, over connections of which each has one under way.
 *
 * @param authority of the host that an HTTP proxy at the port is asked for
 * @throws Error of the first wrong answer
 */
export async function askOften(
  origin: Origin,
  options: { port: number; authority?: string; connections: number; requests: number },
): Promise<void> {
  const { port, authority, connections, requests } = options;
  let left = requests;
  const loop = async (): Promise<void> => {
    const client = new CheckedConnection(port, origin, authority);
    try {
      while (left-- > 0) await answer(client, '/1k');
    } finally {
      client.close();
    }
  };
  await Promise.all(Array.from({ length: Math.min(connections, requests) }, loop));
}
