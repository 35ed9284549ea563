import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect as connectHttp2,
  constants,
} from 'node:http2';
import { isIPv4 } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { Timer } from '../../runtime/clock.ts';
import { describeError, MeshError } from '../../runtime/errors.ts';
import type { Credentials } from '../identity/types.ts';
import { SocketTransport } from '../socket-transport.ts';
import type { OwnedTransport, Peer } from '../transport.ts';
import type { TrunkClientOptions } from './client.ts';
import { identityOf } from './identity.ts';
import { Liveness } from './liveness.ts';
import {
  CONNECTION_WINDOW_BYTES,
  ERROR_HEADER,
  formatAuthority,
  formatSource,
  HANDSHAKE_TIMEOUT_MS,
  MAX_STREAMS,
  SERVER_NAME,
  SESSION_OPTIONS,
  SOURCE_HEADER,
} from './protocol.ts';
import type { TrunkRequest } from './types.ts';

/**
 * One connection to one peer.
 *
 * - *connecting*: TCP, TLS and the check of the peer's identity; streams wait.
 * - *open*: takes streams.
 * - *retiring*: takes no new ones (the peer said GOAWAY, our certificate was
 *   renewed, or we are stopping) and closes with the last.
 * - *closed*.
 */
type State =
  | { readonly name: 'connecting' }
  | { readonly name: 'open'; readonly session: ClientHttp2Session }
  | { readonly name: 'retiring'; readonly session: ClientHttp2Session | undefined }
  | { readonly name: 'closed'; readonly error: MeshError };

export class ClientSession {
  #state: State = { name: 'connecting' };
  readonly #peer: Peer;
  readonly #options: TrunkClientOptions;
  readonly #onClosed: () => void;
  readonly #ready: Promise<ClientHttp2Session>;
  readonly #transports = new Set<SocketTransport>();
  readonly #socket: TLSSocket;
  /** The peer's SETTINGS came: it has accepted our certificate. */
  #accepted = false;
  /** Waiting for an answer, or open. */
  #streams = 0;

