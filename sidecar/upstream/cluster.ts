import type { Clock } from '../../runtime/clock.ts';
import { MeshError } from '../../runtime/errors.ts';
import type { CircuitBreaker, Endpoint } from '../config/types.ts';
import type { TrafficObserver } from '../telemetry/types.ts';
import { chooseOfTwo } from './balancer.ts';
import { ConnectionDemand, type Demand, type DemandOwner, SlotDemand } from './demand.ts';
import type { Dialed, Dialer } from './dialer.ts';
import { Member, type MemberOwner, memberKey } from './member.ts';
import { DEFAULT_CIRCUIT_BREAKER, OutlierDetection } from './outlier.ts';
import { Slot } from './slot.ts';
import type {
  AcquireRequest,
  AcquireWaiter,
  Acquisition,
  AttemptOutcome,
  Cluster,
  StreamRequirement,
  StreamWaiter,
} from './types.ts';

/** How long a request waits for endpoints that the control plane has not told yet. */
const ENDPOINTS_TIMEOUT_MS = 1_000;

const NOBODY: readonly Member[] = [];
const SERVED: Acquisition = { cancel: () => {} };

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
  /** Asks the control plane for the endpoints. */
  readonly want: () => void;
}

/** A place to reach: an endpoint and the port on which it answers. */
export interface Target {
  readonly endpoint: Endpoint;
  readonly port: number;
}

/** {@link Cluster} over a set of endpoints that comes and goes. */
export class EndpointCluster implements Cluster, DemandOwner, MemberOwner {
  readonly name: string;
  readonly #options: ClusterOptions;
  readonly #outliers: OutlierDetection<Member>;
  #members: readonly Member[] = [];
  /** Those of the members that the balancer may pick. */
  #usable: readonly Member[] = [];
  #known = false;
  /** Waiting for the endpoints to be known. */
  readonly #waiting = new Set<Demand>();
  #lastUsedMs: number;

