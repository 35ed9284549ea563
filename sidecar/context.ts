import type { Clock } from '../runtime/clock.ts';
import type { MeshError } from '../runtime/errors.ts';
import type { EventLog } from '../runtime/throttled-log.ts';
import type { AccessLog } from './access-log/access-log.ts';
import type { RequestHead } from './message.ts';
import type { HttpTarget } from './route/route.ts';
import type { Direction, Party, TrafficObserver } from './telemetry/types.ts';
import type { Transport } from './transport.ts';

/** What a listener tells the HTTP engine about the connections that it hands over. */
export interface HttpContext {
  readonly direction: Direction;
  readonly source: Party;
  /** The connection itself is protected by mTLS. Inbound records and headers go by it. */
  readonly mutualTls: boolean;
  readonly observer: TrafficObserver;
  readonly clock: Clock;
  readonly log: EventLog;
  /** Undefined when nobody asked for one. */
  readonly accessLog?: AccessLog | undefined;

  /**
   * Called for every request anew, so that a changed configuration is in force
   * for the next request of a kept connection. An error refuses the request.
   */
  resolve(head: RequestHead): HttpTarget | MeshError | Unresolved;

  /**
   * Takes over a CONNECT, with the bytes that came after its head; the engine
   * does not touch the transport any more. It answers by itself, with
   * `CONNECTION_ESTABLISHED` or `writeRefusal`. Without this hook CONNECT is refused.
   */
  onConnect?(head: RequestHead, transport: Transport, rest: Buffer | undefined): void;
}

/** The details of the destination are on their way. */
export interface Unresolved {
  /**
   * `again` is called once, when it is worth asking `resolve` again; whoever
   * waits too long answers that with an error. Returns the way to stop waiting.
   */
  wait(again: () => void): () => void;
}

/** A downstream connection in the engine's hands. */
export interface HttpConnection {
  /** Since when no request is under way; undefined while one is. By the context's clock. */
  readonly idleSinceMs: number | undefined;

  /**
   * Says `connection: close` with the response under way or with the next one, and
   * closes after it. Where none comes, closes a moment later.
   */
  drain(): void;
}
