import type { Server } from 'node:net';
import type { HeaderField } from '../../sidecar/http2/header-field.ts';
import type {
  Http2Connection,
  Http2Stream,
  StreamEnd,
  StreamHandler,
} from '../../sidecar/http2/types.ts';
import { connectHttp2, serveHttp2 } from './http2-connections.ts';

const CANCEL = 8;

/** One direction: what comes on one stream goes out on the other. */
class Half implements StreamHandler {
  /** Where what comes is credited, and where it goes. */
  readonly #from: () => Http2Stream | undefined;
  readonly #to: () => Http2Stream | undefined;
  readonly #back: () => Half;
  #waiting = 0;

  constructor(
    from: () => Http2Stream | undefined,
    to: () => Http2Stream | undefined,
    back: () => Half,
  ) {
    this.#from = from;
    this.#to = to;
    this.#back = back;
  }

  onHeaders(fields: readonly HeaderField[], endStream: boolean): void {
    this.#to()?.sendHeaders(fields, endStream);
  }

  onData(bytes: Buffer, endStream: boolean): void {
    this.#waiting += bytes.length;
    if (this.#to()?.sendData(bytes, endStream) !== false) this.moved();
  }

  /** Our own stream takes more: what came on the other has moved on. */
  onWritable(): void {
    this.#back().moved();
  }

  moved(): void {
    this.#from()?.consumed(this.#waiting);
    this.#waiting = 0;
  }

  onClose(end: StreamEnd): void {
    if (end.kind !== 'complete') this.#to()?.reset(end.kind === 'reset' ? end.code : CANCEL);
  }
}

/** A proxy that is nothing but the codec, from any client to one server. */
export function relayHttp2(port: number): { server: Server; close: () => void } {
  let upstream: Http2Connection | undefined;
  const connect = (): Http2Connection => {
    if (upstream?.available) return upstream;
    const { connection } = connectHttp2(port, { onClose: () => {} });
    upstream = connection;
    return connection;
  };
  const server = serveHttp2(() => ({
    onStream: (client, fields, endStream) => {
      let origin: Http2Stream | undefined;
      const up: Half = new Half(
        () => client,
        () => origin,
        () => down,
      );
      const down: Half = new Half(
        () => origin,
        () => client,
        () => up,
      );
      origin = connect().open(fields, endStream, down);
      return up;
    },
    onClose: () => {},
  }));
  return {
    server,
    close: () => {
      server.close();
      upstream?.destroy();
    },
  };
}
