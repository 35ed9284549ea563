import type { Timer } from '../../runtime/clock.ts';
import type { MeshError } from '../../runtime/errors.ts';
import { type Dialed, dialError } from './dialer.ts';
import { type Lender, Loan } from './loan.ts';
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
export interface DemandOwner extends Lender {
  /** @param rejected members whose breaker did not let this very request through */
  serve(demand: Demand, rejected: readonly Member[]): void;
  /** The endpoint counts as failing. */
  dialFailed(member: Member): void;
  /** The demand does not wait for endpoints any more. */
  withdrawn(demand: Demand): void;
}

/** Somebody who needs an endpoint. */
export abstract class Demand implements Acquisition {
  readonly request: StreamRequirement;
  cancelled = false;
  /** While the endpoints are not known. */
  timer: Timer | undefined;
  protected readonly owner: DemandOwner;

  constructor(request: StreamRequirement, owner: DemandOwner) {
    this.request = request;
    this.owner = owner;
  }

  cancel(): void {
    this.cancelled = true;
    if (this.timer === undefined) return;
    this.timer.cancel();
    this.owner.withdrawn(this);
  }

  /** A member was picked, and counts the demand as under way. */
  abstract take(member: Member, rejected: readonly Member[]): void;
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
  readonly #pooled: boolean;
  readonly #early: boolean;
  readonly #waiter: AcquireWaiter;

  constructor(request: AcquireRequest, waiter: AcquireWaiter, owner: DemandOwner) {
    super(request, owner);
    this.#pooled = request.pooled;
    this.#early = request.early === true;
    this.#waiter = waiter;
  }

  take(member: Member, rejected: readonly Member[]): void {
    const idle = this.#pooled ? member.pool.take() : undefined;
    if (idle === undefined) void this.#dial(member, rejected);
    else this.#waiter.onConnection(new Loan(member, idle, true, this.owner));
  }

  fail(error: MeshError, member: Member | undefined): void {
    this.#waiter.onError(error, member?.endpoint);
  }

  async #dial(member: Member, rejected: readonly Member[]): Promise<void> {
    let dialed: Dialed;
    try {
      dialed = await member.dial(this.request.connectTimeoutMs, this.#early);
    } catch (error) {
      member.inFlight -= 1;
      const reason = dialError(error);
      if (reason.code !== 'no-healthy-endpoint') this.owner.dialFailed(member);
      this.dialFailed(member, rejected, reason);
      return;
    }
    this.#waiter.onDialed?.(dialed.transport, member.endpoint, dialed.mutualTls);
    const loan = new Loan(member, dialed, false, this.owner);
    if (this.cancelled) loan.release(this.#pooled);
    else this.#waiter.onConnection(loan);
  }
}

/** Of room for one stream. */
export class SlotDemand extends Demand implements StreamPoolWaiter {
  readonly #waiter: StreamWaiter;
  /** The one that was picked last. */
  #member: Member | undefined;
  #rejected: readonly Member[] = [];
  /** For a connection to it. */
  #waits = false;

  constructor(request: StreamRequirement, waiter: StreamWaiter, owner: DemandOwner) {
    super(request, owner);
    this.#waiter = waiter;
  }

  get connectTimeoutMs(): number {
    return this.request.connectTimeoutMs;
  }

  take(member: Member, rejected: readonly Member[]): void {
    const connection = member.streams.take();
    if (connection !== undefined) {
      this.#waiter.onSlot(new Slot(member, connection, this.owner));
      return;
    }
    this.#member = member;
    this.#rejected = rejected;
    this.#waits = true;
    member.streams.wait(this);
  }

  fail(error: MeshError, member: Member | undefined): void {
    this.#waiter.onError(error, member?.endpoint);
  }

  override cancel(): void {
    super.cancel();
    if (this.#waits && this.#member !== undefined) this.#member.inFlight -= 1;
    this.#waits = false;
  }

  onDialed(dialed: Dialed): void {
    const member = this.#member;
    if (member === undefined) return;
    this.#waiter.onDialed?.(dialed.transport, member.endpoint, dialed.mutualTls);
  }

  onConnection(connection: SharedConnection): void {
    const member = this.#member;
    if (member === undefined) return;
    this.#waits = false;
    this.#waiter.onSlot(new Slot(member, connection, this.owner));
  }

  onDialFailed(error: MeshError): void {
    const member = this.#member;
    if (member === undefined) return;
    this.#waits = false;
    member.inFlight -= 1;
    this.dialFailed(member, this.#rejected, error);
  }
}
