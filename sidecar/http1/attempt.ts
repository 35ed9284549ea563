import type { MeshError } from '../../runtime/errors.ts';
import type { Endpoint } from '../config/types.ts';
import { countDialedConnection } from '../count-connection.ts';
import type { Attempt, AttemptOwner } from '../downstream.ts';
import { outcomeOfHead } from '../policy/endpoint-outcome.ts';
import { IDEMPOTENT_METHODS } from '../policy/layer.ts';
import type { BodyTarget } from '../request-body.ts';
import { neverOpened, type OwnedTransport, type Transport } from '../transport.ts';
import type {
  AcquireWaiter,
  Acquisition,
  AttemptOutcome,
  Cluster,
  UpstreamConnection,
} from '../upstream/types.ts';
import { ResponseReader, type ResponseSink } from './client.ts';
import type { Response } from './response.ts';
import type { Http1 } from './version.ts';
import { BodyWriter } from './write-body.ts';

const GATEWAY = 'gateway-error';

/** The client's connection, when both sides agree to speak another protocol on it. */
export interface UpgradeTarget {
  /** Relays bytes both ways; ends with `Exchange.upgradeEnded`. */
  upgrade(response: Response, upstream: Transport, rest: Buffer | undefined): void;
}

/**
 * One sending of a request on a connection that it has for itself meanwhile.
 * Gives the connection back exactly once.
 */
export class Http1Attempt implements Attempt, AcquireWaiter, ResponseSink, BodyTarget<Buffer> {
  readonly #owner: AttemptOwner<Http1>;
  readonly #cluster: Cluster;
  readonly #client: UpgradeTarget;
  #acquisition: Acquisition | undefined;
  #connection: UpstreamConnection | undefined;
  #reader: ResponseReader | undefined;
  #writer: BodyWriter | undefined;
  #sent = false;
  #reported = false;
  /** The response is thrown away: another attempt follows. */
  #discarding = false;
  #over = false;

  constructor(owner: AttemptOwner<Http1>, cluster: Cluster, client: UpgradeTarget) {
    this.#owner = owner;
    this.#cluster = cluster;
    this.#client = client;
  }

  start(): void {
    const { tried, policy, request } = this.#owner;
    const acquisition = this.#cluster.acquire(
      {
        tried,
        connectTimeoutMs: policy.connectTimeoutMs,
        pooled: request.upgrade === undefined,
        hashKey: this.#owner.hashKey,
        session: this.#owner.session,
        early: request.upgrade === undefined && IDEMPOTENT_METHODS.has(request.method),
      },
      this,
    );
    if (this.#connection === undefined && !this.#over) this.#acquisition = acquisition;
  }

  onDialed(transport: OwnedTransport, endpoint: Endpoint, mutualTls: boolean): void {
    countDialedConnection(this.#owner, transport, endpoint, mutualTls);
  }

  onConnection(connection: UpstreamConnection): void {
    this.#acquisition = undefined;
    if (this.#over) {
      connection.report('cancelled');
      connection.release(true);
      return;
    }
    const { request, sendsNormalPath, authority } = this.#owner;
    this.#connection = connection;
    this.#owner.attemptPicked(connection.endpoint, connection);
    this.#reader = new ResponseReader(request.method, request.upgrade !== undefined, this);
    this.#writer = new BodyWriter(connection.transport, request.framing);
    connection.transport.write(request.encode(sendsNormalPath, authority));
    this.#reader.start(connection.transport);
    this.#owner.attemptConnected(this);
  }

  onError(error: MeshError, endpoint: Endpoint | undefined): void {
    this.#acquisition = undefined;
    if (this.#over) return;
    this.#over = true;
    if (endpoint !== undefined) this.#owner.attemptPicked(endpoint, undefined);
    this.#owner.attemptFailed({ kind: endpoint === undefined ? 'final' : 'connect', error });
  }

  writeBody(bytes: Buffer, last: boolean): boolean {
    if (this.#over) return true;
    const writable = this.#writer?.write(bytes) ?? true;
    if (last) this.endBody(undefined);
    return writable;
  }

  endBody(trailers: Buffer | undefined): void {
    if (this.#over) return;
    this.#sent = true;
    this.#writer?.end(trailers);
  }

  pause(): void {
    if (!this.#over) this.#connection?.transport.pause();
  }

  resume(): void {
    if (!this.#over) this.#connection?.transport.resume();
  }

  abort(outcome: AttemptOutcome): void {
    if (this.#over) return;
    this.#acquisition?.cancel();
    this.#finish(outcome, false);
  }

  onInterim(response: Response): void {
    this.#owner.interim(response);
  }

  onResponse(response: Response): void {
    // Known now, and a body may take long.
    const fromSidecar = this.#connection?.mutualTls === true;
    const outcome = outcomeOfHead(response, fromSidecar);
    if (outcome === 'success') this.#connection?.responded();
    else this.#report(outcome);
    if (this.#owner.responseBegan(response, fromSidecar)) return;
    this.#discarding = true;
    // A body that did not come along with the head is not worth waiting for.
    queueMicrotask(() => this.abort('success'));
  }

  onResponseBody(bytes: Buffer): void {
    if (!this.#discarding) this.#owner.responseBody(bytes, false);
  }

  onResponseEnd(trailers: Buffer | undefined, clean: boolean): void {
    this.#finish('success', clean && this.#sent);
    if (!this.#discarding) this.#owner.responseEnded(trailers);
  }

  onUpgraded(response: Response, rest: Buffer | undefined): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#report('success');
    this.#owner.upgraded(response);
    this.#client.upgrade(response, connection.transport, rest);
  }

  onWritable(): void {
    if (!this.#over && !this.#discarding) this.#owner.attemptWritable();
  }

  onFailure(error: MeshError, anyByte: boolean): void {
    const reused = this.#connection?.reused === true;
    this.#finish(GATEWAY, false);
    if (this.#discarding) return;
    if (anyByte) this.#owner.attemptFailed({ kind: 'final', error });
    else if (neverOpened(error)) this.#owner.attemptFailed({ kind: 'connect', error });
    else this.#owner.attemptFailed({ kind: 'reset', error, reused });
  }

  #finish(outcome: AttemptOutcome, reusable: boolean): void {
    if (this.#over) return;
    this.#over = true;
    this.#reader?.detach();
    this.#report(outcome);
    // The pool must notice what happens on it.
    if (reusable) this.#connection?.transport.resume();
    this.#connection?.release(reusable);
  }

  /** The first report counts. */
  #report(outcome: AttemptOutcome): void {
    if (this.#reported) return;
    this.#reported = true;
    this.#connection?.report(outcome);
  }
}
