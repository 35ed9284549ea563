import { isIPv4 } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { Timer } from '../../runtime/clock.ts';
import { describeError, MeshError } from '../../runtime/errors.ts';
import { createHttp2Connection } from '../http2/connection.ts';
import { type HeaderField, headerField } from '../http2/header-field.ts';
import type {
  ConnectionHandler,
  Http2Connection,
  Http2Stream,
  StreamHandler,
} from '../http2/types.ts';
import type { Credentials } from '../identity/types.ts';
import { SocketTransport } from '../socket-transport.ts';
import type { Peer } from '../transport.ts';
import type { TrunkClientOptions } from './client.ts';
import { identityOf } from './identity.ts';
import { Liveness } from './liveness.ts';
import {
  CLIENT_OPTIONS,
  formatAuthority,
  formatSource,
  HANDSHAKE_TIMEOUT_MS,
  MAX_STREAMS,
  SERVER_NAME,
  SOURCE_HEADER,
} from './protocol.ts';
import type { Carrier } from './stream-transport.ts';
import type { TrunkRequest } from './types.ts';

const METHOD_CONNECT: HeaderField = headerField(':method', 'CONNECT');

/** Waits for a connection. */
export interface SessionSeeker {
  /** It is open, but may take no stream more. */
  onSession(session: ClientSession): void;
  onSessionFailed(error: MeshError): void;
}

/**
 * One connection to one peer.
 *
 * - *connecting*: TCP, TLS, the check of the peer's identity, and its SETTINGS, with
 *   which it shows that it took our certificate; seekers wait.
 * - *open*: takes streams.
 * - *retiring*: takes no new ones (the peer said GOAWAY, our certificate was
 *   renewed, or we are stopping) and closes with the last.
 * - *closed*.
 */
type State = 'connecting' | 'open' | 'retiring' | 'closed';

export class ClientSession implements Carrier, ConnectionHandler {
  #state: State = 'connecting';
  readonly peer: Peer;
  readonly #credentials: Credentials;
  readonly #options: TrunkClientOptions;
  readonly #onEnded: () => void;
  readonly #seekers = new Set<SessionSeeker>();
  readonly #socket: TLSSocket;
  #connection: Http2Connection | undefined;
  #liveness: Liveness | undefined;
  #handshakeTimer: Timer | undefined;
  #source: HeaderField;

