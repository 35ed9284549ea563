import type { Clock, Timer } from '../../runtime/clock.ts';
import { describeError, MeshError } from '../../runtime/errors.ts';
import type { CircuitBreaker, Endpoint } from '../config/types.ts';
import type { TrafficObserver } from '../telemetry/types.ts';
import { chooseOfTwo } from './balancer.ts';
import type { Dialed, Dialer } from './dialer.ts';
import { type Lender, Loan } from './loan.ts';
import { Member, memberKey } from './member.ts';
import { DEFAULT_CIRCUIT_BREAKER, OutlierDetection } from './outlier.ts';
import type {
  AcquireRequest,
  AcquireWaiter,
  Acquisition,
  AttemptOutcome,
  Cluster,
} from './types.ts';

/** How long a request waits for endpoints that the control plane has not told yet. */
const ENDPOINTS_TIMEOUT_MS = 1_000;

export interface ClusterOptions {
  readonly name: string;
  /** `<namespace>/<name>` for records; empty where no service is meant. */
  readonly service: string;
  readonly dialer: Dialer;
  /** Whether failing endpoints are avoided. Off where there is only one by nature. */
  readonly avoidsFailing: boolean;
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

interface Pending {
  readonly request: AcquireRequest;
  readonly waiter: AcquireWaiter;
  cancelled: boolean;
}

/** {@link Cluster} over a set of endpoints that comes and goes. */
export class EndpointCluster implements Cluster, Lender {
  readonly name: string;
  readonly #options: ClusterOptions;
  readonly #outliers: OutlierDetection<Member>;
  #members: readonly Member[] = [];
  /** Those of the members that the balancer may pick. */
  #usable: readonly Member[] = [];
  #known = false;
  /** Waiting for the endpoints to be known. */
  readonly #waiting = new Map<Pending, Timer>();
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
    const pending: Pending = { request, waiter, cancelled: false };
    this.#lastUsedMs = this.#options.clock.monotonicMs();
    if (this.#known) this.#serve(pending, []);
    else this.#wait(pending);
    return {
      cancel: () => {
        pending.cancelled = true;
        this.#waiting.get(pending)?.cancel();
        this.#waiting.delete(pending);
      },
    };
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
    for (const [pending, timer] of waiting) {
      timer.cancel();
      this.#serve(pending, []);
    }
  }

  /** Undefined stands for the mesh's default. */
  configure(circuitBreaker: CircuitBreaker | undefined): void {
    this.#outliers.policy = circuitBreaker ?? DEFAULT_CIRCUIT_BREAKER;
  }

  /** Nothing is under way or idle, and nothing was for this long. */
  unusedForMs(nowMs: number): number {
    const used = this.#members.some((member) => member.inFlight > 0 || member.pool.size > 0);
    if (used || this.#waiting.size > 0) this.#lastUsedMs = nowMs;
    return nowMs - this.#lastUsedMs;
  }

  sweep(nowMs: number): void {
    for (const member of this.#members) member.pool.sweep(nowMs);
  }

  /** For `/config_dump`. */
  describe(): readonly object[] {
    return this.#members.map((member) => ({
      address: member.endpoint.address,
      port: member.port,
      inFlight: member.inFlight,
      idle: member.pool.size,
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

  lost(member: Member): void {
    member.inFlight -= 1;
  }

  #wait(pending: Pending): void {
    const { connectTimeoutMs } = pending.request;
    const limitMs =
      connectTimeoutMs === 0
        ? ENDPOINTS_TIMEOUT_MS
        : Math.min(connectTimeoutMs, ENDPOINTS_TIMEOUT_MS);
    const timer = this.#options.clock.setTimeout(() => {
      this.#waiting.delete(pending);
      const sentence = `the control plane has not told the endpoints of ${this.name}`;
      pending.waiter.onError(new MeshError('endpoints-unknown', sentence), undefined);
    }, limitMs);
    this.#waiting.set(pending, timer);
    this.#options.want();
  }

  /** @param rejected members whose breaker did not let this very request through */
  #serve(pending: Pending, rejected: readonly Member[]): void {
    const { request, waiter } = pending;
    const member = this.#pick(request.tried, rejected);
    if (member === undefined) {
      waiter.onError(this.#nobody(), undefined);
      return;
    }
    member.inFlight += 1;
    const idle = request.pooled ? member.pool.take() : undefined;
    if (idle === undefined) void this.#dial(pending, member, rejected);
    else waiter.onConnection(new Loan(member, idle, true, this));
  }

  #pick(tried: readonly Endpoint[], rejected: readonly Member[]): Member | undefined {
    const { random } = this.#options;
    if (tried.length === 0 && rejected.length === 0) return chooseOfTwo(this.#usable, random);
    const open = this.#usable.filter((member) => !rejected.includes(member));
    const fresh = open.filter((member) => !wasTried(member, tried));
    return chooseOfTwo(fresh.length > 0 ? fresh : open, random);
  }

  async #dial(pending: Pending, member: Member, rejected: readonly Member[]): Promise<void> {
    let dialed: Dialed;
    try {
      dialed = await member.dial(pending.request.connectTimeoutMs);
    } catch (error) {
      member.inFlight -= 1;
      this.#dialFailed(pending, member, rejected, error);
      return;
    }
    pending.waiter.onDialed?.(dialed.transport, member.endpoint, dialed.mutualTls);
    const loan = new Loan(member, dialed, false, this);
    if (pending.cancelled) loan.release(pending.request.pooled);
    else pending.waiter.onConnection(loan);
  }

  #dialFailed(pending: Pending, member: Member, rejected: readonly Member[], error: unknown): void {
    const reason =
      error instanceof MeshError
        ? error
        : new MeshError('connect-failed', describeError(error), { cause: error });
    if (reason.code === 'no-healthy-endpoint') {
      if (!pending.cancelled) this.#serve(pending, [...rejected, member]);
      return;
    }
    this.#failed(member);
    if (!pending.cancelled) pending.waiter.onError(reason, member.endpoint);
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
      onChange: () => this.#recount(),
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
