import type { Clock } from '../../runtime/clock.ts';
import type { Endpoint } from '../config/types.ts';
import type { TrafficObserver } from '../telemetry/types.ts';
import type { ClusterPolicy } from './cluster-policy.ts';
import { ConnectionDemand } from './demand.ts';
import type { Dialed, Dialer } from './dialer.ts';
import { Dispatcher, type DispatcherOwner } from './dispatcher.ts';
import type { EndpointHealth } from './endpoint-health.ts';
import { effectiveLimits } from './limits.ts';
import { Member, type MemberOwner, memberKey } from './member.ts';
import { DEFAULT_CIRCUIT_BREAKER, OutlierDetection } from './outlier.ts';
import type { Selection } from './selection.ts';
import type {
  AcquireRequest,
  AcquireWaiter,
  Acquisition,
  AttemptOutcome,
  Cluster,
  StreamRequirement,
  StreamWaiter,
} from './types.ts';

export interface ClusterOptions {
  readonly name: string;
  /** `<namespace>/<name>` for records; empty where no service is meant. */
  readonly service: string;
  readonly dialer: Dialer;
  /** Whether failing endpoints are avoided. Off where there is only one by nature. */
  readonly avoidsFailing: boolean;
  /** Endpoints are on other machines, and may vanish without a word. */
  readonly remote: boolean;
  readonly observer: TrafficObserver;
  readonly clock: Clock;
  readonly random: () => number;
  /** Names this pod, for balancers that go by it. */
  readonly source: string;
  /** Asks the control plane for the endpoints. */
  readonly want: () => void;
}

/** Nothing of an endpoint that is in. */
function describeEjection({ state, ejectedFor }: EndpointHealth): object {
  return state === 'in' ? {} : { health: state, ejectedFor };
}

/** As it is told of in metrics. */
function placeOf({ endpoint, port }: Member): string {
  return `${endpoint.address}:${port}`;
}

/** A place to reach: an endpoint and the port on which it answers. */
export interface Target {
  readonly endpoint: Endpoint;
  readonly port: number;
}

/**
 * {@link Cluster} over a set of endpoints that comes and goes. Who asks for one is
 * handed to the {@link Dispatcher}; here stand the endpoints, and what becomes known
 * of them.
 */
export class EndpointCluster implements Cluster, DispatcherOwner, MemberOwner {
  readonly name: string;
  readonly #options: ClusterOptions;
  readonly #outliers: OutlierDetection<Member>;
  readonly #dispatcher: Dispatcher;
  readonly #selection: Selection;
  #lastUsedMs: number;
  /** Of connections between two requests, where a policy says so. */
  #idleLimitMs = Number.POSITIVE_INFINITY;

