import type { MeshError } from '../../runtime/errors.ts';
import type { HttpRule } from '../config/types.ts';
import type { RequestHead } from '../message.ts';
import type { EffectivePolicy } from '../policy/effective.ts';
import type { Layer } from '../policy/layer.ts';
import type { Party } from '../telemetry/types.ts';
import type { Cluster } from '../upstream/types.ts';

/** What was decided for a request when it arrived; it keeps this to its end. */
export interface Route {
  /** The HTTPRoute rule that took it; empty when none did. */
  readonly name: string;
  readonly cluster: Cluster;
  readonly policy: EffectivePolicy;
  readonly layers: readonly Layer[];
  /** Those that look at responses, innermost first: none of most routes. */
  readonly responseLayers: readonly Layer[];
}

/** The rules in force for one destination. */
export interface RouteTable {
  /** Some rule looks at the path: then the path that it looked at is the one forwarded. */
  readonly decidesByPath: boolean;
  /** Error codes: `no-route`, `invalid-backend`, `ambiguous-path`. */
  select(head: RequestHead): Route | MeshError;
  /** The same question, answered with the reasons. */
  explain(head: RequestHead): RouteDecision;
}

/** How a table decides about a request. */
export interface RouteDecision {
  /** The rules that did not take it, in the order in which they were asked. */
  readonly passed: readonly { readonly rule: HttpRule; readonly reasons: readonly string[] }[];
  /** The rule that took it; undefined when none did. */
  readonly taken: HttpRule | undefined;
  /** Rules that were not asked any more. */
  readonly unasked: readonly HttpRule[];
  /** Where it may go, by weight. */
  readonly choices: readonly { readonly item: Route | MeshError; readonly weight: number }[];
}

/** Where a request goes before its rules are asked. */
export interface HttpTarget {
  /** `<namespace>/<name>`; empty when no service was called. */
  readonly service: string;
  /** Becomes the Host of a request that came without one, as HTTP/1.0 allows. */
  readonly authority: string;
  /** For the records of requests that reach no endpoint. */
  readonly destination: Party;
  readonly routes: RouteTable;
}