  constructor(
    request: TrunkRequest,
    credentials: Credentials,
    options: TrunkClientOptions,
    onClosed: () => void,
  ) {
    this.#peer = {
      address: request.address,
      port: request.trunkPort,
      identity: request.identity,
      workload: undefined,
    };
    this.#options = options;
    this.#onClosed = onClosed;
    this.#socket = connectTls({
      host: request.address,
      port: request.trunkPort,
      ...localAddress(options.sourceAddress, request.address),
      secureContext: credentials.secureContext,
      minVersion: 'TLSv1.3',
      servername: SERVER_NAME,
      ALPNProtocols: ['h2'],
      rejectUnauthorized: true,
      // Names mean nothing in the mesh; the identity is checked in #verify.
      checkServerIdentity: () => undefined,
    });
    this.#socket.setNoDelay(true);
    this.#ready = this.#handshake(credentials);
    this.#ready.catch(() => {});
  }

  /** Takes a further stream. */
  get available(): boolean {
    if (this.#state.name === 'connecting') return this.#streams < MAX_STREAMS;
    if (this.#state.name !== 'open') return false;
    const { session } = this.#state;
    const allowed = session.remoteSettings.maxConcurrentStreams ?? MAX_STREAMS;
    return !session.closed && !session.destroyed && this.#streams < Math.min(allowed, MAX_STREAMS);
  }

  async open(request: TrunkRequest): Promise<OwnedTransport> {
    this.#streams += 1;
    const { clock } = this.#options;
    let opening: ClientHttp2Stream | undefined;
    let timer: Timer | undefined;
    let counted = true;
    const uncount = (): void => {
      if (!counted) return;
      counted = false;
      this.#streams -= 1;
      if (this.#state.name === 'retiring') this.retire();
    };
    const timeout = new Promise<never>((_resolve, reject) => {
      if (request.timeoutMs === 0) return;
      timer = clock.setTimeout(() => {
        opening?.close(constants.NGHTTP2_CANCEL);
        reject(
          new MeshError(
            'connect-timeout',
            `${request.address}:${request.port} did not answer within ${request.timeoutMs} ms`,
          ),
        );
      }, request.timeoutMs);
    });
    timeout.catch(() => {});
    try {
      const session = await Promise.race([this.#ready, timeout]);
      opening = this.#request(session, request);
      opening.once('close', uncount);
      return await Promise.race([this.#answer(opening), timeout]);
    } catch (error) {
      if (opening === undefined || opening.destroyed) uncount();
      else opening.close(constants.NGHTTP2_CANCEL);
      throw error;
    } finally {
      timer?.cancel();
    }
  }

  /** No new streams; those that are open go on. */
  retire(): void {
    if (this.#state.name === 'closed') return;
    const session = this.#state.name === 'connecting' ? undefined : this.#state.session;
    this.#state = { name: 'retiring', session };
    for (const transport of this.#transports) transport.retired = true;
    if (session !== undefined && !session.closed) session.close();
    else if (session === undefined && this.#streams === 0) this.#socket.destroy();
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

  async #handshake(credentials: Credentials): Promise<ClientHttp2Session> {
    const socket = this.#socket;
    let timer: Timer | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        timer = this.#options.clock.setTimeout(() => {
          reject(new MeshError('connect-timeout', `${this.#name} did not finish its handshake`));
        }, HANDSHAKE_TIMEOUT_MS);
        socket.once('secureConnect', resolve);
        socket.on('error', (error) => reject(this.#explain(error)));
        socket.once('close', () => reject(this.#lost()));
      });
      this.#verify(credentials);
      return this.#start();
    } catch (error) {
      const reason = error instanceof MeshError ? error : this.#explain(error);
      socket.destroy();
      this.#closed(reason);
      throw reason;
    } finally {
      timer?.cancel();
    }
  }

  #verify(credentials: Credentials): void {
    if (this.#socket.alpnProtocol !== 'h2') {
      throw new MeshError('connect-failed', `${this.#name} does not speak HTTP/2`);
    }
    const identity = identityOf(this.#socket.getPeerX509Certificate(), credentials.trustDomain);
    if (identity.id !== this.#peer.identity) {
      throw new MeshError(
        'peer-identity-mismatch',
        `${this.#name} proved to be ${identity.id}, and ${this.#peer.identity} was expected`,
      );
    }
  }

  #start(): ClientHttp2Session {
    const session = connectHttp2(`https://${SERVER_NAME}`, {
      ...SESSION_OPTIONS,
      createConnection: () => this.#socket,
    });
    session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
    session.once('remoteSettings', () => {
      this.#accepted = true;
    });
    session.on('goaway', () => this.retire());
    session.on('error', () => {});
    session.once('close', () => this.#closed(this.#lost()));
    new Liveness({
      session,
      clock: this.#options.clock,
      streams: () => this.#streams,
      onIdle: () => this.retire(),
      onDead: (error) => this.#socket.destroy(error),
    });
    if (this.#state.name === 'connecting') {
      this.#state = { name: 'open', session };
    } else {
      this.#state = { name: 'retiring', session };
      this.retire();
    }
    return session;
  }

  #request(session: ClientHttp2Session, request: TrunkRequest): ClientHttp2Stream {
    if (session.closed || session.destroyed) throw this.#lost();
    return session.request(
      {
        ':method': 'CONNECT',
        ':authority': formatAuthority(request.address, request.port),
        [SOURCE_HEADER]: formatSource(this.#options.self()),
      },
      { endStream: false },
    );
  }

  #answer(stream: ClientHttp2Stream): Promise<OwnedTransport> {
    return new Promise((resolve, reject) => {
      let cause: Error | undefined;
      const onError = (error: Error): void => {
        cause = error;
      };
      // An error of the stream is followed by its close, when the session's state is known as well.
      stream.on('error', onError);
      const onClose = (): void => {
        const closing =
          this.#state.name !== 'open' || stream.rstCode === constants.NGHTTP2_REFUSED_STREAM;
        reject(closing ? this.#lost(cause) : this.#explain(cause ?? new Error('stream was reset')));
      };
      stream.once('close', onClose);
      stream.once('response', (headers) => {
        stream.off('close', onClose);
        if (headers[':status'] === 200) {
          resolve(this.#transport(stream));
          return;
        }
        stream.close(constants.NGHTTP2_CANCEL);
        const code = String(headers[ERROR_HEADER] ?? `status ${headers[':status']}`);
        reject(
          new MeshError('connect-failed', `the sidecar of ${this.#peer.address} refused: ${code}`),
        );
      });
    });
  }

  #transport(stream: ClientHttp2Stream): OwnedTransport {
    const transport = new SocketTransport(stream, this.#peer);
    transport.retired = this.#state.name !== 'open';
    this.#transports.add(transport);
    stream.once('close', () => this.#transports.delete(transport));
    return transport;
  }

  #closed(error: MeshError): void {
    if (this.#state.name === 'closed') return;
    this.#state = { name: 'closed', error };
    for (const transport of this.#transports) transport.retired = true;
    this.#onClosed();
  }

  get #name(): string {
    return `the sidecar at ${formatAuthority(this.#peer.address, this.#peer.port)}`;
  }

  #lost(cause?: Error): MeshError {
    if (!this.#accepted) {
      return new MeshError(
        'connect-failed',
        `${this.#name} closed the connection during the handshake; it may not trust our certificate`,
        { cause },
      );
    }
    return new MeshError('trunk-closing', `${this.#name} closed the connection`, { cause });
  }

  #explain(error: unknown): MeshError {
    if (error instanceof MeshError) return error;
    if (this.#socket.authorizationError) {
      return new MeshError(
        'peer-identity-mismatch',
        `the certificate of ${this.#name} is not trusted: ${describeError(error)}`,
        { cause: error },
      );
    }
    return new MeshError(
      'connect-failed',
      `${this.#name} is not reached: ${describeError(error)}`,
      {
        cause: error,
      },
    );
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
