import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { systemClock } from '../../runtime/clock.ts';
import { createHttp2Connection } from '../../sidecar/http2/connection.ts';
import { headerField } from '../../sidecar/http2/header-field.ts';
import type { Http2Stream, StreamHandler } from '../../sidecar/http2/types.ts';
import { SocketTransport } from '../../sidecar/socket-transport.ts';
import type { Peer } from '../../sidecar/transport.ts';
import { TestAuthority } from '../fakes/certificates.ts';

const BODY = Buffer.from('served by remora\n');
const HEAD = [
  headerField(':status', '200'),
  headerField('content-type', 'text/plain'),
  headerField('content-length', String(BODY.length)),
];

const PEER: Peer = { address: '127.0.0.1', port: 1, identity: undefined, workload: undefined };

/** The smallest server over the codec: answers each request with a few bytes, when it is whole. */
export function createH2specServer(tls: boolean): Server {
  const options = { allowHalfOpen: true, pauseOnConnect: true, noDelay: true };
  if (!tls) return createServer(options, serve);
  const { key, certificate } = new TestAuthority().issueServer('localhost');
  return createTlsServer({ ...options, key, cert: certificate, ALPNProtocols: ['h2'] }, serve);
}

function serve(socket: Socket): void {
  createHttp2Connection(
    new SocketTransport(socket, PEER),
    'server',
    { clock: systemClock },
    {
      onStream: (stream, _fields, endStream) => new Answer(stream, endStream),
      onClose: () => {},
    },
  );
}

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
