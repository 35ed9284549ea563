import type { Metadata, ServerDuplexStream, ServerReadableStream } from '@grpc/grpc-js';
import { status } from '@grpc/grpc-js';
import { describeError, MeshError } from '../../runtime/errors.ts';
import type { Log } from '../../runtime/log.ts';
import type { Authenticator, CallerIdentity } from '../identity/types.ts';
import type { ControlPlaneMetrics } from '../metrics.ts';

/** A call whose requests are a stream: all of ours are. */
export type StreamCall<Request, Response> =
  | ServerDuplexStream<Request, Response>
  | ServerReadableStream<Request, Response>;

/** What a service does with the calls of one method. */
export interface StreamHandler<Request> {
  onMessage(message: Request): void;
  /** Called once, however the call ended. */
  onEnd(): void;
}

/** Which status an error of ours becomes. What is not listed is our fault: INTERNAL. */
const STATUS_BY_CODE: Readonly<Record<string, number>> = {
  'token-invalid': status.UNAUTHENTICATED,
  'token-review-unavailable': status.UNAVAILABLE,
  'api-unavailable': status.UNAVAILABLE,
  'ca-not-ready': status.UNAVAILABLE,
  'not-synced': status.UNAVAILABLE,
  stopping: status.UNAVAILABLE,
  'not-allowed': status.PERMISSION_DENIED,
  'bad-request': status.INVALID_ARGUMENT,
  'bad-signing-request': status.INVALID_ARGUMENT,
  'too-many-requests': status.RESOURCE_EXHAUSTED,
};

/**
 * A sidecar has one stream of each kind, and for a moment those that broke
 * without a word. Of more, the oldest are not its own doing.
 */
const STREAMS_OF_A_POD = 8;

export interface StreamCallsOptions {
  readonly authenticator: Authenticator;
  readonly metrics: ControlPlaneMetrics;
  readonly log: Log;
}

/**
 * What the four services have in common: a call is checked before its first
 * message is read, ends with a status that says why, and is told when the
 * control plane stops.
 */
export class StreamCalls {
  readonly #options: StreamCallsOptions;
  readonly #open = new Map<unknown, (error: MeshError) => void>();
  /** By service and pod, the oldest first. */
  readonly #ofPod = new Map<string, Set<(error: MeshError) => void>>();
  #stopping = false;

  constructor(options: StreamCallsOptions) {
    this.#options = options;
  }

  /**
   * Authenticates a call and hands its messages to what `open` returns. An error
   * that `open` or the handler throws ends the call.
   */
  accept<Request, Response>(
    service: string,
    call: StreamCall<Request, Response>,
    open: (caller: CallerIdentity, fail: (error: unknown) => void) => StreamHandler<Request>,
  ): void {
    const { metrics, log } = this.#options;
    let handler: StreamHandler<Request> | undefined;
    let ended = false;
    let who: CallerIdentity | undefined;
    metrics.streams.inc({ service });
    const end = (): boolean => {
      if (ended) return false;
      ended = true;
      this.#open.delete(call);
      if (who !== undefined) this.#leave(keyOf(service, who), fail);
      metrics.streams.dec({ service });
      handler?.onEnd();
      return true;
    };
    const fail = (error: unknown): void => {
      if (!end()) return;
      const code = error instanceof MeshError ? error.code : 'internal';
      metrics.streamErrors.inc({ service, code });
      log[code === 'internal' ? 'error' : 'info'](
        { service, pod: who && `${who.namespace}/${who.pod}`, code, error: describeError(error) },
        'stream ended',
      );
      call.emit('error', {
        code: STATUS_BY_CODE[code] ?? status.INTERNAL,
        details: error instanceof MeshError ? error.message : 'internal error, see the log',
      });
    };
    const guarded = (action: () => void) => {
      if (ended) return;
      try {
        action();
      } catch (error) {
        fail(error);
      }
    };
    this.#open.set(call, fail);
    call.on('cancelled', end);
    call.on('close', end);
    if (this.#stopping) {
      fail(stopping());
      return;
    }
    this.#authenticate(call.metadata).then((caller) => {
      who = caller;
      guarded(() => {
        this.#enter(keyOf(service, caller), fail);
        handler = open(caller, fail);
        call.on('data', (message: Request) => guarded(() => handler?.onMessage(message)));
        call.on('end', () => {
          if (end() && 'end' in call) call.end();
        });
      });
    }, fail);
  }

  /** Tells every caller to go elsewhere, and from now on everybody who comes. */
  endAll(): void {
    this.#stopping = true;
    for (const fail of [...this.#open.values()]) fail(stopping());
  }

  /** A pod that opens streams without end loses the older ones. */
  #enter(key: string, fail: (error: MeshError) => void): void {
    const present = this.#ofPod.get(key) ?? new Set();
    this.#ofPod.set(key, present);
    present.add(fail);
    const [oldest] = present;
    if (present.size <= STREAMS_OF_A_POD || oldest === undefined) return;
    oldest(
      new MeshError(
        'too-many-requests',
        `the pod has more than ${STREAMS_OF_A_POD} streams of this kind; the oldest is closed`,
      ),
    );
  }

  #leave(key: string, fail: (error: MeshError) => void): void {
    const present = this.#ofPod.get(key);
    present?.delete(fail);
    if (present?.size === 0) this.#ofPod.delete(key);
  }

  async #authenticate(metadata: Metadata): Promise<CallerIdentity> {
    const [value] = metadata.get('authorization');
    const match = /^Bearer ([\x21-\x7e]+)$/i.exec(typeof value === 'string' ? value : '');
    if (match?.[1] === undefined) {
      throw new MeshError(
        'token-invalid',
        'the call has no "authorization: Bearer <token>" in its metadata',
      );
    }
    return await this.#options.authenticator.authenticate(match[1]);
  }
}

function keyOf(service: string, { namespace, pod }: CallerIdentity): string {
  return `${service} ${namespace}/${pod}`;
}

function stopping(): MeshError {
  return new MeshError('stopping', 'the control plane is stopping; connect again');
}
