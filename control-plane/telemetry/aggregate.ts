import type { Edge__Output } from '../../proto/gen/remora/v1/Edge.ts';
import type { Clock } from '../../runtime/clock.ts';
import { quantileMs, SlidingWindow, WINDOW_SECONDS } from './window.ts';

/** Who calls or is called. */
export interface Party {
  readonly namespace: string;
  readonly workload: string;
}

/** Traffic between two workloads during the last ten seconds, as `/telemetry` shows it. */
export interface EdgeRates {
  readonly source: Party;
  readonly destination: Party;
  /** `<namespace>/<name>` of the service that was called, or empty. */
  readonly service: string;
  /** The HTTPRoute rule that took the requests, or empty. */
  readonly route: string;
  readonly mutualTls: boolean;
  readonly protocol: string;
  /** Whose sidecar counted. */
  readonly reportedBy: 'source' | 'destination';
  readonly requestsPerSecond: number;
  /** From 0 to 1; null without requests. */
  readonly successRate: number | null;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  readonly retriesPerSecond: number;
  readonly connectionsPerSecond: number;
  readonly bytesSentPerSecond: number;
  readonly bytesReceivedPerSecond: number;
}

interface AggregatedEdge {
  readonly source: Party;
  readonly destination: Party;
  readonly service: string;
  readonly route: string;
  readonly mutualTls: boolean;
  readonly protocol: string;
  readonly reportedBy: 'source' | 'destination';
  readonly window: SlidingWindow;
}

/** About 2.5 KB each. More edges than this are not counted, until others fall silent. */
const EDGE_LIMIT = 5_000;
const NAME_LIMIT = 253;

/** Sums up what all sidecars report, by edge. */
export class TrafficAggregate {
  readonly #clock: Clock;
  readonly #edges = new Map<string, AggregatedEdge>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#edges.size;
  }

  /** False when there is no room for another edge. */
  add(report: Edge__Output): boolean {
    const second = this.#second;
    const edge = this.#edgeOf(report, second);
    edge?.window.add(second, report, report.durationBuckets);
    return edge !== undefined;
  }

  /**
   * All edges with traffic. Where both sides have a sidecar, both report: the
   * caller's word is taken, because it knows service, route and retries.
   */
  edges(): EdgeRates[] {
    const second = this.#second;
    this.#forgetIdle(second);
    const told = new Set<string>();
    for (const edge of this.#edges.values()) {
      if (edge.reportedBy === 'source') told.add(pairOf(edge));
    }
    return [...this.#edges.values()]
      .filter((edge) => edge.reportedBy === 'source' || !told.has(pairOf(edge)))
      .map((edge) => ratesOf(edge, second));
  }

  #edgeOf(report: Edge__Output, second: number): AggregatedEdge | undefined {
    const reportedBy = report.direction === 'OUTBOUND' ? 'source' : 'destination';
    const source = partyOf(report.source);
    const destination = partyOf(report.destination);
    const service = report.service.slice(0, NAME_LIMIT);
    const route = report.route.slice(0, 2 * NAME_LIMIT);
    const protocol = report.protocol.slice(0, 16);
    const mutualTls = report.mutualTls;
    const parties = [
      source.namespace,
      source.workload,
      destination.namespace,
      destination.workload,
    ];
    const key = [reportedBy, ...parties, service, route, mutualTls, protocol].join('\0');
    const known = this.#edges.get(key);
    if (known !== undefined) return known;
    if (this.#edges.size >= EDGE_LIMIT) this.#forgetIdle(second);
    if (this.#edges.size >= EDGE_LIMIT) return undefined;
    const edge: AggregatedEdge = {
      ...{ source, destination, service, route, mutualTls, protocol, reportedBy },
      window: new SlidingWindow(),
    };
    this.#edges.set(key, edge);
    return edge;
  }

  #forgetIdle(second: number): void {
    for (const [key, edge] of this.#edges) {
      if (edge.window.isIdle(second)) this.#edges.delete(key);
    }
  }

  get #second(): number {
    return Math.floor(this.#clock.monotonicMs() / 1000);
  }
}

function partyOf(party: { namespace: string; workload: string } | null): Party {
  return {
    namespace: (party?.namespace ?? '').slice(0, NAME_LIMIT),
    workload: (party?.workload ?? '').slice(0, NAME_LIMIT),
  };
}

function pairOf({ source, destination }: AggregatedEdge): string {
  return [source.namespace, source.workload, destination.namespace, destination.workload].join(
    '\0',
  );
}

function ratesOf(edge: AggregatedEdge, second: number): EdgeRates {
  const { window, ...names } = edge;
  const { counters, buckets } = window.sums(second);
  const perSecond = (count: number) => count / WINDOW_SECONDS;
  return {
    ...names,
    requestsPerSecond: perSecond(counters.requests),
    successRate:
      counters.requests === 0 ? null : Math.max(0, 1 - counters.failures / counters.requests),
    p50Ms: quantileMs(buckets, 0.5) ?? null,
    p99Ms: quantileMs(buckets, 0.99) ?? null,
    retriesPerSecond: perSecond(counters.retries),
    connectionsPerSecond: perSecond(counters.connections),
    bytesSentPerSecond: perSecond(counters.bytesSent),
    bytesReceivedPerSecond: perSecond(counters.bytesReceived),
  };
}
