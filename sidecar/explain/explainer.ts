import type { Clock } from '../../runtime/clock.ts';
import { MeshError } from '../../runtime/errors.ts';
import type { CompiledConfig, OutboundTarget } from '../compile.ts';
import type { Faults } from '../config/faults.ts';
import type { Filters } from '../config/filters.ts';
import type { RateLimits } from '../config/rate-limits.ts';
import type { Policy } from '../config/types.ts';
import type { ConfigView } from '../config/view.ts';
import { type Destination, Destinations } from '../listener/destinations.ts';
import type { RequestHead } from '../message.ts';
import { NO_POLICY } from '../policy/defaults.ts';
import { statusOf } from '../policy/respond.ts';
import { compileMatches } from '../route/match.ts';
import type { RouteDecision } from '../route/route.ts';
import type { ClusterRegistry } from '../upstream/clusters.ts';
import { describeChoice, type ExplainedBackend, type KnownEndpoint } from './backend.ts';
import { describeOutcome } from './outcome.ts';
import { type Question, readQuestion } from './question.ts';

/** What would become of a request that this pod's application sends, and why. */
export interface Explanation {
  readonly request: {
    readonly method: string;
    readonly url: string;
    readonly host: string;
    /** As rules see it. */
    readonly path: string;
  };
  /** One sentence. */
  readonly outcome: string;
  readonly destination: ExplainedDestination;
  /** In the order in which they are asked. */
  readonly rules: readonly ExplainedRule[];
  /** Of the rule that took it. */
  readonly filters?: Filters;
  /** Policies that have a say, `<namespace>/<name>`. */
  readonly policies: readonly string[];
  /** A fault that is injected on purpose, where there is one. */
  readonly faults?: Faults & { readonly meetsThis: boolean };
  /** Counted before it leaves. */
  readonly rateLimits?: RateLimits;
  /** Where it may go, each with its share. */
  readonly backends: readonly ExplainedBackend[];
}

export type ExplainedDestination =
  | {
      readonly kind: 'service';
      readonly service: string;
      readonly port: number;
      readonly protocol: string;
      /** Where it has routes, what they do not take is answered with 404. */
      readonly routes: boolean;
    }
  | { readonly kind: 'direct'; readonly address: string; readonly reason: string };

interface ExplainedRule {
  readonly rule: string;
  readonly verdict: 'passed over' | 'taken' | 'not asked';
  readonly because: readonly string[];
}

/**
 * Answers what would become of a request without sending it. It asks what real
 * requests ask: the same destinations, route tables and clusters.
 */
export class Explainer {
  readonly #compiled: () => CompiledConfig;
  readonly #clusters: ClusterRegistry;
  readonly #destinations: Destinations;
  readonly #redirected: boolean;

  constructor(options: {
    readonly view: ConfigView;
    readonly compiled: () => CompiledConfig;
    readonly clusters: ClusterRegistry;
    readonly clock: Clock;
    /** The pod's. */
    readonly namespace: string;
    /** Connections are redirected here: a name is resolved before the sidecar sees it. */
    readonly redirected: boolean;
  }) {
    this.#redirected = options.redirected;
    this.#compiled = options.compiled;
    this.#clusters = options.clusters;
    this.#destinations = new Destinations(options);
  }

  /** @throws MeshError `bad-question` */
  async explain(text: string): Promise<Explanation> {
    const question = readQuestion(text);
    const found = await this.#find(question);
    const { method, host, path } = question.request;
    const request = { method, url: question.url, host, path };
    if (found.kind === 'direct') return explainDirect(request, found);
    const { target } = found;
    if (this.#redirected && target.service.addresses.length === 0) {
      return explainHeadless(request, target);
    }
    const decision = target.http.routes.explain(question.request);
    const backends = this.#backends(decision);
    const outcome = describeOutcome(question.request, target, decision, backends);
    const policy = decision.taken?.policy ?? this.#servicePolicy(target);
    return {
      request,
      outcome: outcome + faultNote(policy, question.request),
      destination: {
        kind: 'service',
        service: target.name,
        port: target.port.port,
        protocol: target.protocol,
        routes:
          decision.passed.length + decision.unasked.length > 0 || decision.taken !== undefined,
      },
      rules: explainRules(decision),
      ...explainPolicy(policy, question.request),
      ...(decision.taken?.filters === undefined ? {} : { filters: decision.taken.filters }),
      backends,
    };
  }

