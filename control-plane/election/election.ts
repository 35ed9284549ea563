import { Backoff } from '../../runtime/backoff.ts';
import type { Clock, Timer } from '../../runtime/clock.ts';
import { describeError } from '../../runtime/errors.ts';
import type { Log } from '../../runtime/log.ts';
import type { ElectionSpec } from '../model/types.ts';
import type { Lease, LeaseStore, LeaseWrite } from './lease.ts';

/** What a candidate is told. */
export interface ElectionNews {
  /** Empty while nobody leads. */
  readonly leader: string;
  readonly fencingToken: number;
  readonly leaseDurationMs: number;
  /** The Renew that this answers, or 0. */
  readonly sequence: number;
}

/** A pod that wants to lead, and the way to reach it. */
export interface Candidate {
  readonly pod: string;
  tell(news: ElectionNews): void;
}

/** A candidate's place in the election. Kept in the order of joining. */
interface Seat {
  readonly candidate: Candidate;
  lastHeardMs: number;
  /** The token under which this stream was made leader. */
  grantedToken: number | undefined;
  /** The latest Renew that has not been answered. */
  renewal: { readonly token: number; readonly sequence: number } | undefined;
  resigning: boolean;
  /** After a resignation the others get their turn. */
  notBeforeMs: number;
  /** The pod holds the lease, but this stream has not shown its token: until then it is told nothing. */
  silentUntilMs: number | undefined;
}

export interface ElectionOptions {
  readonly spec: ElectionSpec;
  readonly store: LeaseStore;
  readonly clock: Clock;
  readonly log: Log;
  /** Tokens start above this: the highest that this process has seen. */
  readonly lowestToken: number;
  readonly onLease: (lease: Lease) => void;
}

/** A lease that another replica renews is read this often, at least thrice a term. */
const POLL_MS = 1_000;
/** A leader that reconnects renews at once; a new instance of its pod has nothing to renew. */
const REJOIN_MS = 500;

/**
 * One election, as this replica of the control plane conducts it for the
 * candidates that are connected to it. Replicas agree through the stored lease
 * alone: whoever writes first wins, and who reads a lease waits until it has not
 * changed for its whole duration, by the own monotonic clock. A restarted
 * control plane is just another replica that has seen nothing yet.
 *
 * A leader's renewal is answered after it was written, never before: what the
 * leader believes always ends earlier than what the replicas believe.
 */
export class Election {
  readonly #options: ElectionOptions;
  readonly #seats = new Map<string, Seat>();
  readonly #backoff = new Backoff({ baseMs: 100, maxMs: 1_000 });
  #spec: ElectionSpec;
  /** The lease as last seen, and when it was first seen so; undefined before the first reading. */
  #seen: { readonly lease: Lease | undefined; readonly sinceMs: number } | undefined;
  /** What was seen is gone from the store. Its holder cannot know, so it counts until it ends. */
  #deleted = false;
  #readAtMs = Number.NEGATIVE_INFINITY;
  #wroteAtMs = Number.NEGATIVE_INFINITY;
  /** A write was refused or failed: what is stored may not be what was seen. */
  #doubtful = false;
  #highestToken: number;
  #told = { leader: '', fencingToken: 0 };
  #running = false;
  #again = false;
  #failing = false;
  #stopped = false;
  #timer: Timer | undefined;

  constructor(options: ElectionOptions) {
    this.#options = options;
    this.#spec = options.spec;
    this.#highestToken = options.lowestToken;
  }

  /** True when no candidate is left: the election can be forgotten, its lease ends by itself. */
  get idle(): boolean {
    return this.#seats.size === 0;
  }

