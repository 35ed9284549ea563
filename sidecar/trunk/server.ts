import {
  createSecureServer,
  type Http2SecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../../runtime/clock.ts';
import { describeError, MeshError } from '../../runtime/errors.ts';
import type { Log } from '../../runtime/log.ts';
import type { CredentialSource } from '../identity/types.ts';
import { SocketTransport } from '../socket-transport.ts';
import type { OwnedTransport, Peer } from '../transport.ts';
import { identityOf, type MeshIdentity } from './identity.ts';
import { Liveness } from './liveness.ts';
import {
  CONNECTION_WINDOW_BYTES,
  ERROR_HEADER,
  HANDSHAKE_TIMEOUT_MS,
  parseAuthority,
  parseSource,
  SESSION_OPTIONS,
  SOURCE_HEADER,
} from './protocol.ts';
import type { TrunkStream } from './types.ts';

export interface TrunkServerOptions {
  readonly credentials: CredentialSource;
  readonly clock: Clock;
  readonly log: Log;
  readonly onStream: (stream: TrunkStream) => void;
}

/**
 * A connection of the application that breaks is a reset stream, so a busy peer
 * makes many of them; the usual limit of 33 a second would cut all its streams.
 */
const RESET_BURST = 10_000;
const RESETS_PER_SECOND = 1_000;

/**
 * The accepting side of the trunk: takes sockets, proves who is at the other end,
 * and hands out the streams that the peer opens. It does not listen by itself.
 */
export class TrunkServer {
  readonly #options: TrunkServerOptions;
  readonly #server: Http2SecureServer;
  /** Each with its socket, because a session is only as destroyed as its peer lets it be. */
  readonly #sessions = new Map<ServerHttp2Session, TLSSocket>();
  /** Of the session that is being told. */
  #secured: TLSSocket | undefined;
  #draining = false;

  constructor(options: TrunkServerOptions) {
    this.#options = options;
    this.#server = createSecureServer({
      ...SESSION_OPTIONS,
      minVersion: 'TLSv1.3',
      requestCert: true,
      rejectUnauthorized: true,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      streamResetBurst: RESET_BURST,
      streamResetRate: RESETS_PER_SECOND,
      allowHTTP1: false,
      unknownProtocolTimeout: 0,
      // The certificate of the moment, for each connection anew. A client that
      // names no server gets none, and fails.
      SNICallback: (_name, callback) => this.#chooseContext(callback),
    });
    // Before the server's own listener, which makes the session and tells it at once.
    this.#server.prependListener('secureConnection', (socket: TLSSocket) => {
      this.#secured = socket;
    });
    this.#server.on('session', (session) => this.#onSession(session));
    this.#server.on('tlsClientError', (error, socket) => {
      const peer = socket.remoteAddress;
      options.log.info({ peer, error: describeError(error) }, 'trunk handshake failed');
    });
    this.#server.on('sessionError', () => {});
  }

  /** Streams are told by `onStream`. */
  accept(socket: Socket): void {
    if (this.#draining) socket.destroy();
    else this.#server.emit('connection', socket);
  }

  get connections(): number {
    return this.#sessions.size;
  }

  /** Peers open no new streams here (GOAWAY); returns when the last one ended, or the signal cut them. */
  async close(signal: AbortSignal): Promise<void> {
    this.#draining = true;
    const sessions = [...this.#sessions];
    const cut = (): void => {
      for (const [, socket] of sessions) socket.destroy();
    };
    signal.addEventListener('abort', cut, { once: true });
    const ends = sessions.map(
      ([session]) =>
        new Promise<void>((resolve) => {
          session.once('close', () => resolve());
          session.close();
        }),
    );
    if (signal.aborted) cut();
    await Promise.all(ends);
    signal.removeEventListener('abort', cut);
  }

  #chooseContext(callback: Parameters<NonNullable<SniCallback>>[1]): void {
    try {
      const credentials = this.#options.credentials.current;
      if (credentials === undefined) callback(new Error('this sidecar has no certificate yet'));
      else callback(null, credentials.secureContext);
    } catch (error) {
      callback(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #onSession(session: ServerHttp2Session): void {
    session.on('error', () => {});
    const socket = this.#secured;
    if (socket === undefined) return;
    this.#secured = undefined;
    const address = socket.remoteAddress ?? '';
    const port = socket.remotePort ?? 0;
    let identity: MeshIdentity;
    try {
      const trustDomain = this.#options.credentials.current?.trustDomain ?? '';
      identity = identityOf(socket.getPeerX509Certificate(), trustDomain);
    } catch (error) {
      this.#options.log.warn({ peer: address, error: describeError(error) }, 'trunk peer refused');
      socket.destroy();
      return;
    }
    this.#sessions.set(session, socket);
    session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
    let streams = 0;
    const liveness = {
      session,
      clock: this.#options.clock,
      streams: () => streams,
      onIdle: () => session.close(),
      onDead: (error: MeshError) => socket.destroy(error),
    };
    new Liveness(liveness);
    session.on('stream', (stream, headers) => {
      streams += 1;
      stream.once('close', () => {
        streams -= 1;
      });
      stream.on('error', () => {});
      this.#onStream(stream, headers, identity, { address, port });
    });
    session.once('close', () => this.#sessions.delete(session));
  }

  #onStream(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    identity: MeshIdentity,
    from: { address: string; port: number },
  ): void {
    const destination = parseAuthority(headers[':authority']);
    if (headers[':method'] !== 'CONNECT' || destination === undefined) {
      refuse(stream, 400, 'bad-trunk-request');
      return;
    }
    const workload = parseSource(headers[SOURCE_HEADER]);
    if (workload === undefined || workload.namespace !== identity.namespace) {
      refuse(stream, 403, 'source-mismatch');
      return;
    }
    const peer: Peer = { ...from, identity: identity.id, workload };
    const inbound: TrunkStream & { onAbort: (() => void) | undefined } = {
      destination,
      peer,
      onAbort: undefined,
      accept: () => accept(stream, peer),
      refuse: (code) => refuse(stream, 503, code),
    };
    stream.once('close', () => inbound.onAbort?.());
    this.#options.onStream(inbound);
  }
}

type SniCallback = (
  name: string,
  callback: (error: Error | null, context?: import('node:tls').SecureContext) => void,
) => void;

function accept(stream: ServerHttp2Stream, peer: Peer): OwnedTransport {
  const transport = new SocketTransport(stream, peer);
  if (stream.destroyed || stream.closed) {
    transport.destroy(new MeshError('connection-reset', 'the opener went away'));
  } else {
    stream.respond({ ':status': 200 });
  }
  return transport;
}

function refuse(stream: ServerHttp2Stream, status: number, code: string): void {
  if (stream.destroyed || stream.closed || stream.headersSent) return;
  stream.respond({ ':status': status, [ERROR_HEADER]: code }, { endStream: true });
}
