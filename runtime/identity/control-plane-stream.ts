import {
  type ClientDuplexStream,
  type ClientWritableStream,
  type StatusObject,
  status,
} from '@grpc/grpc-js';
import { Backoff } from '../backoff.ts';
import { type Clock, systemClock, type Timer } from '../clock.ts';
import { describeError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { ControlPlaneConnection } from './control-plane-connection.ts';

type Call<Request, Response> =
  | ClientDuplexStream<Request, Response>
  | ClientWritableStream<Request>;

export interface StreamOptions<Request, Response> {
  /** What the stream carries, for logs: `configuration`, `certificates`. */
  readonly carries: string;
  readonly connection: ControlPlaneConnection;
  /** Opens a call with fresh credentials; what it throws is logged and tried again. */
  open(connection: ControlPlaneConnection): Promise<Call<Request, Response>>;
  /** The call exists: write the first message. */
  onOpen(): void;
  onMessage?(message: Response): void;
  /** The call is over; another follows unless `stop` was called. */
  onClosed?(wasConnected: boolean): void;
  readonly log: Log;
  readonly clock?: Clock;
  readonly backoff?: Backoff;
}

/** An attempt that has no connection by then is given up. */
const CONNECT_TIMEOUT_MS = 10_000;
/** A stream that lasted this long is no sign of trouble when it ends. */
const STABLE_MS = 30_000;
/** The same reason is logged again after this long. */
const LOG_AGAIN_MS = 60_000;
/** How long the other side may take to end its half when we stop. */
const END_TIMEOUT_MS = 1000;

/**
 * A stream to the control plane that is opened again whenever it ends, with
 * growing, jittered delays, and that says in the log what cannot be reached and why.
 */
export class ControlPlaneStream<Request, Response = never> {
  readonly #options: StreamOptions<Request, Response>;
  readonly #clock: Clock;
  readonly #backoff: Backoff;
  #call: Call<Request, Response> | undefined;
  #timer: Timer | undefined;
  #stopped = true;
  #connected = false;
  #openedMs = 0;
  #cancelReason: string | undefined;
  #loggedReason = '';
  #loggedMs = 0;

  constructor(options: StreamOptions<Request, Response>) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#backoff = options.backoff ?? new Backoff({ baseMs: 500, maxMs: 15_000 });
  }

  /** The other side was reached on the present call. */
  get connected(): boolean {
    return this.#connected;
  }

  /** There is a call that takes messages; they may still wait for the connection. */
  get open(): boolean {
    return this.#call !== undefined;
  }

  /** What is written now leaves now: there is a call, and a connection under it. */
  get reachable(): boolean {
    return this.#call !== undefined && this.#options.connection.ready;
  }

  /** The other side reads too slowly: whoever can leave a message out should. */
  get congested(): boolean {
    return this.#call?.writableNeedDrain ?? false;
  }

  start(): void {
    if (!this.#stopped) return;
    this.#stopped = false;
    void this.#connect();
  }

  /** False when there is no call now; the message is dropped then. */
  write(message: Request): boolean {
    if (this.#call === undefined) return false;
    this.#call.write(message);
    return true;
  }

  /** Ends the present call and opens another one. */
  restart(reason: string): void {
    this.#cancelReason = reason;
    this.#call?.cancel();
  }

  /** Ends the call after what was written, or cuts it when the signal says so. */
  async stop(signal?: AbortSignal): Promise<void> {
    this.#stopped = true;
    const call = this.#call;
    if (call === undefined) {
      this.#timer?.cancel();
      return;
    }
    await new Promise<void>((resolve) => {
      call.once('status', () => resolve());
      if (!this.#options.connection.ready || signal?.aborted === true) {
        call.cancel();
        return;
      }
      call.end();
      const cut = this.#clock.setTimeout(() => call.cancel(), END_TIMEOUT_MS);
      call.once('status', () => cut.cancel());
      signal?.addEventListener('abort', () => call.cancel(), { once: true });
    });
  }

  async #connect(): Promise<void> {
    const { connection } = this.#options;
    let call: Call<Request, Response>;
    try {
      call = await this.#options.open(connection);
    } catch (error) {
      this.#again(describeError(error), 'control plane cannot be reached');
      return;
    }
    // What went wrong is in the status, which always follows.
    call.on('error', () => {});
    if (this.#stopped) {
      call.cancel();
      return;
    }
    this.#call = call;
    this.#openedMs = this.#clock.monotonicMs();
    this.#timer = this.#clock.setTimeout(() => {
      if (connection.ready) this.#answered();
      else this.restart(`no connection within ${CONNECT_TIMEOUT_MS / 1000} s`);
    }, CONNECT_TIMEOUT_MS);
    call.on('metadata', () => this.#answered());
    call.on('data', (message: Response) => this.#received(message));
    call.on('status', (ended: StatusObject) => this.#ended(ended));
    this.#options.onOpen();
  }

  #received(message: Response): void {
    this.#answered();
    try {
      this.#options.onMessage?.(message);
    } catch (error) {
      this.restart(`a message could not be handled: ${describeError(error)}`);
    }
  }

  #answered(): void {
    if (this.#connected) return;
    this.#connected = true;
    this.#timer?.cancel();
    if (this.#loggedReason === '') return;
    this.#loggedReason = '';
    this.#options.log.info(this.#fields(), 'control plane is back');
  }

  #ended(ended: StatusObject): void {
    const wasConnected = this.#connected;
    this.#timer?.cancel();
    this.#call = undefined;
    this.#connected = false;
    this.#options.onClosed?.(wasConnected);
    const livedMs = this.#clock.monotonicMs() - this.#openedMs;
    if (wasConnected && livedMs > STABLE_MS) this.#backoff.reset();
    const reason = this.#cancelReason ?? `${status[ended.code]}: ${ended.details}`;
    this.#cancelReason = undefined;
    this.#again(
      reason,
      wasConnected ? 'stream from the control plane ended' : 'control plane cannot be reached',
    );
  }

  #again(reason: string, message: string): void {
    if (this.#stopped) return;
    const delayMs = this.#backoff.nextMs();
    const nowMs = this.#clock.monotonicMs();
    if (reason !== this.#loggedReason || nowMs - this.#loggedMs > LOG_AGAIN_MS) {
      this.#loggedReason = reason;
      this.#loggedMs = nowMs;
      const fields = { ...this.#fields(), reason, retryInMs: Math.round(delayMs) };
      this.#options.log.warn(fields, message);
    }
    this.#timer = this.#clock.setTimeout(() => void this.#connect(), delayMs);
  }

  #fields(): { stream: string; controlPlane: string } {
    const { carries, connection } = this.#options;
    return { stream: carries, controlPlane: connection.target };
  }
}
