import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import type { Clock } from '../../runtime/clock.ts';
import { describeError } from '../../runtime/errors.ts';
import type { EventLog } from '../../runtime/throttled-log.ts';
import type { CredentialSource } from '../identity/types.ts';
import { identityOf, type MeshIdentity } from './identity.ts';
import { HANDSHAKE_TIMEOUT_MS } from './protocol.ts';
import { ServerSession } from './server-session.ts';
import type { TrunkHttp2Acceptor, TrunkStream } from './types.ts';

/** Each handshake costs about a millisecond, so more at a time only make all of them late. */
const MAX_HANDSHAKES = 512;
export interface TrunkServerOptions {
  readonly credentials: CredentialSource;
  readonly clock: Clock;
  readonly log: EventLog;
  readonly onStream: (stream: TrunkStream) => void;
  /** For HTTP/2 requests that come as streams of the trunk; without it they are refused. */
  readonly onHttp2?: TrunkHttp2Acceptor | undefined;
  readonly maxHandshakes?: number;
  /** Handshakes are counted with them. */
  readonly maxConnections: number;
  /** A connection was closed because there are too many: a new one, or the oldest handshake. */
  readonly onLimit: (
    reason: 'trunk-connections' | 'trunk-handshakes',
    peer: string | undefined,
  ) => void;
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
    if (this.#draining || !this.#makeRoom(socket)) {
      socket.resetAndDestroy();
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

  /**
   * The oldest handshake gives way to the newest: whoever is slow on purpose is the
   * oldest soon, and a peer is done long before.
   */
  #makeRoom({ remoteAddress }: Socket): boolean {
    const { maxHandshakes = MAX_HANDSHAKES, maxConnections, onLimit } = this.#options;
    const { size } = this.#handshakes;
    if (this.#sessions.size >= maxConnections) {
      onLimit('trunk-connections', remoteAddress);
      return false;
    }
    if (size < maxHandshakes && size + this.#sessions.size < maxConnections) return true;
    for (const [peer, oldest] of this.#handshakes) {
      onLimit('trunk-handshakes', oldest.remoteAddress);
      this.#handshakes.delete(peer);
      oldest.destroy();
      break;
    }
    return true;
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
