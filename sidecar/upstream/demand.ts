import type { MeshError } from '../../runtime/errors.ts';
import type { Endpoint } from '../config/types.ts';
import { type Dialed, dialError } from './dialer.ts';
import type { Lender } from './lent.ts';
import { Loan } from './loan.ts';
import type { Member } from './member.ts';
import type { SharedConnection } from './shared-connection.ts';
import { Slot } from './slot.ts';
import type { StreamPoolWaiter } from './stream-pool.ts';
import type {
  AcquireRequest,
  AcquireWaiter,
  Acquisition,
  StreamRequirement,
  StreamWaiter,
} from './types.ts';

/** The cluster as those see it who ask it for something. */
export interface DemandOwner {
  readonly lender: Lender;
  /** @param rejected members whose breaker did not let this very demand through */
  serve(demand: Demand, rejected: readonly Member[]): void;
  /** The demand waits no longer: it is under way to a member. */
  begun(demand: Demand, member: Member): void;
  /** Nothing became of what was under way. */
  ended(member: Member): void;
  /** The endpoint counts as failing. */
  dialFailed(member: Member): void;
  /** A connection is no more, or is there for others. */
  freed(): void;
  /** The demand does not wait any more. */
  withdrawn(demand: Demand): void;
  /** The time, where anybody goes by it. */
  nowMs(): number;
}

/**
 * - `own`: a connection that nobody has used and nobody will use again.
 * - `pooled`: a connection for as long as a request takes.
 * - `stream`: room on a connection that others use as well.
 */
export type DemandKind = 'own' | 'pooled' | 'stream';

/** Somebody who needs an endpoint. */
export abstract class Demand implements Acquisition {
  readonly kind: DemandKind;
  readonly request: StreamRequirement;
  cancelled = false;
  /** The member that was picked, while it waits in line because of that. */
  awaited: Member | undefined;
  protected readonly owner: DemandOwner;

  constructor(kind: DemandKind, request: StreamRequirement, owner: DemandOwner) {
    this.kind = kind;
    this.request = request;
    this.owner = owner;
  }

  cancel(): void {
    this.cancelled = true;
    this.owner.withdrawn(this);
  }

  /** Takes what is open to the member, or on its way; false when there is nothing. */
  abstract use(member: Member, rejected: readonly Member[]): boolean;
  /** Opens a further connection to the member. */
  abstract connect(member: Member, rejected: readonly Member[]): void;
  /** @param member the one that could not be reached, when one was picked */
  abstract fail(error: MeshError, member: Member | undefined): void;

  /** The member that was picked could not be reached. */
  protected dialFailed(member: Member, rejected: readonly Member[], error: MeshError): void {
    if (this.cancelled) return;
    if (error.code === 'no-healthy-endpoint') this.owner.serve(this, [...rejected, member]);
    else this.fail(error, member);
  }
}

/** Of a connection that is lent. */
export class ConnectionDemand extends Demand {
  readonly #early: boolean;
  readonly #waiter: AcquireWaiter;

  constructor(request: AcquireRequest, waiter: AcquireWaiter, owner: DemandOwner) {
    super(request.pooled ? 'pooled' : 'own', request, owner);
    this.#early = request.early === true;
    this.#waiter = waiter;
  }

  use(member: Member): boolean {
    const idle = this.kind === 'pooled' ? member.pool.take(member.clock) : undefined;
    if (idle === undefined) return false;
    this.#begin(member);
    this.#waiter.onConnection(this.#loan(member, idle, true));
    return true;
  }

  connect(member: Member, rejected: readonly Member[]): void {
    this.#begin(member);
    void this.#dial(member, rejected);
  }

  fail(error: MeshError, member: Member | undefined): void {
    this.#waiter.onError(error, member?.endpoint);
  }

  #begin(member: Member): void {
    member.loans += 1;
    this.owner.begun(this, member);
  }

  #loan(member: Member, dialed: Dialed, reused: boolean): Loan {
    return new Loan(member, dialed, reused, this.owner.lender, this.owner.nowMs());
  }

  async #dial(member: Member, rejected: readonly Member[]): Promise<void> {
    const { owner } = this;
    let dialed: Dialed;
    try {
      dialed = await member.dial(this.request.connectTimeoutMs, this.#early);
    } catch (error) {
      member.loans -= 1;
      owner.ended(member);
      const reason = dialError(error);
      if (reason.code !== 'no-healthy-endpoint') owner.dialFailed(member);
      this.dialFailed(member, rejected, reason);
      owner.freed();
      return;
    }
    this.#waiter.onDialed?.(dialed.transport, member.endpoint, dialed.mutualTls);
    const loan = this.#loan(member, dialed, false);
    if (this.cancelled) loan.release(this.kind === 'pooled');
    else this.#waiter.onConnection(loan);
  }
}

/** Of room for one stream. */
export class SlotDemand extends Demand implements StreamPoolWaiter {
  readonly #waiter: StreamWaiter;
  #rejected: readonly Member[] = [];
  /** The one to which a connection is being opened for it. */
  #member: Member | undefined;

  constructor(request: StreamRequirement, waiter: StreamWaiter, owner: DemandOwner) {
    super('stream', request, owner);
    this.#waiter = waiter;
  }

  get connectTimeoutMs(): number {
    return this.request.connectTimeoutMs;
  }

  use(member: Member, rejected: readonly Member[]): boolean {
    const streams = member.startedStreams;
    if (streams === undefined) return false;
    const connection = streams.take();
    if (connection !== undefined) {
      this.owner.begun(this, member);
      this.#open(member, connection);
      return true;
    }
    if (!streams.join(this)) return false;
    this.#begin(member, rejected);
    return true;
  }

  connect(member: Member, rejected: readonly Member[]): void {
    this.#begin(member, rejected);
    member.streams.connect(this);
  }

  fail(error: MeshError, member: Member | undefined): void {
    this.#waiter.onError(error, member?.endpoint);
  }

  override cancel(): void {
    super.cancel();
    this.#end();
  }

  onDialed({ counted, mutualTls }: SharedConnection, endpoint: Endpoint): void {
    this.#waiter.onDialed?.(counted, endpoint, mutualTls);
  }

  onConnection(connection: SharedConnection): void {
    const member = this.#member;
    if (member === undefined) return;
    this.#member = undefined;
    this.#open(member, connection);
  }

  onNoRoom(): void {
    if (this.#end() !== undefined) this.owner.serve(this, this.#rejected);
  }

  onDialFailed(error: MeshError): void {
    const member = this.#end();
    if (member !== undefined) this.dialFailed(member, this.#rejected, error);
  }

  #open(member: Member, connection: SharedConnection): void {
    const { lender } = this.owner;
    this.#waiter.onSlot(new Slot(member, connection, lender, this.owner.nowMs()));
  }

  #begin(member: Member, rejected: readonly Member[]): void {
    this.#member = member;
    this.#rejected = rejected;
    this.owner.begun(this, member);
  }

  /** It waits for no connection of the member any more. */
  #end(): Member | undefined {
    const member = this.#member;
    this.#member = undefined;
    if (member !== undefined) this.owner.ended(member);
    return member;
  }
}
