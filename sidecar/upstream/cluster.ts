import type { Clock } from '../../runtime/clock.ts';
import { describeError, MeshError } from '../../runtime/errors.ts';
import type { Endpoint } from '../config/types.ts';
import type { TrafficObserver } from '../telemetry/types.ts';
import type { ClusterPolicy } from './cluster-policy.ts';
import { ConnectionLimit } from './connection-limit.ts';
import type { Dialed, Dialer } from './dialer.ts';
import { effectiveLimits, UNLIMITED } from './limits.ts';
import { type Lender, Loan } from './loan.ts';
import { Member, memberKey } from './member.ts';
import { DEFAULT_CIRCUIT_BREAKER, OutlierDetection } from './outlier.ts';
import { Selection } from './selection.ts';
import type {
  AcquireRequest,
  AcquireWaiter,
  Acquisition,
  AttemptOutcome,
  Cluster,
} from './types.ts';
import { WaitingLine } from './waiting-line.ts';

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
  /** Names this pod, for balancers that go by it. */
  readonly source: string;
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
  readonly #selection: Selection;
  readonly #connections: ConnectionLimit;
  #known = false;
  #limits = UNLIMITED;
  /** Of all members, and of those that have left. */
  #inFlight = 0;
  /** Waiting for the endpoints to be known. */
  readonly #waiting: WaitingLine<Pending>;
  /** Waiting for a connection. While anybody does, none is idle and no further one may be opened. */
  readonly #pending: WaitingLine<Pending>;
  #servingPending = false;
  #lastUsedMs: number;

  constructor(options: ClusterOptions) {
    this.name = options.name;
    this.#options = options;
    this.#lastUsedMs = options.clock.monotonicMs();
    this.#waiting = new WaitingLine(options.clock);
    this.#pending = new WaitingLine(options.clock);
    this.#selection = new Selection({ ...options, inFlight: () => this.#inFlight });
    this.#connections = new ConnectionLimit(() => this.#selection.members);
    this.#outliers = new OutlierDetection(options.clock, (member) => {
      const { observer, service } = this.#options;
      const endpoint = `${member.endpoint.address}:${member.port}`;
      if (member.ejected) observer.ejected(service, endpoint);
      else observer.restored(service, endpoint);
      this.#selection.recount();
    });
  }

  acquire(request: AcquireRequest, waiter: AcquireWaiter): Acquisition {
    const pending: Pending = { request, waiter, cancelled: false };
    this.#lastUsedMs = this.#options.clock.monotonicMs();
    if (this.#requests >= this.#limits.maxRequests) {
      const sentence = `${this.#requests} requests to ${this.name} are under way, which is the limit`;
      this.#refuse(pending, 'too-many-requests', sentence);
    } else if (!this.#known) this.#wait(pending);
    else if (this.#pending.size > 0 && request.pooled) this.#standInLine(pending);
    else this.#serve(pending, []);
    return {
      cancel: () => {
        pending.cancelled = true;
        this.#waiting.remove(pending);
        this.#pending.remove(pending);
      },
    };
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
    for (const member of previous.values()) {
      this.#outliers.forget(member);
      member.remove();
    }
    this.#known = true;
    this.#selection.setMembers(next);
    for (;;) {
      const pending = this.#waiting.shift();
      if (pending === undefined) break;
      this.#serve(pending, []);
    }
    this.#servePending();
  }

  /** Undefined stands for the mesh's default. */
  configure(policy: ClusterPolicy | undefined): void {
    this.#outliers.policy = policy?.circuitBreaker ?? DEFAULT_CIRCUIT_BREAKER;
    this.#limits = effectiveLimits(policy?.limits);
    this.#connections.max = this.#limits.maxConnections;
    this.#selection.configure(policy?.loadBalancer);
    this.#servePending();
  }

  /** Nothing is under way or idle, and nothing was for this long. */
  unusedForMs(nowMs: number): number {
    const used = this.#selection.members.some(
      (member) => member.inFlight > 0 || member.pool.size > 0,
    );
    if (used || this.#waiting.size > 0) this.#lastUsedMs = nowMs;
    return nowMs - this.#lastUsedMs;
  }

  sweep(nowMs: number): void {
    for (const member of this.#selection.members) member.pool.sweep(nowMs);
  }

  /** For `/config_dump`: what concerns all endpoints together. */
  describePolicy(): object {
    return {
      loadBalancer: this.#selection.policy,
      limits: this.#limits,
      requests: this.#requests,
      connections: this.#connections.open,
      pendingRequests: this.#pending.size,
    };
  }

  /** The same for each endpoint. */
  describe(): readonly object[] {
    return this.#selection.members.map((member) => ({
      address: member.endpoint.address,
      port: member.port,
      inFlight: member.inFlight,
      idle: member.pool.size,
      consecutiveErrors: member.consecutiveErrors,
      ejected: member.ejected,
      usable: member.usable,
      ...this.#selection.describe(member),
    }));
  }

  /** Idle connections end; those on loan go on. */
  close(): void {
    this.update([]);
    this.#outliers.close();
  }

  responded(member: Member, lentMs: number): void {
    this.#selection.observe(member, lentMs, true);
  }

  reported(member: Member, outcome: AttemptOutcome, lentMs: number | undefined): void {
    if (outcome === 'success') this.#outliers.succeeded(member);
    else if (outcome === 'error') this.#failed(member);
    if (outcome !== 'success' && lentMs !== undefined) {
      this.#selection.observe(member, lentMs, false);
    }
  }

  returned(member: Member, dialed: Dialed, reusable: boolean): void {
    this.#vacate(member);
    if (reusable && !member.removed && this.#connections.keepsReturned) {
      member.pool.put(dialed, this.#options.clock.monotonicMs());
    } else dialed.transport.destroy();
    this.#servePending();
  }

  lost(member: Member): void {
    this.#vacate(member);
    this.#servePending();
  }

  /** Under way, and those that wait to be. */
  get #requests(): number {
    return this.#inFlight + this.#waiting.size + this.#pending.size;
  }

  #wait(pending: Pending): void {
    const { connectTimeoutMs } = pending.request;
    const limitMs =
      connectTimeoutMs === 0
        ? ENDPOINTS_TIMEOUT_MS
        : Math.min(connectTimeoutMs, ENDPOINTS_TIMEOUT_MS);
    this.#waiting.add(pending, limitMs, () => {
      const sentence = `the control plane has not told the endpoints of ${this.name}`;
      pending.waiter.onError(new MeshError('endpoints-unknown', sentence), undefined);
    });
    this.#options.want();
  }

  /** @param rejected members whose breaker did not let this very request through */
  #serve(pending: Pending, rejected: readonly Member[]): void {
    const { request, waiter } = pending;
    const member = this.#selection.pick(request, rejected);
    if (member === undefined) {
      waiter.onError(this.#nobody(), undefined);
      return;
    }
    const idle = request.pooled ? member.pool.take() : undefined;
    if (idle !== undefined) this.#lend(pending, member, idle);
    else if (this.#connections.allowsAnother) void this.#dial(pending, member, rejected);
    else this.#makeDo(pending, member, rejected);
  }

  #lend(pending: Pending, member: Member, idle: Dialed): void {
    this.#occupy(member);
    pending.waiter.onConnection(new Loan(member, idle, true, this, this.#selection.nowMs()));
  }

  /** As many connections are open as may be, and none is idle to the member that was picked. */
  #makeDo(pending: Pending, member: Member, rejected: readonly Member[]): void {
    const { tried, pooled } = pending.request;
    if (pooled && !this.#selection.isSticky) {
      for (const other of this.#selection.candidates(tried, rejected)) {
        const idle = other.pool.take();
        if (idle === undefined) continue;
        this.#lend(pending, other, idle);
        return;
      }
    }
    if (this.#connections.makeRoom()) void this.#dial(pending, member, rejected);
    else if (pooled) this.#standInLine(pending);
    else this.#refuse(pending, 'too-many-connections', this.#allConnectionsBusy());
  }

  #standInLine(pending: Pending): void {
    if (this.#pending.size >= this.#limits.maxPendingRequests) {
      const sentence = `${this.#allConnectionsBusy()}, and ${this.#pending.size} requests wait for one`;
      this.#refuse(pending, 'too-many-pending', sentence);
      return;
    }
    const { connectTimeoutMs } = pending.request;
    this.#pending.add(pending, connectTimeoutMs, () => {
      const sentence = `${this.#allConnectionsBusy()}, and none was free within ${connectTimeoutMs} ms`;
      this.#refuse(pending, 'pending-timeout', sentence);
    });
  }

  /** Who waits longest is served first, as far as there are connections. */
  #servePending(): void {
    // Whoever is served may give back at once: the loop below sees it.
    if (this.#servingPending) return;
    this.#servingPending = true;
    try {
      while (this.#pending.size > 0 && this.#connections.hasAny) {
        const pending = this.#pending.shift();
        if (pending !== undefined) this.#serve(pending, []);
      }
    } finally {
      this.#servingPending = false;
    }
  }

  #allConnectionsBusy(): string {
    return `all ${this.#connections.max} connections to ${this.name} are in use`;
  }

  #refuse(pending: Pending, code: string, sentence: string): void {
    this.#options.observer.limitReached(this.#options.service, code);
    pending.waiter.onError(new MeshError(code, sentence), undefined);
  }

  async #dial(pending: Pending, member: Member, rejected: readonly Member[]): Promise<void> {
    let dialed: Dialed;
    this.#occupy(member);
    try {
      dialed = await member.dial(pending.request.connectTimeoutMs);
    } catch (error) {
      this.#vacate(member);
      this.#dialFailed(pending, member, rejected, error);
      this.#servePending();
      return;
    }
    pending.waiter.onDialed?.(dialed.transport, member.endpoint, dialed.mutualTls);
    const loan = new Loan(member, dialed, false, this, this.#selection.nowMs());
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

  #occupy(member: Member): void {
    member.inFlight += 1;
    this.#inFlight += 1;
  }

  #vacate(member: Member): void {
    member.inFlight -= 1;
    this.#inFlight -= 1;
  }

  #failed(member: Member): void {
    if (this.#options.avoidsFailing && !member.removed) {
      this.#outliers.failed(member, this.#selection.members.length);
    }
  }

  #nobody(): MeshError {
    const count = this.#selection.members.length;
    if (count === 0) {
      return new MeshError('no-endpoints', `${this.name} has no endpoints that are ready`);
    }
    return new MeshError(
      'no-healthy-endpoint',
      `none of the ${count} endpoints of ${this.name} answers`,
    );
  }

  #member(target: Target): Member {
    return new Member({
      endpoint: target.endpoint,
      port: target.port,
      dialer: this.#options.dialer,
      hasBreaker: this.#options.avoidsFailing,
      onChange: () => this.#selection.recount(),
    });
  }
}
