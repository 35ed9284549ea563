import type { Clock } from '../../runtime/clock.ts';
import { MeshError } from '../../runtime/errors.ts';
import type { EventLog } from '../../runtime/throttled-log.ts';
import type { CredentialSource, Credentials } from '../identity/types.ts';
import type { OwnedTransport } from '../transport.ts';
import { ClientSession } from './client-session.ts';
import { Http2Seeker } from './http2-requests.ts';
import { Opening } from './opening.ts';
import type { SelfDescription, TrunkConnector, TrunkHttp2, TrunkRequest } from './types.ts';

export interface TrunkClientOptions {
  readonly credentials: CredentialSource;
  readonly self: SelfDescription;
  readonly clock: Clock;
  readonly log: EventLog;
  /** The local address of outgoing connections, where rules go by it. */
  readonly sourceAddress: string | undefined;
}

/**
 * Opens streams to peers: one connection to each peer, a further one only when
 * the first carries all the streams that the peer allows.
 *
 * When the certificate is renewed, new streams go to new connections; old ones
 * end with their last stream.
 */
export class TrunkClient implements TrunkConnector {
  readonly #options: TrunkClientOptions;
  /** By address, port and expected identity: a new pod may get an old address. */
  readonly #sessions = new Map<string, ClientSession[]>();
  #credentials: Credentials | undefined;
  readonly #unsubscribe: () => void;

  constructor(options: TrunkClientOptions) {
    this.#options = options;
    // Requests of HTTP/2 come without asking for a connection, so they have to be told.
    this.#unsubscribe = options.credentials.onChange((next) => this.#retireAll(next));
  }

  open(request: TrunkRequest): Promise<OwnedTransport> {
    return new Promise((onOpen, onError) => {
      const { clock } = this.#options;
      const session = (): ClientSession => this.#session(request);
      new Opening({ request, clock, session, onOpen, onError }).start();
    });
  }

  connectHttp2(request: TrunkRequest): Promise<TrunkHttp2> {
    return new Promise((onReady, onError) => {
      const { clock } = this.#options;
      const session = (): ClientSession => this.#session(request);
      new Http2Seeker({ request, clock, session, onReady, onError }).start();
    });
  }

  /** Connections in use or idle, for the metrics and the tests. */
  get connections(): number {
    let count = 0;
    for (const sessions of this.#sessions.values()) count += sessions.length;
    return count;
  }

  /** Takes nothing new; connections end with their last stream, or when the signal aborts. */
  async close(signal: AbortSignal): Promise<void> {
    this.#unsubscribe();
    const closing = [...this.#sessions.values()].flat().map((session) => session.close(signal));
    await Promise.all(closing);
  }

  #session(request: TrunkRequest): ClientSession {
    const credentials = this.#options.credentials.current;
    if (credentials === undefined) {
      throw new MeshError(
        'connect-failed',
        `${request.address} takes mTLS only, and this sidecar has no certificate yet`,
      );
    }
    if (credentials !== this.#credentials) this.#retireAll(credentials);
    const key = `${request.address}|${request.trunkPort}|${request.identity}`;
    const sessions = this.#sessions.get(key) ?? [];
    const free = sessions.find((session) => session.available);
    if (free !== undefined) return free;
    const session = new ClientSession(request, credentials, this.#options, () => {
      const left = (this.#sessions.get(key) ?? []).filter((other) => other !== session);
      if (left.length === 0) this.#sessions.delete(key);
      else this.#sessions.set(key, left);
    });
    this.#sessions.set(key, [...sessions, session]);
    return session;
  }

  #retireAll(credentials: Credentials): void {
    this.#credentials = credentials;
    for (const sessions of [...this.#sessions.values()]) {
      for (const session of sessions) session.retire();
    }
  }
}
