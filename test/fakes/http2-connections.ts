import { connect, createServer, type Server, type Socket } from 'node:net';
import { systemClock } from '../../runtime/clock.ts';
import { createHttp2Connection, type Http2Options } from '../../sidecar/http2/connection.ts';
import type { HeaderField } from '../../sidecar/http2/header-field.ts';
import type {
  ConnectionHandler,
  Http2Connection,
  Http2Stream,
  StreamEnd,
  StreamHandler,
} from '../../sidecar/http2/types.ts';
import { SocketTransport } from '../../sidecar/socket-transport.ts';
import type { Peer } from '../../sidecar/transport.ts';

const PEER: Peer = { address: '127.0.0.1', port: 1, identity: undefined, workload: undefined };

/** A stream's handler that keeps all it is told. */
export class RecordedStream implements StreamHandler {
  readonly heads: (readonly HeaderField[])[] = [];
  readonly chunks: Buffer[] = [];
  writable = 0;
  remoteEnded = false;
  stream: Http2Stream | undefined;
  /** Whether data is taken to have moved on at once. */
  consumes = true;
  readonly #end: PromiseWithResolvers<StreamEnd> = Promise.withResolvers();
  end: StreamEnd | undefined;

  get ended(): Promise<StreamEnd> {
    return this.#end.promise;
  }

  get body(): Buffer {
    return Buffer.concat(this.chunks);
  }

  onHeaders(fields: readonly HeaderField[], endStream: boolean): void {
    this.heads.push(fields);
    this.remoteEnded ||= endStream;
  }

  onData(bytes: Buffer, endStream: boolean): void {
    this.chunks.push(bytes);
    this.remoteEnded ||= endStream;
    if (this.consumes) this.stream?.consumed(bytes.length);
  }

  onWritable(): void {
    this.writable += 1;
  }

  onClose(end: StreamEnd): void {
    if (this.end !== undefined) throw new Error('a stream was told its end twice');
    this.end = end;
    this.#end.resolve(end);
  }
}

/** A server of our own on each accepted socket. */
export function serveHttp2(
  handlerOf: (connection: () => Http2Connection) => ConnectionHandler,
  options: Partial<Http2Options> = {},
): Server {
  return createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (socket) => {
    const connection: Http2Connection = createHttp2Connection(
      new SocketTransport(socket, PEER),
      'server',
      { clock: systemClock, ...options },
      handlerOf(() => connection),
    );
  });
}

/** A client of our own on a new socket. */
export function connectHttp2(
  port: number,
  handler: ConnectionHandler,
  options: Partial<Http2Options> = {},
): { connection: Http2Connection; socket: Socket } {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
  const transport = new SocketTransport(socket, PEER);
  const connection = createHttp2Connection(
    transport,
    'client',
    { clock: systemClock, ...options },
    handler,
  );
  return { connection, socket };
}

/** Answers each request with status 200, the request's body, and a trailer. */
export class EchoStream implements StreamHandler {
  readonly #stream: Http2Stream;
  readonly #trailers: readonly HeaderField[];
  #waiting = 0;

  constructor(
    stream: Http2Stream,
    head: readonly HeaderField[],
    trailers: readonly HeaderField[],
    endStream: boolean,
  ) {
    this.#stream = stream;
    this.#trailers = trailers;
    stream.sendHeaders(head, false);
    if (endStream) stream.sendHeaders(trailers, true);
  }

  onHeaders(): void {
    this.#stream.sendHeaders(this.#trailers, true);
  }

  onData(bytes: Buffer, endStream: boolean): void {
    if (bytes.length > 0) {
      this.#waiting += bytes.length;
      if (this.#stream.sendData(bytes, false)) this.onWritable();
    }
    if (endStream) this.#stream.sendHeaders(this.#trailers, true);
  }

  onWritable(): void {
    this.#stream.consumed(this.#waiting);
    this.#waiting = 0;
  }

  onClose(): void {}
}