  constructor(options: ClusterOptions) {
    this.name = options.name;
    this.#options = options;
    this.#lastUsedMs = options.clock.monotonicMs();
    this.#outliers = new OutlierDetection(options.clock, (member) => {
      const { observer, service } = this.#options;
      const endpoint = `${member.endpoint.address}:${member.port}`;
      if (member.ejected) observer.ejected(service, endpoint);
      else observer.restored(service, endpoint);
      this.#recount();
    });
  }

  acquire(request: AcquireRequest, waiter: AcquireWaiter): Acquisition {
    return this.#begin(new ConnectionDemand(request, waiter, this));
  }

  acquireStream(request: StreamRequirement, waiter: StreamWaiter): Acquisition {
    const member = this.#known ? this.#pick(request.tried, NOBODY) : undefined;
    const connection = member?.streams.take();
    if (member !== undefined && connection !== undefined) {
      // Nearly always: there is a connection, and nothing to wait for or to cancel.
      this.#lastUsedMs = this.#options.clock.monotonicMs();
      member.inFlight += 1;
      waiter.onSlot(new Slot(member, connection, this));
      return SERVED;
    }
    return this.#begin(new SlotDemand(request, waiter, this));
  }

  hasUntried(tried: readonly Endpoint[]): boolean {
    return this.#usable.some((member) => !wasTried(member, tried));
  }

  /** @param targets undefined while the control plane has not told them */
  update(targets: readonly Target[] | undefined): void {
    if (targets === undefined) return;
    const previous = new Map(this.#members.map((member) => [member.key, member]));
    this.#members = targets.map((target) => {
      const kept = previous.get(memberKey(target.endpoint, target.port));
      if (kept === undefined) return this.#member(target);
      previous.delete(kept.key);
      kept.endpoint = target.endpoint;
      return kept;
    });
    for (const member of previous.values()) {
      this.#outliers.forget(member);
      member.remove();
    }
    this.#known = true;
    this.#recount();
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const demand of waiting) {
      demand.timer?.cancel();
      demand.timer = undefined;
      this.serve(demand, NOBODY);
    }
  }

  /** Undefined stands for the mesh's default. */
  configure(circuitBreaker: CircuitBreaker | undefined): void {
    this.#outliers.policy = circuitBreaker ?? DEFAULT_CIRCUIT_BREAKER;
  }

  /** Nothing is under way or idle, and nothing was for this long. */
  unusedForMs(nowMs: number): number {
    const used = this.#members.some((member) => member.inFlight > 0 || member.connections > 0);
    if (used || this.#waiting.size > 0) this.#lastUsedMs = nowMs;
    return nowMs - this.#lastUsedMs;
  }

  sweep(nowMs: number): void {
    for (const member of this.#members) member.sweep(nowMs);
  }

  /** For `/config_dump`. */
  describe(): readonly object[] {
    return this.#members.map((member) => ({
      address: member.endpoint.address,
      port: member.port,
      inFlight: member.inFlight,
      idle: member.pool.size,
      shared: member.connections - member.pool.size,
      consecutiveErrors: member.consecutiveErrors,
      ejected: member.ejected,
      usable: member.usable,
    }));
  }

  /** Idle connections end; those on loan go on. */
  close(): void {
    this.update([]);
    this.#outliers.close();
  }

  reported(member: Member, outcome: AttemptOutcome): void {
    if (outcome === 'success') this.#outliers.succeeded(member);
    else if (outcome === 'error') this.#failed(member);
  }

  returned(member: Member, dialed: Dialed, reusable: boolean): void {
    member.inFlight -= 1;
    if (reusable && !member.removed) member.pool.put(dialed, this.#options.clock.monotonicMs());
    else dialed.transport.destroy();
  }

  shared(member: Member, dialed: Dialed, first: Buffer | undefined): void {
    member.inFlight -= 1;
    if (member.removed) dialed.transport.destroy();
    else member.streams.adopt(dialed, first);
  }

  lost(member: Member): void {
    member.inFlight -= 1;
  }

  serve(demand: Demand, rejected: readonly Member[]): void {
    const member = this.#pick(demand.request.tried, rejected);
    if (member === undefined) {
      demand.fail(this.#nobody(), undefined);
      return;
    }
    member.inFlight += 1;
    demand.take(member, rejected);
  }

  dialFailed(member: Member): void {
    this.#failed(member);
  }

  usableChanged(): void {
    this.#recount();
  }

  withdrawn(demand: Demand): void {
    this.#waiting.delete(demand);
  }

  #begin(demand: Demand): Acquisition {
    this.#lastUsedMs = this.#options.clock.monotonicMs();
    if (this.#known) this.serve(demand, NOBODY);
    else this.#wait(demand);
    return demand;
  }

  #wait(demand: Demand): void {
    const { connectTimeoutMs } = demand.request;
    const limitMs =
      connectTimeoutMs === 0
        ? ENDPOINTS_TIMEOUT_MS
        : Math.min(connectTimeoutMs, ENDPOINTS_TIMEOUT_MS);
    demand.timer = this.#options.clock.setTimeout(() => {
      demand.timer = undefined;
      this.#waiting.delete(demand);
      const sentence = `the control plane has not told the endpoints of ${this.name}`;
      demand.fail(new MeshError('endpoints-unknown', sentence), undefined);
    }, limitMs);
    this.#waiting.add(demand);
    this.#options.want();
  }

  #pick(tried: readonly Endpoint[], rejected: readonly Member[]): Member | undefined {
    const { random } = this.#options;
    if (tried.length === 0 && rejected.length === 0) return chooseOfTwo(this.#usable, random);
    const open = this.#usable.filter((member) => !rejected.includes(member));
    const fresh = open.filter((member) => !wasTried(member, tried));
    return chooseOfTwo(fresh.length > 0 ? fresh : open, random);
  }

  #failed(member: Member): void {
    if (this.#options.avoidsFailing && !member.removed) {
      this.#outliers.failed(member, this.#members.length);
    }
  }

  #nobody(): MeshError {
    if (this.#members.length === 0) {
      return new MeshError('no-endpoints', `${this.name} has no endpoints that are ready`);
    }
    return new MeshError(
      'no-healthy-endpoint',
      `none of the ${this.#members.length} endpoints of ${this.name} answers`,
    );
  }

  #member(target: Target): Member {
    return new Member({
      endpoint: target.endpoint,
      port: target.port,
      dialer: this.#options.dialer,
      hasBreaker: this.#options.avoidsFailing,
      remote: this.#options.remote,
      clock: this.#options.clock,
      owner: this,
    });
  }

  #recount(): void {
    this.#usable = this.#members.filter((member) => member.usable);
  }
}

function wasTried(member: Member, tried: readonly Endpoint[]): boolean {
  const { address, workload } = member.endpoint;
  return tried.some(
    (endpoint) => endpoint.address === address && endpoint.workload.pod === workload.pod,
  );
}