  /** @param onEnded the connection is gone, or never came about */
  constructor(
    request: TrunkRequest,
    credentials: Credentials,
    options: TrunkClientOptions,
    onEnded: () => void,
  ) {
    const { address, trunkPort: port, identity } = request;
    this.peer = { address, port, identity, workload: undefined };
    this.#source = headerField(SOURCE_HEADER, formatSource(options.self()));
    this.#credentials = credentials;
    this.#options = options;
    this.#onEnded = onEnded;
    const socket = connectTls({
      host: address,
      port,
      ...localAddress(options.sourceAddress, address),
      secureContext: credentials.secureContext,
      minVersion: 'TLSv1.3',
      servername: SERVER_NAME,
      ALPNProtocols: ['h2'],
      rejectUnauthorized: true,
      // Names mean nothing in the mesh; the identity is checked in #verify.
      checkServerIdentity: () => undefined,
    });
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.once('secureConnect', () => this.#onSecure());
    socket.on('error', (error) => this.#fail(this.#explain(error)));
    socket.on('close', () => this.#fail(this.#rejected(undefined)));
    this.#handshakeTimer = options.clock.setTimeout(() => {
      this.#fail(new MeshError('connect-timeout', `${this.name} did not finish its handshake`));
    }, HANDSHAKE_TIMEOUT_MS);
  }

  /** Takes a further stream, now or when it is open. */
  get available(): boolean {
    if (this.#state === 'connecting') return this.#seekers.size < MAX_STREAMS;
    return (
      this.#state === 'open' &&
      this.#connection?.available === true &&
      this.#connection.streamCount < MAX_STREAMS
    );
  }

  get retiring(): boolean {
    return this.#state === 'retiring' || this.#state === 'closed';
  }

  get streamCount(): number {
    return this.#connection?.streamCount ?? 0;
  }

  /** Tells the peer which workload we are. */
  get source(): HeaderField {
    const source = formatSource(this.#options.self());
    if (source !== this.#source.value) this.#source = headerField(SOURCE_HEADER, source);
    return this.#source;
  }

  /** For sentences. */
  get name(): string {
    return `the sidecar at ${formatAuthority(this.peer.address, this.peer.port)}`;
  }

  /** Tells the seeker when the connection is open: at once when it is. */
  seek(seeker: SessionSeeker): void {
    if (this.#state === 'connecting') this.#seekers.add(seeker);
    else seeker.onSession(this);
  }

  leave(seeker: SessionSeeker): void {
    this.#seekers.delete(seeker);
    if (this.#state === 'retiring') this.retire();
  }

  /** Asks for a stream of bytes to the application. */
  connect({ address, port }: TrunkRequest, handler: StreamHandler): Http2Stream {
    const fields = [
      METHOD_CONNECT,
      headerField(':authority', formatAuthority(address, port)),
      this.source,
    ];
    return this.request(fields, false, handler);
  }

  /** Opens a stream with any head. To be called when `available`. */
  request(fields: readonly HeaderField[], endStream: boolean, handler: StreamHandler): Http2Stream {
    if (this.#connection === undefined) {
      throw new MeshError('connection-reset', `${this.name} is not connected`);
    }
    return this.#connection.open(fields, endStream, handler);
  }

  /** No new streams; those that are open go on. */
  retire(): void {
    if (this.#state === 'closed') return;
    this.#state = 'retiring';
    if (this.#connection !== undefined) this.#connection.drain();
    else if (this.#seekers.size === 0) this.#socket.destroy();
  }

  async close(signal: AbortSignal): Promise<void> {
    this.retire();
    if (this.#socket.closed) return;
    const cut = (): void => {
      this.#socket.destroy();
    };
    if (signal.aborted) cut();
    signal.addEventListener('abort', cut, { once: true });
    await new Promise<void>((resolve) => this.#socket.once('close', () => resolve()));
    signal.removeEventListener('abort', cut);
  }

  // From the connection.

  onSettled(): void {
    this.#handshakeTimer?.cancel();
    const retiring = this.#state !== 'connecting';
    this.#state = 'open';
    const seekers = [...this.#seekers];
    this.#seekers.clear();
    for (const seeker of seekers) seeker.onSession(this);
    if (retiring) this.retire();
  }

  onGoaway(): void {
    this.retire();
  }

  onClose(error: MeshError | undefined): void {
    this.#fail(this.#rejected(error));
  }

  #onSecure(): void {
    try {
      this.#verify();
    } catch (error) {
      this.#fail(this.#explain(error));
      return;
    }
    const transport = new SocketTransport(this.#socket, this.peer);
    const { clock } = this.#options;
    const options = { clock, ...CLIENT_OPTIONS };
    const connection = createHttp2Connection(transport, 'client', options, this);
    this.#connection = connection;
    this.#liveness = new Liveness({
      connection,
      clock,
      onIdle: () => this.retire(),
      onDead: (error) => {
        connection.destroy(error);
        this.#socket.destroy();
      },
    });
  }

  #verify(): void {
    if (this.#socket.alpnProtocol !== 'h2') {
      throw new MeshError('connect-failed', `${this.name} does not speak HTTP/2`);
    }
    const { trustDomain } = this.#credentials;
    const identity = identityOf(this.#socket.getPeerX509Certificate(), trustDomain);
    if (identity.id !== this.peer.identity) {
      throw new MeshError(
        'peer-identity-mismatch',
        `${this.name} proved to be ${identity.id}, and ${this.peer.identity} was expected`,
      );
    }
  }

  /** The end of the connection, at whatever stage. */
  #fail(error: MeshError): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#handshakeTimer?.cancel();
    this.#liveness?.stop();
    this.#socket.destroy();
    this.#onEnded();
    const seekers = [...this.#seekers];
    this.#seekers.clear();
    for (const seeker of seekers) seeker.onSessionFailed(error);
  }

  #rejected(cause: MeshError | undefined): MeshError {
    return new MeshError(
      'connect-failed',
      `${this.name} closed the connection during the handshake; it may not trust our certificate`,
      { cause },
    );
  }

  #explain(error: unknown): MeshError {
    if (error instanceof MeshError) return error;
    if (this.#socket.authorizationError) {
      return new MeshError(
        'peer-identity-mismatch',
        `the certificate of ${this.name} is not trusted: ${describeError(error)}`,
        { cause: error },
      );
    }
    const sentence = `${this.name} is not reached: ${describeError(error)}`;
    return new MeshError('connect-failed', sentence, { cause: error });
  }
}

/** Only where the families agree: an IPv4 source cannot reach an IPv6 peer. */
function localAddress(
  source: string | undefined,
  destination: string,
): { localAddress: string } | Record<string, never> {
  if (source === undefined || isIPv4(source) !== isIPv4(destination)) return {};
  return { localAddress: source };
}
