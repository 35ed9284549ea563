import type { Workload } from '../config/types.ts';
import type { EffectiveHedging } from '../policy/effective.ts';
import type { Route } from '../route/route.ts';

/** Where a request may go, or what answers in the place of anybody. */
export type ExplainedBackend =
  | {
      /** `<namespace>/<name>:<port>` */
      readonly backend: string;
      /** 0 to 1. */
      readonly share: number;
      readonly loadBalancer: unknown;
      readonly circuitBreaker: unknown;
      readonly limits: unknown;
      /** With the mesh's defaults filled in; 0 ms means no limit. */
      readonly policy: object;
      /** What happens on the way, outermost first. */
      readonly layers: readonly string[];
      readonly endpoints: readonly ExplainedEndpoint[];
    }
  | {
      readonly backend: 'none';
      readonly share: number;
      readonly answers: number;
      readonly error: string;
      readonly because: string;
    };

interface ExplainedEndpoint {
  readonly address: string;
  readonly pod: string;
  readonly workload: string;
  readonly mutualTls: boolean;
  /** May be picked. */
  readonly usable: boolean;
  readonly state: string;
  readonly inFlight: number;
  /** With a policy that looks at zones: where it is, and whether requests go there first. */
  readonly zone?: string;
  readonly preferred?: boolean;
  /** With a slow start: of its picks, from 0 to 1. */
  readonly share?: number;
}

/** An endpoint as the configuration has it. */
export interface KnownEndpoint {
  readonly workload: Workload;
}

/** What `/config_dump` tells of a cluster, as far as it is told here. */
interface DescribedCluster {
  readonly loadBalancer?: unknown;
  readonly circuitBreaker?: unknown;
  readonly limits?: unknown;
  readonly endpoints?: readonly DescribedEndpoint[];
}

interface DescribedEndpoint {
  readonly address: string;
  readonly port: number;
  readonly inFlight: number;
  readonly consecutiveErrors: number;
  /** A stage of an ejection; absent of one that is in. */
  readonly health?: string;
  readonly ejectedFor?: string;
  readonly usable: boolean;
  readonly zone?: string;
  readonly preferred?: boolean;
  readonly share?: number;
}

export function describeChoice(
  { cluster, policy, layers }: Route,
  share: number,
  described: DescribedCluster | undefined,
  known: (address: string) => KnownEndpoint | undefined,
): ExplainedBackend {
  const { retries, hedging, ...rest } = policy;
  const { budget: _, ...told } = retries ?? {};
  return {
    backend: cluster.name,
    share,
    loadBalancer: described?.loadBalancer,
    circuitBreaker: described?.circuitBreaker,
    limits: described?.limits,
    policy: {
      ...rest,
      ...(retries !== undefined && { retries: told }),
      ...(hedging !== undefined && { hedging: describeHedging(hedging) }),
    },
    layers: layers.map(({ name }) => name),
    endpoints: (described?.endpoints ?? []).map((endpoint) => {
      const workload = known(endpoint.address)?.workload;
      return {
        address: `${endpoint.address}:${endpoint.port}`,
        pod: workload === undefined ? '' : `${workload.namespace}/${workload.pod}`,
        workload: workload?.workload ?? '',
        mutualTls: (workload?.trunkPort ?? 0) > 0,
        usable: endpoint.usable,
        state: stateOf(endpoint),
        inFlight: endpoint.inFlight,
        ...ofSelection(endpoint),
      };
    }),
  };
}

/** With the delay that holds at the moment; null while too little is known of the service. */
function describeHedging({ budget: _, times: __, delay, ...told }: EffectiveHedging): object {
  return { ...told, delayMs: delay.lastMs ?? null };
}

/** What the policy's wishes have made of it, where it has any. */
function ofSelection({
  zone,
  preferred,
  share,
}: DescribedEndpoint): Pick<ExplainedEndpoint, 'zone' | 'preferred' | 'share'> {
  return {
    ...(zone !== undefined && { zone }),
    ...(preferred !== undefined && { preferred }),
    ...(share !== undefined && { share }),
  };
}

function stateOf(endpoint: DescribedEndpoint): string {
  const { health, ejectedFor, usable, consecutiveErrors } = endpoint;
  if (health === 'ejected') return `ejected ${ejectedFor}`;
  if (health === 'awaiting-trial') return `ejected ${ejectedFor}; the next request decides`;
  if (health === 'on-trial') return `ejected ${ejectedFor}; a request that is under way decides`;
  if (!usable) return 'left out for a moment: connections to it failed';
  return consecutiveErrors === 0 ? 'usable' : `usable, ${consecutiveErrors} errors in a row so far`;
}
