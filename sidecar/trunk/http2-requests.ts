import type { Clock, Timer } from '../../runtime/clock.ts';
import { MeshError } from '../../runtime/errors.ts';
import { type HeaderField, headerField } from '../http2/header-field.ts';
import type { Http2Stream, StreamHandler } from '../http2/types.ts';
import type { Peer } from '../transport.ts';
import type { ClientSession, SessionSeeker } from './client-session.ts';
import { DESTINATION_HEADER, formatAuthority, SOURCE_HEADER } from './protocol.ts';
import type { TrunkHttp2, TrunkRequest } from './types.ts';

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

  open(fields: readonly HeaderField[], endStream: boolean, handler: StreamHandler): Http2Stream {
    // Pseudo-headers stay first (RFC 9113 §8.3).
    const all = fields.filter(isNotOurs);
    all.push(this.#destination, this.#source);
    return this.#session.request(all, endStream, handler);
  }
}

/** The trunk's own names, from which an application gains nothing. */
export function isNotOurs({ name }: HeaderField): boolean {
  return name !== DESTINATION_HEADER && name !== SOURCE_HEADER;
}

export interface Http2SeekerOptions {
  readonly request: TrunkRequest;
  readonly clock: Clock;
  readonly onReady: (requests: TrunkHttp2) => void;
  readonly onError: (error: MeshError) => void;
}

/** Waits for a connection that takes requests. */
export class Http2Seeker implements SessionSeeker {
  readonly #options: Http2SeekerOptions;
  #timer: Timer | undefined;

  constructor(options: Http2SeekerOptions) {
    this.#options = options;
  }

  start(session: ClientSession): void {
    const { address, trunkPort, timeoutMs } = this.#options.request;
    if (timeoutMs > 0) {
      this.#timer = this.#options.clock.setTimeout(() => {
        session.leave(this);
        const name = formatAuthority(address, trunkPort);
        const sentence = `the sidecar at ${name} did not answer within ${timeoutMs} ms`;
        this.#options.onError(new MeshError('connect-timeout', sentence));
      }, timeoutMs);
    }
    session.seek(this);
  }

  onSession(session: ClientSession): void {
    this.#timer?.cancel();
    this.#options.onReady(new Http2Requests(session, this.#options.request));
  }

  onSessionFailed(error: MeshError): void {
    this.#timer?.cancel();
    this.#options.onError(error);
  }
}