  constructor(options: ClusterOptions) {
    this.name = options.name;
    this.#options = options;
    this.#lastUsedMs = options.clock.monotonicMs();
    this.#dispatcher = new Dispatcher(options, this);
    this.#selection = this.#dispatcher.selection;
    this.#outliers = new OutlierDetection(options.clock, (member) => {
      const { observer, service } = this.#options;
      const endpoint = placeOf(member);
      const { state } = member.health;
      if (state === 'ejected') observer.ejected(service, endpoint);
      else if (state === 'in') {
        observer.restored(service, endpoint);
        this.#selection.warmUp(member);
      }
      this.#selection.recount();
    });
  }

  acquire(request: AcquireRequest, waiter: AcquireWaiter): Acquisition {
    this.#lastUsedMs = this.#options.clock.monotonicMs();
    const demand = new ConnectionDemand(request, waiter, this.#dispatcher);
    this.#dispatcher.begin(demand);
    return demand;
  }

  acquireStream(request: StreamRequirement, waiter: StreamWaiter): Acquisition {
    this.#lastUsedMs = this.#options.clock.monotonicMs();
    return this.#dispatcher.beginStream(request, waiter);
  }

  hasUntried(tried: readonly Endpoint[]): boolean {
    return this.#selection.hasUntried(tried);
  }

  /** @param targets undefined while the control plane has not told them */
  update(targets: readonly Target[] | undefined): void {
    if (targets === undefined) return;
    const { members } = this.#selection;
    const previous = new Map(members.map((member) => [member.key, member]));
    const next = targets.map((target) => {
      const kept = previous.get(memberKey(target.endpoint, target.port));
      if (kept === undefined) return this.#member(target);
      previous.delete(kept.key);
      kept.endpoint = target.endpoint;
      return kept;
    });
    const { observer, service } = this.#options;
    for (const member of previous.values()) {
      if (member.health.ejected) observer.restored(service, placeOf(member));
      this.#outliers.forget(member);
      member.remove();
    }
    this.#dispatcher.setMembers(next);
  }

  /**
   * @param policy undefined stands for the mesh's default
   * @param zone this pod's own; empty where it is not known
   */
  configure(policy: ClusterPolicy | undefined, zone = ''): void {
    this.#outliers.policy = policy?.circuitBreaker ?? DEFAULT_CIRCUIT_BREAKER;
    this.#selection.configure(policy?.loadBalancer, zone);
    this.#selection.timed = this.#outliers.timesAnswers;
    this.#selection.minHealthyPercent = this.#outliers.policy.minHealthyPercent ?? 0;
    this.#selection.recount();
    this.#dispatcher.limits = effectiveLimits(policy?.limits);
    this.#idleLimitMs = policy?.idleTimeoutMs || Number.POSITIVE_INFINITY;
    for (const { pool } of this.#selection.members) pool.limitMs = this.#idleLimitMs;
  }

  /** Nothing is under way or idle, and nothing was for this long. */
  unusedForMs(nowMs: number): number {
    const used = this.#selection.members.some(
      (member) => member.inFlight > 0 || member.connections > 0,
    );
    if (used || this.#dispatcher.waits) this.#lastUsedMs = nowMs;
    return nowMs - this.#lastUsedMs;
  }

  sweep(nowMs: number): void {
    for (const member of this.#selection.members) member.sweep(nowMs);
    this.#outliers.compare(this.#selection.members, nowMs);
  }

  /** For `/config_dump`: what concerns all endpoints together. */
  describePolicy(): object {
    const breaker = this.#options.avoidsFailing ? { circuitBreaker: this.#outliers.policy } : {};
    return { ...this.#dispatcher.describe(), ...breaker };
  }

  /** The same for each endpoint. */
  describe(): readonly object[] {
    return this.#selection.members.map((member) => ({
      address: member.endpoint.address,
      port: member.port,
      inFlight: member.inFlight,
      idle: member.pool.size,
      shared: member.startedStreams?.size ?? 0,
      consecutiveErrors: member.health.consecutiveErrors,
      ejected: member.health.ejected,
      ...describeEjection(member.health),
      usable: member.usable,
      ...this.#selection.describe(member),
    }));
  }

  /** Idle connections end; those on loan go on. */
  close(): void {
    this.update([]);
    this.#outliers.close();
  }

  // From what was lent.

  began(member: Member): void {
    this.#outliers.tried(member);
  }

  responded(member: Member, lentMs: number): void {
    this.#selection.observe(member, lentMs, true);
    if (lentMs !== 0) this.#outliers.answered(member, this.#options.clock.monotonicMs() - lentMs);
    // The rest of the response may take long.
    if (member.health.state === 'on-trial') this.#outliers.succeeded(member);
  }

  reported(member: Member, outcome: AttemptOutcome, lentMs: number | undefined): void {
    if (outcome === 'success') this.#outliers.succeeded(member);
    else if (outcome === 'outrun') {
      this.#outliers.cancelled(member);
      if (lentMs !== undefined && lentMs !== 0) {
        this.#outliers.answered(member, this.#options.clock.monotonicMs() - lentMs);
      }
    } else if (outcome === 'cancelled') this.#outliers.cancelled(member);
    else this.#failed(member, outcome === 'gateway-error');
    if (outcome !== 'success' && lentMs !== undefined) {
      this.#selection.observe(member, lentMs, false);
    }
  }

  returned(member: Member, dialed: Dialed, reusable: boolean): void {
    this.#endLoan(member);
    if (reusable && !member.removed && this.#dispatcher.keepsReturned) {
      member.pool.put(dialed, this.#options.clock.monotonicMs());
    } else dialed.transport.destroy();
    this.#dispatcher.freed();
  }

  shared(member: Member, dialed: Dialed, first: Buffer | undefined): void {
    this.#endLoan(member);
    if (member.removed) dialed.transport.destroy();
    else member.streams.adopt(dialed, first);
  }

  lost(member: Member): void {
    this.#endLoan(member);
    this.#dispatcher.freed();
  }

  streamOver(member: Member): void {
    this.#dispatcher.ended(member);
    this.#dispatcher.freedSoon();
  }

  #endLoan(member: Member): void {
    member.loans -= 1;
    this.#dispatcher.ended(member);
  }

  // From members and their connections.

  usableChanged(): void {
    this.#selection.recount();
  }

  streamsFreed(): void {
    this.#dispatcher.freed();
  }

  dialFailed(member: Member): void {
    this.#failed(member, true);
  }

  #failed(member: Member, isGateway: boolean): void {
    if (this.#options.avoidsFailing && !member.removed) {
      this.#outliers.failed(member, isGateway, this.#selection.members.length);
    }
  }

  #member(target: Target): Member {
    const { dialer, avoidsFailing, remote, clock } = this.#options;
    const { endpoint, port } = target;
    const hasBreaker = avoidsFailing;
    const member = new Member({ endpoint, port, dialer, hasBreaker, remote, clock, owner: this });
    member.pool.limitMs = this.#idleLimitMs;
    return member;
  }
}
