import type { Clock, Timer } from '../../runtime/clock.ts';
import { MeshError } from '../../runtime/errors.ts';
import type { HeaderField } from '../http2/header-field.ts';
import type { StreamEnd } from '../http2/types.ts';
import type { ClientSession, SessionSeeker } from './client-session.ts';
import { ERROR_HEADER } from './protocol.ts';
import { type StreamOpener, StreamTransport } from './stream-transport.ts';
import type { TrunkRequest } from './types.ts';

export interface OpeningOptions {
  readonly request: TrunkRequest;
  readonly clock: Clock;
  /** The connection to ask on; throws a MeshError when there can be none. */
  readonly session: () => ClientSession;
  /** The transport may be used. */
  readonly onOpen: (transport: StreamTransport) => void;
  /** There will be none. Not called after `onOpen`: the transport tells then. */
  readonly onError: (error: MeshError) => void;
}

/**
 * One stream that is asked for, until the peer has answered.
 *
 * A connection may end while the request is on its way. Then the stream is asked
 * for once more, on another connection.
 */
export class Opening implements StreamOpener, SessionSeeker {
  readonly #options: OpeningOptions;
  readonly #transport: StreamTransport;
  #session: ClientSession | undefined;
  #timer: Timer | undefined;
  #seeking = false;
  #askedAgain = false;
  #handedOut = false;
  #over = false;

  constructor(options: OpeningOptions) {
    const { address, trunkPort: port, identity } = options.request;
    this.#options = options;
    this.#transport = new StreamTransport({ address, port, identity, workload: undefined }, this);
  }

  start(): void {
    const { request, clock } = this.#options;
    const { address, port, timeoutMs } = request;
    if (timeoutMs > 0) {
      this.#timer = clock.setTimeout(() => {
        const sentence = `${address}:${port} did not answer within ${timeoutMs} ms`;
        this.#fail(new MeshError('connect-timeout', sentence));
      }, timeoutMs);
    }
    this.#ask();
  }

  onSession(session: ClientSession): void {
    this.#seeking = false;
    if (!session.available) {
      // The peer allows fewer streams than waited for the connection, or none at all.
      if (session.streamCount > 0) this.#ask();
      else this.#fail(new MeshError('connect-failed', `${session.name} takes no streams`));
      return;
    }
    const { request } = this.#options;
    this.#transport.ride(session.connect(request, this.#transport), session);
    if (request.early === true) this.#handOut();
  }

  onSessionFailed(error: MeshError): void {
    this.#seeking = false;
    this.#fail(error);
  }

  onAnswer(fields: readonly HeaderField[]): MeshError | undefined {
    const refusal = this.#refusal(fields);
    if (refusal === undefined) {
      this.#finish();
      this.#handOut();
    } else {
      this.#tell(refusal);
    }
    return refusal;
  }

  onLost(end: StreamEnd): MeshError | undefined {
    const session = this.#session;
    const goesAway = end.kind === 'refused' || end.kind === 'lost' || session?.retiring === true;
    if (goesAway && !this.#askedAgain) {
      this.#askedAgain = true;
      this.#ask();
      return undefined;
    }
    const { address } = this.#options.request;
    const cause = end.kind === 'lost' ? end.error : undefined;
    const what = goesAway ? 'closed the connection' : 'reset the stream';
    const error = new MeshError('connect-failed', `the sidecar of ${address} ${what}`, { cause });
    this.#tell(error);
    return error;
  }

  onCancel(): void {
    this.#finish();
  }

  #ask(): void {
    let session: ClientSession;
    try {
      session = this.#options.session();
    } catch (error) {
      if (!(error instanceof MeshError)) throw error;
      this.#fail(error);
      return;
    }
    this.#session = session;
    this.#seeking = true;
    session.seek(this);
  }

  #refusal(fields: readonly HeaderField[]): MeshError | undefined {
    const status = fields[0]?.value;
    if (status === '200') return undefined;
    const code = fields.find(({ name }) => name === ERROR_HEADER)?.value ?? `status ${status}`;
    const { address } = this.#options.request;
    return new MeshError('connect-failed', `the sidecar of ${address} refused: ${code}`);
  }

  #handOut(): void {
    if (this.#handedOut) return;
    this.#handedOut = true;
    this.#options.onOpen(this.#transport);
  }

  #fail(error: MeshError): void {
    if (this.#over) return;
    this.#tell(error);
    this.#transport.fail(error);
  }

  /** Whoever has the transport learns it from that. */
  #tell(error: MeshError): void {
    if (this.#over) return;
    this.#finish();
    if (!this.#handedOut) this.#options.onError(error);
  }

  #finish(): void {
    this.#over = true;
    this.#timer?.cancel();
    if (this.#seeking) this.#session?.leave(this);
    this.#seeking = false;
  }
}
