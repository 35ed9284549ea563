import type { TLSSocket } from 'node:tls';
import { MeshError } from '../../runtime/errors.ts';
import { createHttp2Connection } from '../http2/connection.ts';
import { Account } from '../http2/flood-limits.ts';
import { type HeaderField, headerField } from '../http2/header-field.ts';
import type {
  ConnectionHandler,
  Http2Connection,
  Http2Stream,
  StreamHandler,
} from '../http2/types.ts';
import { SocketTransport } from '../socket-transport.ts';
import type { OwnedTransport, Peer } from '../transport.ts';
import { withoutOurs } from './http2-requests.ts';
import { Http2Servers } from './http2-servers.ts';
import type { MeshIdentity } from './identity.ts';
import { Liveness } from './liveness.ts';
import {
  DESTINATION_HEADER,
  ERROR_HEADER,
  parseAuthority,
  parseSource,
  SERVER_OPTIONS,
  SOURCE_HEADER,
  STRANGE_STREAMS,
} from './protocol.ts';
import type { TrunkServerOptions } from './server.ts';
import { StreamTransport } from './stream-transport.ts';
import type { TrunkStream } from './types.ts';

const OK: readonly HeaderField[] = [headerField(':status', '200')];
const NOTHING: Buffer = Buffer.alloc(0);

/** Takes a stream that was refused, until its opener has ended it too. */
const REFUSED: StreamHandler = { onHeaders() {}, onData() {}, onWritable() {}, onClose() {} };

/** One connection of a peer that has proven who it is. */
export class ServerSession implements ConnectionHandler {
  readonly #socket: TLSSocket;
  readonly #identity: MeshIdentity;
  readonly #options: TrunkServerOptions;
  readonly #onEnded: () => void;
  readonly #connection: Http2Connection;
  readonly #liveness: Liveness;
  readonly #requests: Http2Servers;
  readonly #strange: Account;
  /** Who the last stream said that it comes from: the same as the next one, almost always. */
  #source = '';
  #peer: Peer | undefined;

  constructor(
    socket: TLSSocket,
    identity: MeshIdentity,
    options: TrunkServerOptions,
    onEnded: () => void,
  ) {
    const address = socket.remoteAddress ?? '';
    const port = socket.remotePort ?? 0;
    const peer = { address, port, identity: identity.id, workload: undefined };
    // What is said in one turn leaves in one write already.
    socket.setNoDelay(true);
    this.#socket = socket;
    this.#identity = identity;
    this.#options = options;
    this.#onEnded = onEnded;
    this.#requests = new Http2Servers(options.onHttp2);
    const what = 'asks for too much that is not the application';
    this.#strange = new Account(what, STRANGE_STREAMS, options.clock);
    const transport = new SocketTransport(socket, peer);
    const http2 = { clock: options.clock, ...SERVER_OPTIONS };
    const connection = createHttp2Connection(transport, 'server', http2, this);
    this.#connection = connection;
    this.#liveness = new Liveness({
      connection,
      clock: options.clock,
      onIdle: () => connection.drain(),
      onDead: (error) => this.#cut(error),
    });
  }

  /** GOAWAY; returns when the last stream ended, or the signal cut them. */
  async close(signal: AbortSignal): Promise<void> {
    if (this.#socket.closed) return;
    const cut = (): void => this.#cut(new MeshError('draining', 'the sidecar is stopping'));
    const closed = new Promise<void>((resolve) => this.#socket.once('close', () => resolve()));
    this.#connection.drain();
    if (signal.aborted) cut();
    signal.addEventListener('abort', cut, { once: true });
    await closed;
    signal.removeEventListener('abort', cut);
  }

  // From the connection.

  onStream(stream: Http2Stream, fields: readonly HeaderField[], endStream: boolean): StreamHandler {
    const source = fieldValue(fields, SOURCE_HEADER) ?? '';
    const peer = this.#peerOf(source);
    if (peer === undefined) return this.#refuse(stream, '503', 'source-mismatch');
    const target = fieldValue(fields, DESTINATION_HEADER);
    if (target !== undefined) {
      const server = this.#requests.serverOf(peer, target);
      if (server instanceof MeshError) {
        const status = server.code === 'bad-trunk-request' ? '400' : '503';
        return this.#refuse(stream, status, server.code);
      }
      return server.onStream(stream, withoutOurs(fields), endStream);
    }
    const destination = parseAuthority(fieldValue(fields, ':authority'));
    if (fieldValue(fields, ':method') !== 'CONNECT' || destination === undefined) {
      return this.#refuse(stream, '400', 'bad-trunk-request');
    }
    const transport = new StreamTransport(peer);
    transport.ride(stream, undefined);
    if (endStream) transport.onData(NOTHING, true);
    let refused = false;
    const inbound: TrunkStream & { onAbort: (() => void) | undefined } = {
      destination,
      peer,
      onAbort: undefined,
      accept: () => accept(stream, transport),
      refuse: (code) => {
        refused = true;
        if (!stream.closed) refuse(stream, '503', code);
      },
    };
    transport.onClosed = () => inbound.onAbort?.();
    this.#options.onStream(inbound);
    // What cannot be reached is refused later.
    if (refused) this.#strange.charge();
    return transport;
  }

  onClose(): void {
    this.#liveness.stop();
    this.#requests.close();
    this.#onEnded();
  }

  /** @throws ConnectionError when there are too many of them */
  #refuse(stream: Http2Stream, status: string, code: string): StreamHandler {
    this.#strange.charge();
    return refuse(stream, status, code);
  }

  /** Undefined when the peer claims to be somebody else. */
  #peerOf(source: string): Peer | undefined {
    if (this.#peer !== undefined && source === this.#source) return this.#peer;
    const workload = parseSource(source);
    if (workload === undefined || workload.namespace !== this.#identity.namespace) return undefined;
    const { remoteAddress: address = '', remotePort: port = 0 } = this.#socket;
    this.#source = source;
    this.#peer = { address, port, identity: this.#identity.id, workload };
    return this.#peer;
  }

  /** The socket too: it may be that the peer reads nothing any more. */
  #cut(error: MeshError): void {
    this.#connection.destroy(error);
    this.#socket.destroy();
  }
}

function accept(stream: Http2Stream, transport: StreamTransport): OwnedTransport {
  transport.onClosed = undefined;
  if (!stream.closed) stream.sendHeaders(OK, false);
  return transport;
}

function refuse(stream: Http2Stream, status: string, code: string): StreamHandler {
  stream.sendHeaders([headerField(':status', status), headerField(ERROR_HEADER, code)], true);
  return REFUSED;
}

function fieldValue(fields: readonly HeaderField[], name: string): string | undefined {
  for (const field of fields) if (field.name === name) return field.value;
  return undefined;
}