  /** As a connection would: where details are not known yet, it waits for them. */
  async #find(question: Question): Promise<Exclude<Destination, { kind: 'pending' }>> {
    for (;;) {
      const found = this.#destinations.find(question.host, question.port);
      if (found.kind !== 'pending') return found;
      await new Promise<void>((resolve) => {
        found.wait(resolve);
      });
    }
  }

  #backends({ choices }: RouteDecision): ExplainedBackend[] {
    const total = choices.reduce((sum, { weight }) => sum + weight, 0);
    const clusters = this.#clusters.describe();
    return choices.map(({ item, weight }) => {
      const share = total === 0 ? 0 : weight / total;
      if (!(item instanceof MeshError)) {
        return describeChoice(item, share, clusters[item.cluster.name], (address) =>
          this.#endpointAt(item.cluster.name, address),
        );
      }
      const { code: error, message: because } = item;
      return { backend: 'none', share, answers: statusOf(item), error, because };
    });
  }

  #endpointAt(cluster: string, address: string): KnownEndpoint | undefined {
    const service = cluster.slice(0, cluster.lastIndexOf(':'));
    const endpoints = this.#compiled().config.endpoints.get(service)?.endpoints;
    return endpoints?.find((endpoint) => endpoint.address === address);
  }

  #servicePolicy({ name, port }: OutboundTarget): Policy {
    const { ports } = this.#compiled().config.routes.get(name) ?? { ports: [] };
    return ports.find((candidate) => candidate.port === port.port)?.policy ?? NO_POLICY;
  }
}

function explainRules({ passed, taken, unasked }: RouteDecision): ExplainedRule[] {
  return [
    ...passed.map(({ rule, reasons }) => ({
      rule: rule.name,
      verdict: 'passed over' as const,
      because: reasons,
    })),
    ...(taken === undefined
      ? []
      : [{ rule: taken.name, verdict: 'taken' as const, because: [matchesOf(taken.matches)] }]),
    ...unasked.map(({ name }) => ({
      rule: name,
      verdict: 'not asked' as const,
      because: [
        taken === undefined ? 'the path is ambiguous' : 'a rule before it took the request',
      ],
    })),
  ];
}

function faultNote({ faults }: Policy, request: RequestHead): string {
  if (faults === undefined || !compileMatches(faults.matches)(request)) return '';
  return `; on the way it may meet the faults of FaultPolicy ${faults.source}`;
}

function explainPolicy(
  { sources, faults, rateLimits }: Policy,
  request: RequestHead,
): Pick<Explanation, 'policies' | 'faults' | 'rateLimits'> {
  const others = [faults?.source, rateLimits?.source].filter((source) => source !== undefined);
  return {
    policies: [...new Set([...sources, ...others])],
    ...(faults === undefined
      ? {}
      : { faults: { meetsThis: compileMatches(faults.matches)(request), ...faults } }),
    ...(rateLimits === undefined ? {} : { rateLimits }),
  };
}

function matchesOf({ length }: { readonly length: number }): string {
  return length === 0 ? 'it takes every request' : 'it is the first that matches';
}

function explainHeadless(
  request: Explanation['request'],
  { name, port }: OutboundTarget,
): Explanation {
  const address = `${name}:${port.port}`;
  const reason =
    'a headless Service: its name stands for the addresses of its pods, to which no routes and no policies belong';
  const destination = { kind: 'direct' as const, address, reason };
  return {
    ...{ request, destination, rules: [], policies: [], backends: [] },
    outcome: `goes to the pod that the application picks of ${address}: ${reason}`,
  };
}

function explainDirect(
  request: Explanation['request'],
  { host, port, workload, opaque }: Extract<Destination, { kind: 'direct' }>,
): Explanation {
  const address = `${host}:${port}`;
  const reason = opaque
    ? 'the control plane has not told what belongs to this service, so its bytes just pass'
    : workload !== undefined
      ? `a pod of ${workload.namespace}/${workload.workload} by its own address: no routes and no policies`
      : 'no service and no pod of the mesh: no routes and no policies';
  const how = workload !== undefined && workload.trunkPort > 0 ? 'by mutual TLS' : 'in plain text';
  const destination = { kind: 'direct' as const, address, reason };
  return {
    ...{ request, destination, rules: [], policies: [], backends: [] },
    outcome: `goes to ${address} ${how}: ${reason}`,
  };
}
