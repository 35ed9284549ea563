import type { Timer } from '../runtime/clock.ts';
import type { MeshError } from '../runtime/errors.ts';
import { type Party, UNKNOWN_PARTY } from './telemetry/types.ts';
import type { Reached } from './upstream/types.ts';

/** The one way in which an exchange ends. */
export type Outcome =
  /** The response was passed on whole. */
  | { readonly kind: 'completed' }
  /** A rule answered, in the place of any application. */
  | { readonly kind: 'answered' }
  /** Remora answered by itself. */
  | { readonly kind: 'refused'; readonly error: MeshError }
  /** The response had begun and could not be finished: the client's connection is cut. */
  | { readonly kind: 'cut'; readonly error: MeshError }
  /** The client went away. */
  | { readonly kind: 'abandoned' };

/** What is noted of an exchange on its way, for its layers. */
export class ExchangeNotes {
  outcome: Outcome | undefined;
  /** What the client got; 0 when it got no response. */
  status = 0;
  /** The outcome of a gRPC call, once it is known. */
  grpcStatus: number | undefined;
  requestBytes = 0;
  responseBytes = 0;
  destination: Party = UNKNOWN_PARTY;
  mutualTls: boolean;
  attempts = 0;
  /** Of the last attempt. */
  upstream: Reached | undefined;
  /** With which code the other sidecar ended the request, where it did. */
  peerErrorCode = '';

  // Kept here for the layers.
  requestTimer: Timer | undefined;
  attemptTimer: Timer | undefined;
  retries = 0;
  connectRetries = 0;
  replayed = false;
  /** What balancers that go by a hash shall go by. */
  hashKey: string | undefined;
  /** The endpoint that the client has been with, as it was told. */
  session: string | undefined;
  /** A Set-Cookie for the response; empty where none is wanted. */
  newCookie = '';
  traceId = '';
  /** Of a fault. */
  delayTimer: Timer | undefined;
  /** What is left of the rate limits, for the response; empty where there are none. */
  rateLimit = '';
  /** When the attempt before was over; of the last one, when its response began. */
  attemptEndedMs = 0;

  constructor(mutualTls: boolean) {
    this.mutualTls = mutualTls;
  }

  get errorCode(): string {
    const { outcome } = this;
    return outcome?.kind === 'refused' || outcome?.kind === 'cut' ? outcome.error.code : '';
  }
}
