/**
 * The smallest server over the codec, for h2spec to test: answers each request with a
 * few bytes.
 *
 * `node test/http2/h2spec-server.ts [--tls]` prints the port that it listens on.
 */
import { createServer, type Socket } from 'node:net';
import { systemClock } from '../../runtime/clock.ts';
import { createHttp2Connection } from '../../sidecar/http2/connection.ts';
import { headerField } from '../../sidecar/http2/header-field.ts';
import type { Http2Stream, StreamHandler } from '../../sidecar/http2/types.ts';
import { SocketTransport } from '../../sidecar/socket-transport.ts';
import { listen } from '../fakes/connections.ts';

const BODY = Buffer.from('served by remora\n');
const HEAD = [
  headerField(':status', '200'),
  headerField('content-type', 'text/plain'),
  headerField('content-length', String(BODY.length)),
];

class Answer implements StreamHandler {
  readonly #stream: Http2Stream;

  constructor(stream: Http2Stream, endStream: boolean) {
    this.#stream = stream;
    if (endStream) this.#answer();
  }

  onHeaders(): void {
    this.#answer();
  }

  onData(bytes: Buffer, endStream: boolean): void {
    this.#stream.consumed(bytes.length);
    if (endStream) this.#answer();
  }

  onWritable(): void {}

  onClose(): void {}

  #answer(): void {
    this.#stream.sendHeaders(HEAD, false);
    this.#stream.sendData(BODY, true);
  }
}

function serve(socket: Socket): void {
  const peer = { address: '127.0.0.1', port: 1, identity: undefined, workload: undefined };
  createHttp2Connection(
    new SocketTransport(socket, peer),
    'server',
    { clock: systemClock },
    {
      onStream: (stream, _fields, endStream) => new Answer(stream, endStream),
      onClose: () => {},
    },
  );
}

const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, serve);
console.log(await listen(server));
