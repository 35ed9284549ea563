import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import type { Clock } from '../../runtime/clock.ts';
import { describeError } from '../../runtime/errors.ts';
import type { Log } from '../../runtime/log.ts';
import type { CredentialSource } from '../identity/types.ts';
import { identityOf, type MeshIdentity } from './identity.ts';
import { HANDSHAKE_TIMEOUT_MS } from './protocol.ts';
import { ServerSession } from './server-session.ts';
import type { TrunkRequestHandler, TrunkStream } from './types.ts';

/** Each handshake costs about a millisecond, so more at a time only make all of them late. */
const MAX_HANDSHAKES = 512;
/** A peer has one connection, sometimes two. */
const MAX_CONNECTIONS = 8_192;

export interface TrunkServerOptions {
  readonly credentials: CredentialSource;
  readonly clock: Clock;
  readonly log: Log;
  readonly onStream: (stream: TrunkStream) => void;
  /** Takes HTTP/2 requests that come as streams of the trunk; without it they are refused. */
  readonly onRequest?: TrunkRequestHandler | undefined;
  readonly maxHandshakes?: number;
  readonly maxConnections?: number;
}

/**
 * The accepting side of the trunk: takes sockets, proves who is at the other end,
 * and hands out the streams that the peer opens. It does not listen by itself.
 */
export class TrunkServer {
  readonly #options: TrunkServerOptions;
  readonly #server: Server;
  /** Sockets that are not trusted yet, by the peer's address and port. */
  readonly #handshakes = new Map<string, Socket>();
  readonly #sessions = new Set<ServerSession>();
  #draining = false;

  constructor(options: TrunkServerOptions) {
    this.#options = options;
    this.#server = createServer({
      minVersion: 'TLSv1.3',
      requestCert: true,
      rejectUnauthorized: true,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      ALPNProtocols: ['h2'],
      // The certificate of the moment, for each connection anew. A client that
      // names no server gets none, and fails.
      SNICallback: (_name, callback) => this.#chooseContext(callback),
    });
    this.#server.on('secureConnection', (socket) => this.#onSecure(socket));
    this.#server.on('tlsClientError', (error, socket) => {
      const peer = socket.remoteAddress;
      options.log.info({ peer, error: describeError(error) }, 'trunk handshake failed');
      socket.destroy();
    });
  }

  /** Streams are told by `onStream`. */
  accept(socket: Socket): void {
    const { maxHandshakes = MAX_HANDSHAKES, maxConnections = MAX_CONNECTIONS } = this.#options;
    const full =
      this.#handshakes.size >= maxHandshakes ||
      this.#handshakes.size + this.#sessions.size >= maxConnections;
    if (this.#draining || full) {
      if (full) this.#options.log.warn({ peer: socket.remoteAddress }, 'trunk is full');
      socket.destroy();
      return;
    }
    const peer = peerKey(socket);
    this.#handshakes.set(peer, socket);
    socket.once('close', () => this.#handshakes.delete(peer));
    this.#server.emit('connection', socket);
  }

  get connections(): number {
    return this.#sessions.size;
  }

  /** Peers open no new streams here (GOAWAY); returns when the last one ended, or the signal cut them. */
  async close(signal: AbortSignal): Promise<void> {
    this.#draining = true;
    for (const socket of this.#handshakes.values()) socket.destroy();
    await Promise.all([...this.#sessions].map((session) => session.close(signal)));
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

  #onSecure(socket: TLSSocket): void {
    const { credentials, log } = this.#options;
    this.#handshakes.delete(peerKey(socket));
    let identity: MeshIdentity;
    try {
      const trustDomain = credentials.current?.trustDomain ?? '';
      identity = identityOf(socket.getPeerX509Certificate(), trustDomain);
    } catch (error) {
      const peer = socket.remoteAddress;
      log.warn({ peer, error: describeError(error) }, 'trunk peer refused');
      socket.destroy();
      return;
    }
    const session = new ServerSession(socket, identity, this.#options, () => {
      this.#sessions.delete(session);
    });
    this.#sessions.add(session);
  }
}

function peerKey({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress}|${remotePort}`;
}

type SniCallback = (
  name: string,
  callback: (error: Error | null, context?: import('node:tls').SecureContext) => void,
) => void;
