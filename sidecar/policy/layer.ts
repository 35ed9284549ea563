import type { MeshError } from '../../runtime/errors.ts';
import type { Answer } from '../answer.ts';
import type { Exchange } from '../exchange.ts';
import type { ResponseHead, ResponseMessage } from '../message.ts';

/** The request waits. */
export const HELD: unique symbol = Symbol('held');

/**
 * One concern of an exchange, as hooks that are called in the order of the list
 * it stands in (`outbound.ts`, `inbound.ts`). Layers keep no state of their own:
 * what concerns one exchange is kept on it.
 */
export interface Layer {
  readonly name: string;
  /**
   * The route is known and nothing was sent yet. An error refuses the request, an
   * answer ends it. {@link HELD} keeps it from the layers that follow until the layer
   * says `exchange.proceed()`, or ends it by `fail`.
   */
  onRequest?(exchange: Exchange): MeshError | Answer | typeof HELD | undefined;
  /** An attempt begins: an endpoint is going to be picked. */
  onAttempt?(exchange: Exchange): void;
  /** An attempt is over: its response has begun, or it failed. */
  onAttemptEnd?(exchange: Exchange): void;
  /**
   * An attempt failed before anything of a response was passed on, and the request
   * can be sent again. A number asks for that, after a pause of so many ms; the
   * first layer that asks is followed.
   */
  onAttemptFailed?(exchange: Exchange, failure: AttemptFailure): number | undefined;
  /**
   * The client is going to get this response, from an application or a layer; called
   * in the reverse order of the list. Not for errors that Remora tells.
   */
  onResponse?(exchange: Exchange, response: ResponseMessage): void;
  /** The connection now speaks another protocol, for as long as both sides like. */
  onUpgraded?(exchange: Exchange): void;
  /** The exchange is over; `exchange.outcome` says how. */
  onEnd?(exchange: Exchange): void;
}

/**
 * The same layers as objects of one shape, so that asking each for a hook costs little.
 * For the lists that exchanges go through.
 */
export function stackOf(layers: readonly Layer[]): readonly Layer[] {
  return layers.map((layer) => ({ ...(NO_HOOKS as object), ...layer }));
}

/** Those that change responses, innermost first. */
export function responseLayersOf(layers: readonly Layer[]): readonly Layer[] {
  return layers.filter((layer) => layer.onResponse !== undefined).reverse();
}

const NO_HOOKS = {
  name: '',
  onRequest: undefined,
  onAttempt: undefined,
  onAttemptEnd: undefined,
  onAttemptFailed: undefined,
  onResponse: undefined,
  onUpgraded: undefined,
  onEnd: undefined,
};

export type AttemptFailure =
  /**
   * An endpoint was picked and could not be reached; nothing came to the application.
   * With a status when the endpoint's own sidecar said so.
   */
  | { readonly kind: 'connect'; readonly error: MeshError; readonly status?: number }
  /** The connection broke before the first byte of a response. */
  | { readonly kind: 'reset'; readonly error: MeshError; readonly reused: boolean }
  /** The server has not looked at the request, and said so (RFC 9113 §8.7). */
  | { readonly kind: 'refused'; readonly error: MeshError }
  | { readonly kind: 'timeout'; readonly error: MeshError }
  /** Of a gRPC call that ended with its head, the status is the one that says the same. */
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly grpcStatus: number | undefined;
      readonly response: ResponseHead;
    }
  /** Another attempt would end alike: nobody to send to, a response that is not HTTP. */
  | { readonly kind: 'final'; readonly error: MeshError };

/** Methods that may be sent twice without asking (RFC 9110 §9.2.2). */
export const IDEMPOTENT_METHODS: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'OPTIONS',
  'TRACE',
  'PUT',
  'DELETE',
]);
