import type { Clock, Timer } from '../../runtime/clock.ts';
import { MeshError } from '../../runtime/errors.ts';
import { type HeaderField, headerField } from '../http2/header-field.ts';
import type { Http2Stream, StreamHandler } from '../http2/types.ts';
import type { Peer } from '../transport.ts';
import type { ClientSession, SessionSeeker } from './client-session.ts';
import { DESTINATION_HEADER, formatAuthority, SOURCE_HEADER } from './protocol.ts';
import type { TrunkHttp2, TrunkHttp2Watcher, TrunkRequest } from './types.ts';

/** HTTP/2 requests to one application, as streams of a connection of the trunk. */
export class Http2Requests implements TrunkHttp2 {
  readonly peer: Peer;
  readonly #session: ClientSession;
  readonly #destination: HeaderField;
  readonly #source: HeaderField;

  constructor(session: ClientSession, { address, port }: TrunkRequest) {
    this.peer = session.peer;
    this.#session = session;
    this.#destination = headerField(DESTINATION_HEADER, formatAuthority(address, port));
    this.#source = session.source;
  }

  get available(): boolean {
    return this.#session.available;
  }

  get finished(): boolean {
    return this.#session.retiring;
  }

  watch(watcher: TrunkHttp2Watcher): void {
    this.#session.watch(this, watcher);
  }

  leave(): void {
    this.#session.unwatch(this);
  }

  open(fields: readonly HeaderField[], endStream: boolean, handler: StreamHandler): Http2Stream {
    // Pseudo-headers stay first (RFC 9113 §8.3).
    const all = withoutOurs(fields);
    all.push(this.#destination, this.#source);
    return this.#session.request(all, endStream, handler);
  }
}

/** Without the trunk's own names, from which an application gains nothing. */
export function withoutOurs(fields: readonly HeaderField[]): HeaderField[] {
  const others: HeaderField[] = [];
  for (let i = 0; i < fields.length; i++) {
    const field = fields[i] as HeaderField;
    if (field.name !== DESTINATION_HEADER && field.name !== SOURCE_HEADER) others.push(field);
  }
  return others;
}

export interface Http2SeekerOptions {
  readonly request: TrunkRequest;
  readonly clock: Clock;
  /** The connection to ask; throws a MeshError when there can be none. */
  readonly session: () => ClientSession;
  readonly onReady: (requests: TrunkHttp2) => void;
  readonly onError: (error: MeshError) => void;
}

/** Waits for a connection that takes requests. */
export class Http2Seeker implements SessionSeeker {
  readonly #options: Http2SeekerOptions;
  #session: ClientSession | undefined;
  #timer: Timer | undefined;

  constructor(options: Http2SeekerOptions) {
    this.#options = options;
  }

  start(): void {
    const { request, clock } = this.#options;
    const { address, trunkPort, timeoutMs } = request;
    if (timeoutMs > 0) {
      this.#timer = clock.setTimeout(() => {
        this.#session?.leave(this);
        const name = formatAuthority(address, trunkPort);
        const sentence = `the sidecar at ${name} did not answer within ${timeoutMs} ms`;
        this.#options.onError(new MeshError('connect-timeout', sentence));
      }, timeoutMs);
    }
    this.#seek();
  }

  onSession(session: ClientSession): void {
    if (session.available) {
      this.#timer?.cancel();
      this.#options.onReady(new Http2Requests(session, this.#options.request));
    } else if (session.streamCount > 0 || session.retiring) {
      // The peer allows fewer streams than waited for the connection.
      this.#seek();
    } else {
      const sentence = `${session.name} takes no streams`;
      this.onSessionFailed(new MeshError('connect-failed', sentence));
    }
  }

  onSessionFailed(error: MeshError): void {
    this.#timer?.cancel();
    this.#options.onError(error);
  }

  #seek(): void {
    try {
      const session = this.#options.session();
      this.#session = session;
      session.seek(this);
    } catch (error) {
      if (!(error instanceof MeshError)) throw error;
      this.onSessionFailed(error);
    }
  }
}