  get pods(): string[] {
    return [...this.#seats.keys()];
  }

  /** Who leads as far as this replica knows. */
  describe(): { leader: string; fencingToken: number; candidates: string[] } {
    return { ...this.#told, candidates: this.pods };
  }

  setSpec(spec: ElectionSpec): void {
    this.#spec = spec;
  }

  /** A pod that joins again, on a new stream, keeps its place. */
  join(candidate: Candidate): void {
    const seat: Seat = {
      candidate,
      lastHeardMs: this.#now,
      grantedToken: undefined,
      renewal: undefined,
      resigning: false,
      notBeforeMs: this.#seats.get(candidate.pod)?.notBeforeMs ?? Number.NEGATIVE_INFINITY,
      silentUntilMs: this.#now + REJOIN_MS,
    };
    this.#seats.set(candidate.pod, seat);
    if (this.#seen !== undefined && this.#told.leader !== candidate.pod) this.#tell(seat, 0);
    this.#wake();
  }

  leave(candidate: Candidate): void {
    if (this.#seatOf(candidate) === undefined) return;
    this.#seats.delete(candidate.pod);
    if (this.idle) this.#timer?.cancel();
    else this.#wake();
  }

  renew(candidate: Candidate, token: number, sequence: number): void {
    const seat = this.#seatOf(candidate);
    if (seat === undefined) return;
    seat.lastHeardMs = this.#now;
    seat.renewal = { token, sequence };
    this.#wake();
  }

  resign(candidate: Candidate): void {
    const seat = this.#seatOf(candidate);
    if (seat === undefined) return;
    seat.resigning = true;
    seat.renewal = undefined;
    seat.notBeforeMs = this.#now + this.#spec.leaseDurationMs;
    this.#wake();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  /** Steps until nothing is to be done now; one at a time, because each may write. */
  #wake(): void {
    if (this.#running) {
      this.#again = true;
      return;
    }
    this.#running = true;
    void this.#run();
  }

  async #run(): Promise<void> {
    let waitMs: number;
    do {
      this.#again = false;
      this.#timer?.cancel();
      try {
        waitMs = await this.#step();
        this.#failing = false;
        this.#backoff.reset();
      } catch (error) {
        waitMs = this.#failed(error);
      }
    } while (this.#again && !this.#failing && !this.#stopped);
    this.#running = false;
    if (this.#stopped || this.idle || waitMs === Number.POSITIVE_INFINITY) return;
    this.#timer = this.#options.clock.setTimeout(() => this.#wake(), Math.max(1, waitMs));
  }

  #failed(error: unknown): number {
    this.#doubtful = true;
    if (!this.#failing) {
      this.#options.log.warn(
        { election: this.#name, error: describeError(error) },
        'cannot read or write a lease, trying again',
      );
    }
    this.#failing = true;
    if (this.#seen !== undefined && this.#isFree(this.#seen.lease)) this.#announce('', 0);
    return this.#backoff.nextMs();
  }

  /** One round. Returns how long nothing needs to be done unless somebody asks. */
  async #step(): Promise<number> {
    if (this.#needsReading) await this.#read();
    let lease = this.#seen?.lease;
    const holder = lease && this.#seats.get(lease.holder);
    if (lease !== undefined && holder?.resigning) {
      lease = await this.#write({ ...lease, holder: '' });
      if (lease === undefined) return 0;
      holder.resigning = false;
    } else if (lease !== undefined && holder !== undefined && knowsToken(holder, lease)) {
      // A sidecar that renews all the time gets its answers at a bounded rate.
      const spacingMs = this.#wroteAtMs + this.#spec.leaseDurationMs / 10 - this.#now;
      if (spacingMs > 0) return spacingMs;
      if (!(await this.#renewFor(holder, lease))) return 0;
      lease = this.#seen?.lease;
    }
    if (this.#isFree(lease) && !(await this.#elect(lease))) return 0;
    for (const seat of this.#seats.values()) this.#answer(seat);
    return this.#idleMs();
  }

  get #needsReading(): boolean {
    if (this.#seen === undefined || this.#doubtful) return true;
    const lease = this.#seen.lease;
    if (lease !== undefined && this.#seats.has(lease.holder)) return false;
    // Before taking a lease that others may have renewed, and now and then.
    return this.#now - this.#readAtMs >= this.#pollMs || this.#isFree(lease);
  }

  async #read(): Promise<void> {
    const { namespace, name } = this.#spec;
    const lease = await this.#options.store.read(namespace, name);
    this.#readAtMs = this.#now;
    this.#doubtful = false;
    if (lease === undefined && this.#seen?.lease !== undefined) {
      this.#deleted = true;
    } else if (this.#seen === undefined || this.#seen.lease?.version !== lease?.version) {
      this.#take(lease);
    }
    const known = this.#seen?.lease;
    const free = this.#isFree(known);
    this.#announce(free ? '' : (known?.holder ?? ''), known?.fencingToken ?? 0);
  }

  /** Keeps the holder in office. False when the lease was not what we thought. */
  async #renewFor(seat: Seat, lease: Lease): Promise<boolean> {
    const { renewal } = seat;
    const { leaseDurationMs } = this.#spec;
    const written = await this.#write({ ...lease, durationMs: leaseDurationMs });
    if (written === undefined) return false;
    this.#grant(seat, renewal, written);
    return true;
  }

  /** Gives a free lease to the next candidate. False when somebody else was faster. */
  async #elect(lease: Lease | undefined): Promise<boolean> {
    const seat = this.#nextCandidate(lease);
    if (seat === undefined) {
      this.#announce('', lease?.fencingToken ?? 0);
      return true;
    }
    const { renewal } = seat;
    const { leaseDurationMs } = this.#spec;
    const written = await this.#write({
      holder: seat.candidate.pod,
      fencingToken: Math.max(this.#highestToken, lease?.fencingToken ?? 0) + 1,
      // A first grant counts from its arrival, which may be late: until the new
      // leader has renewed, the others wait twice as long.
      durationMs: renewal === undefined ? 2 * leaseDurationMs : leaseDurationMs,
    });
    if (written === undefined) return false;
    this.#options.log.info(
      { election: this.#name, leader: written.holder, fencingToken: written.fencingToken },
      'leader elected',
    );
    this.#grant(seat, renewal, written);
    return true;
  }

  /** Tells the leader that it leads, after it was written. */
  #grant(seat: Seat, renewal: Seat['renewal'], lease: Lease): void {
    seat.grantedToken = lease.fencingToken;
    seat.silentUntilMs = undefined;
    if (seat.renewal === renewal) seat.renewal = undefined;
    this.#announce(lease.holder, lease.fencingToken);
    this.#tell(seat, renewal?.sequence ?? 0);
  }

  /** The holder first, for stability; else whoever has waited longest. */
  #nextCandidate(lease: Lease | undefined): Seat | undefined {
    const eligible = [...this.#seats.values()].filter(
      (seat) =>
        this.#spec.candidates.has(seat.candidate.pod) &&
        this.#now - seat.lastHeardMs < this.#spec.leaseDurationMs &&
        this.#now >= seat.notBeforeMs,
    );
    return eligible.find((seat) => seat.candidate.pod === lease?.holder) ?? eligible[0];
  }

  async #write(next: LeaseWrite): Promise<Lease | undefined> {
    const { namespace, name } = this.#spec;
    const previous = this.#deleted ? undefined : this.#seen?.lease;
    const lease = await this.#options.store.write(namespace, name, next, previous);
    if (lease === undefined) {
      this.#doubtful = true;
      this.#again = true;
      return undefined;
    }
    this.#wroteAtMs = this.#now;
    this.#take(lease);
    return lease;
  }

  #take(lease: Lease | undefined): void {
    this.#seen = { lease, sinceMs: this.#now };
    this.#deleted = false;
    if (lease === undefined) return;
    this.#highestToken = Math.max(this.#highestToken, lease.fencingToken);
    this.#options.onLease(lease);
  }

  #isFree(lease: Lease | undefined): boolean {
    if (lease === undefined || lease.holder === '') return true;
    return this.#now - (this.#seen?.sinceMs ?? this.#now) >= lease.durationMs;
  }

  /** Answers whoever is not, or not known to be, the leader. */
  #answer(seat: Seat): void {
    const { renewal, silentUntilMs } = seat;
    // The leader's own renewal waits for its write.
    if (seat.grantedToken === this.#told.fencingToken && this.#leads(seat)) return;
    if (renewal !== undefined) {
      seat.renewal = undefined;
      seat.silentUntilMs = undefined;
      this.#tell(seat, renewal.sequence);
    } else if (silentUntilMs !== undefined && this.#now >= silentUntilMs) {
      seat.silentUntilMs = undefined;
      if (this.#leads(seat)) this.#tell(seat, 0);
    }
  }

  /** Tells everybody but the new leader, who gets a grant, when it has changed who leads. */
  #announce(leader: string, fencingToken: number): void {
    if (this.#told.leader === leader && this.#told.fencingToken === fencingToken) return;
    this.#told = { leader, fencingToken };
    for (const seat of this.#seats.values()) {
      if (!this.#leads(seat)) this.#tell(seat, 0);
    }
  }

  #leads(seat: Seat): boolean {
    return seat.candidate.pod === this.#told.leader;
  }

  /** A stream hears of its own leadership only by a grant: else nobody leads, for all it knows. */
  #tell(seat: Seat, sequence: number): void {
    const { fencingToken } = this.#told;
    const { leaseDurationMs } = this.#spec;
    const granted = !this.#leads(seat) || seat.grantedToken === fencingToken;
    const leader = granted ? this.#told.leader : '';
    seat.candidate.tell({ leader, fencingToken, leaseDurationMs, sequence });
  }

  #idleMs(): number {
    const { lease, sinceMs } = this.#seen ?? { lease: undefined, sinceMs: this.#now };
    const holder = lease && this.#seats.get(lease.holder);
    if (lease === undefined || holder === undefined || this.#isFree(lease)) return this.#pollMs;
    const untilFreeMs = sinceMs + lease.durationMs - this.#now;
    const untilToldMs = (holder.silentUntilMs ?? Number.POSITIVE_INFINITY) - this.#now;
    return Math.min(untilFreeMs, untilToldMs);
  }

  #seatOf(candidate: Candidate): Seat | undefined {
    const seat = this.#seats.get(candidate.pod);
    return seat?.candidate === candidate ? seat : undefined;
  }

  get #pollMs(): number {
    return Math.min(POLL_MS, this.#spec.leaseDurationMs / 3);
  }

  get #name(): string {
    return `${this.#spec.namespace}/${this.#spec.name}`;
  }

  get #now(): number {
    return this.#options.clock.monotonicMs();
  }
}

/**
 * Whether a stream's renewal is the leader's. One that does not know the token
 * is a new instance of the pod: it waits for the lease to end like anybody else.
 * Until a first grant has arrived, the renewals that crossed it name no token.
 */
function knowsToken(seat: Seat, lease: Lease): boolean {
  const { renewal, grantedToken } = seat;
  if (renewal === undefined) return false;
  if (renewal.token === lease.fencingToken) return true;
  return renewal.token === 0 && grantedToken === lease.fencingToken;
}
