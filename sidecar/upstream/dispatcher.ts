import { MeshError } from '../../runtime/errors.ts';
import type { TrafficObserver } from '../telemetry/types.ts';
import type { BalancerContext } from './balancer/create.ts';
import { ConnectionLimit } from './connection-limit.ts';
import { type Demand, type DemandOwner, SlotDemand } from './demand.ts';
import type { Lender } from './lent.ts';
import { type EffectiveLimits, UNLIMITED } from './limits.ts';
import type { Member } from './member.ts';
import { Selection } from './selection.ts';
import { Slot } from './slot.ts';
import type { Acquisition, StreamRequirement, StreamWaiter } from './types.ts';
import { WaitingLine } from './waiting-line.ts';

/** How long a request waits for endpoints that the control plane has not told yet. */
const ENDPOINTS_TIMEOUT_MS = 1_000;
const NOBODY: readonly Member[] = [];
const SERVED: Acquisition = { cancel: () => {} };

export interface DispatcherOptions extends Omit<BalancerContext, 'inFlight'> {
  /** Of the cluster. */
  readonly name: string;
  /** `<namespace>/<name>` for the counts. */
  readonly service: string;
  readonly observer: TrafficObserver;
  /** Asks the control plane for the endpoints. */
  readonly want: () => void;
}

/** The cluster as its dispatcher sees it. */
export interface DispatcherOwner extends Lender {
  /** A connection to it could not be made. */
  dialFailed(member: Member): void;
  /** It gets a request although it was out of the balancer. */
  began(member: Member): void;
}

/**
 * Gives those who ask something of a cluster a member and a connection to it, in
 * this order: within the limit of requests, when the endpoints are known, as the
 * balancer picks, and within the limit of connections. Who cannot have one waits.
 */
export class Dispatcher implements DemandOwner {
  readonly lender: DispatcherOwner;
  readonly selection: Selection;
  readonly #options: DispatcherOptions;
  readonly #connections: ConnectionLimit;
  #limits = UNLIMITED;
  #known = false;
  /** Of all members, and of those that have left. */
  #inFlight = 0;
  /** Waiting for the endpoints to be known. */
  readonly #waiting: WaitingLine<Demand>;
  /**
   * Waiting for a connection. While anybody does, none is idle and no further one may
   * be opened; a shared one may take streams, but to another endpoint than those who
   * wait for a stream have to go to.
   */
  readonly #pending: WaitingLine<Demand>;
  #freed = false;
  #servingPending = false;
  #servesPendingSoon = false;

