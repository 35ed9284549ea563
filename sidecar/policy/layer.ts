import type { MeshError } from '../../runtime/errors.ts';
import type { Exchange } from '../exchange.ts';

/**
 * One concern of an exchange, as hooks that are called in the order of the list
 * it stands in (`outbound.ts`, `inbound.ts`). Layers keep no state of their own:
 * what concerns one exchange is kept on it.
 */
export interface Layer {
  readonly name: string;
  /** The head is complete and nothing was sent yet. An error refuses the request. */
  onRequest?(exchange: Exchange): MeshError | undefined;
  /** A try begins: an endpoint is going to be picked. */
  onTry?(exchange: Exchange): void;
  /** A try failed before anything of a response was passed on. A number is the pause before the next try, in ms. */
  onTryFailed?(exchange: Exchange, failure: TryFailure): number | undefined;
  /** A try is over: it failed, or its response has begun. */
  onTryEnd?(exchange: Exchange): void;
  /** The exchange is over; `exchange.outcome` says how. */
  onEnd?(exchange: Exchange): void;
}

export type TryFailure =
  /** No connection; nothing reached the application. */
  | { readonly kind: 'connect'; readonly error: MeshError }
  /** The connection broke before the first byte of a response. */
  | { readonly kind: 'reset'; readonly error: MeshError; readonly reused: boolean }
  | { readonly kind: 'timeout'; readonly error: MeshError }
  | { readonly kind: 'status'; readonly status: number };
