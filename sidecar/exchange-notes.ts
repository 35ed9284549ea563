import type { Timer } from '../runtime/clock.ts';
import type { MeshError } from '../runtime/errors.ts';
import type { Endpoint } from './config/types.ts';
import type { HttpContext } from './context.ts';
import { DEFAULT_POLICY } from './policy/defaults.ts';
import type { EffectivePolicy } from './policy/effective.ts';
import type { HttpTarget, Route } from './route/route.ts';
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
  readonly context: HttpContext;
  protected target: HttpTarget | undefined;
  protected route: Route | undefined;
  /** Endpoints that were picked, for one attempt or another. */
  readonly tried: Endpoint[] = [];
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
  /** The client was told to send its body. */
  continueSent = false;
  /** Of the last attempt. */
  upstream: Reached | undefined;
  /** With which code the other sidecar ended the request, where it did. */
  peerErrorCode = '';

  // Kept here for the layers.
  requestTimer: Timer | undefined;
  attemptTimer: Timer | undefined;
  retries = 0;
  /** It was sent to a second endpoint, or was not for want of budget: it is not going to be again. */
  hedged = false;
  hedgeTimer: Timer | undefined;
  /** When the attempt under way began, where its time is measured; else 0. */
  measuredSinceMs = 0;
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

  constructor(context: HttpContext) {
    this.context = context;
    this.mutualTls = context.mutualTls;
  }

  get policy(): EffectivePolicy {
    return this.route?.policy ?? DEFAULT_POLICY;
  }

  get service(): string {
    return this.target?.service ?? '';
  }

  get routeName(): string {
    return this.route?.name ?? '';
  }

  /** Becomes the Host of a request that came without one. */
  get authority(): string {
    return this.target?.authority ?? '';
  }

  /** A rule decided by the path: it goes on as it was decided upon. */
  get sendsNormalPath(): boolean {
    return this.target?.routes.decidesByPath === true;
  }

  get hasUntriedEndpoint(): boolean {
    return this.route?.cluster.hasUntried(this.tried) === true;
  }

  /** Who is going to answer. @param reached undefined when it was not */
  attemptReached(endpoint: Endpoint, reached: Reached | undefined): void {
    this.upstream = reached;
    if (this.context.direction === 'inbound') return;
    this.destination = endpoint.workload;
    this.mutualTls = reached?.mutualTls === true;
  }

  get errorCode(): string {
    const { outcome } = this;
    return outcome?.kind === 'refused' || outcome?.kind === 'cut' ? outcome.error.code : '';
  }
}