  constructor(options: DispatcherOptions, owner: DispatcherOwner) {
    this.lender = owner;
    this.#options = options;
    this.#waiting = new WaitingLine(options.clock);
    this.#pending = new WaitingLine(options.clock);
    this.selection = new Selection({ ...options, inFlight: () => this.#inFlight });
    this.#connections = new ConnectionLimit(() => this.selection.members);
  }

  get keepsReturned(): boolean {
    return this.#connections.keepsReturned;
  }

  /** Somebody waits for the endpoints. */
  get waits(): boolean {
    return this.#waiting.size > 0;
  }

  set limits(limits: EffectiveLimits) {
    this.#limits = limits;
    this.#connections.max = limits.maxConnections;
    this.freed();
  }

  /** The members of the selection are another set from now on. */
  setMembers(members: readonly Member[]): void {
    this.#known = true;
    this.selection.setMembers(members);
    for (const demand of this.#waiting.items()) {
      this.#waiting.remove(demand);
      this.serve(demand, NOBODY);
    }
    this.freed();
  }

  begin(demand: Demand): void {
    if (this.#requests >= this.#limits.maxRequests) {
      const sentence = `${this.#requests} requests to ${this.#options.name} are under way, which is the limit`;
      this.#refuse(demand, 'too-many-requests', sentence);
    } else if (!this.#known) this.#wait(demand);
    else if (this.#pending.size > 0 && demand.kind === 'pooled') this.#standInLine(demand);
    else this.serve(demand, NOBODY);
  }

  beginStream(request: StreamRequirement, waiter: StreamWaiter): Acquisition {
    if (!this.#known || this.#requests >= this.#limits.maxRequests) {
      const demand = new SlotDemand(request, waiter, this);
      this.begin(demand);
      return demand;
    }
    const member = this.selection.pick(request, NOBODY);
    const connection = member?.startedStreams?.take();
    if (member !== undefined && connection !== undefined) {
      // Nearly always: there is a connection, and nothing to wait for or to cancel.
      this.#begin(member);
      waiter.onSlot(new Slot(member, connection, this.lender, this.nowMs()));
      return SERVED;
    }
    const demand = new SlotDemand(request, waiter, this);
    this.#serveAt(demand, member, NOBODY);
    return demand;
  }

  /** For `/config_dump`. */
  describe(): object {
    return {
      loadBalancer: this.selection.policy,
      limits: this.#limits,
      requests: this.#requests,
      connections: this.#connections.open,
      pendingRequests: this.#pending.size,
    };
  }

  // From demands, and from what they were given.

  serve(demand: Demand, rejected: readonly Member[]): void {
    this.#serveAt(demand, this.selection.pick(demand.request, rejected), rejected);
  }

  #serveAt(demand: Demand, picked: Member | undefined, rejected: readonly Member[]): void {
    if (this.#place(demand, picked, rejected)) return;
    if (demand.kind !== 'own') this.#standInLine(demand);
    else this.#refuse(demand, 'too-many-connections', this.#allConnectionsBusy());
  }

  begun(demand: Demand, member: Member): void {
    if (this.#pending.size > 0) this.#pending.remove(demand);
    this.#begin(member);
  }

  #begin(member: Member): void {
    member.inFlight += 1;
    this.#inFlight += 1;
    if (member.health.state === 'awaiting-trial') this.lender.began(member);
  }

  ended(member: Member): void {
    member.inFlight -= 1;
    this.#inFlight -= 1;
  }

  dialFailed(member: Member): void {
    this.lender.dialFailed(member);
  }

  withdrawn(demand: Demand): void {
    this.#waiting.remove(demand);
    this.#pending.remove(demand);
  }

  nowMs(): number {
    return this.selection.nowMs();
  }

  freed(): void {
    if (this.#pending.size === 0) return;
    this.#freed = true;
    // Whoever is served may give back at once: the loop below sees it.
    if (this.#servingPending) return;
    this.#servingPending = true;
    try {
      while (this.#freed) {
        this.#freed = false;
        this.#serveByConnection();
        this.#serveByStream();
      }
    } finally {
      this.#servingPending = false;
    }
  }

  /** As `freed`, once the codec has taken the stream from its connection. */
  freedSoon(): void {
    if (this.#pending.size === 0 || this.#servesPendingSoon) return;
    this.#servesPendingSoon = true;
    queueMicrotask(() => {
      this.#servesPendingSoon = false;
      this.freed();
    });
  }

  /** Under way, and those that wait to be. */
  get #requests(): number {
    return this.#inFlight + this.#waiting.size + this.#pending.size;
  }

  #wait(demand: Demand): void {
    const { connectTimeoutMs } = demand.request;
    const limitMs =
      connectTimeoutMs === 0
        ? ENDPOINTS_TIMEOUT_MS
        : Math.min(connectTimeoutMs, ENDPOINTS_TIMEOUT_MS);
    this.#waiting.add(demand, limitMs, () => {
      const sentence = `the control plane has not told the endpoints of ${this.#options.name}`;
      demand.fail(new MeshError('endpoints-unknown', sentence), undefined);
    });
    this.#options.want();
  }

  /** False when all connections are in use: the demand has to wait, or to stay in line. */
  #place(demand: Demand, member: Member | undefined, rejected: readonly Member[]): boolean {
    if (member === undefined) {
      this.#pending.remove(demand);
      demand.fail(this.#nobody(), undefined);
      return true;
    }
    if (demand.use(member, rejected)) return true;
    if (!this.#connections.allowsAnother) {
      if (this.#usesOther(demand, rejected)) return true;
      if (!this.#connections.makeRoom()) {
        demand.awaited = member;
        return false;
      }
    }
    demand.connect(member, rejected);
    return true;
  }

  /** As many connections are open as may be, and none to the member that was picked is free. */
  #usesOther(demand: Demand, rejected: readonly Member[]): boolean {
    if (demand.kind === 'own' || this.selection.isStickyFor(demand.request)) return false;
    for (const other of this.selection.candidates(demand.request.tried, rejected)) {
      if (demand.use(other, rejected)) return true;
    }
    return false;
  }

  #standInLine(demand: Demand): void {
    if (this.#pending.size >= this.#limits.maxPendingRequests) {
      const sentence = `${this.#allConnectionsBusy()}, and ${this.#pending.size} requests wait for one`;
      this.#refuse(demand, 'too-many-pending', sentence);
      return;
    }
    const { connectTimeoutMs } = demand.request;
    this.#pending.add(demand, connectTimeoutMs, () => {
      const sentence = `${this.#allConnectionsBusy()}, and none was free within ${connectTimeoutMs} ms`;
      this.#refuse(demand, 'pending-timeout', sentence);
    });
  }

  /** Whoever waits longest can make use of a connection that is idle, or of leave to open one. */
  #serveByConnection(): void {
    while (this.#connections.hasAny) {
      const { first } = this.#pending;
      if (first === undefined || !this.#placeFromLine(first)) return;
    }
  }

  /** Streams of a shared connection are of use only to who may go to its endpoint. */
  #serveByStream(): void {
    if (this.#pending.size === 0 || !this.selection.members.some(takesStream)) return;
    for (const demand of this.#pending.items()) {
      if (demand.kind !== 'stream') continue;
      const { awaited } = demand;
      const isSticky = this.selection.isStickyFor(demand.request);
      if (isSticky && awaited !== undefined && !takesStream(awaited)) continue;
      if (!this.#placeFromLine(demand) && !isSticky) return;
    }
  }

  #placeFromLine(demand: Demand): boolean {
    return this.#place(demand, this.selection.pick(demand.request, NOBODY), NOBODY);
  }

  #refuse(demand: Demand, code: string, sentence: string): void {
    const { observer, service } = this.#options;
    observer.limitReached(service, code);
    demand.fail(new MeshError(code, sentence), undefined);
  }

  #allConnectionsBusy(): string {
    return `all ${this.#connections.max} connections to ${this.#options.name} are in use`;
  }

  #nobody(): MeshError {
    const { name } = this.#options;
    const count = this.selection.members.length;
    if (count === 0) {
      return new MeshError('no-endpoints', `${name} has no endpoints that are ready`);
    }
    const sentence = `none of the ${count} endpoints of ${name} answers`;
    return new MeshError('no-healthy-endpoint', sentence);
  }
}

function takesStream(member: Member): boolean {
  return member.startedStreams?.take() !== undefined;
}
