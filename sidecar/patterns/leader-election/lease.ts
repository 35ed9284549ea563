import type { Clock } from '../../../runtime/clock.ts';

/** What the control plane says of an election. */
export interface LeaseGrant {
  /** The pod that leads; empty while nobody does. */
  readonly leader: string;
  readonly fencingToken: number;
  readonly leaseDurationMs: number;
  /** The renewal that this answers; 0 when it was not asked for. */
  readonly sequence: number;
}

/** Who leads, as far as this pod may rely on it now. */
export type Leadership =
  /** This pod. It must stop what only a leader may do when the time is over. */
  | {
      readonly kind: 'leader';
      readonly leader: string;
      readonly term: number;
      readonly expiresInMs: number;
    }
  /** Another pod, at the last word, which is believed for the time given. */
  | {
      readonly kind: 'follower';
      readonly leader: string;
      readonly term: number;
      readonly expiresInMs: number;
    }
  | { readonly kind: 'unknown'; readonly reason: string };

/** Answers to older renewals say nothing that a newer one does not. */
const MAX_UNANSWERED = 32;

/**
 * One election from a candidate's side, by the rules that keep two pods from
 * leading at once although clocks differ and messages are late:
 * - A holder counts the lease as lost two thirds of its duration after it *sent*
 *   the renewal that was last answered, by its own monotonic clock. The control
 *   plane counts the whole duration from when that renewal arrived, thus later.
 * - The clock is read whenever somebody asks, since a stalled event loop fires
 *   timers late.
 * - A grant with a smaller fencing token is old, and is ignored.
 */
export class Lease {
  readonly #pod: string;
  readonly #clock: Clock;
  readonly #sentMs = new Map<number, number>();
  #sequence = 0;
  #grant: LeaseGrant | undefined;
  /** When the word that is relied upon was given; a holder's counts from the sending. */
  #fromMs = 0;
  #refusal: string | undefined;

  /** @param pod this pod's own name, as in grants */
  constructor(pod: string, clock: Clock) {
    this.#pod = pod;
    this.#clock = clock;
  }

  /** The token under which this pod leads or led last; 0 when another does. */
  get fencingToken(): number {
    return this.#grant?.leader === this.#pod ? this.#grant.fencingToken : 0;
  }

  /** Undefined before the first grant. */
  get durationMs(): number | undefined {
    return this.#grant?.leaseDurationMs;
  }

  /** A renewal leaves now; returns its sequence number, never one that was used before. */
  renewalSent(): number {
    this.#sequence += 1;
    this.#sentMs.set(this.#sequence, this.#clock.monotonicMs());
    for (const sequence of this.#sentMs.keys()) {
      if (this.#sentMs.size <= MAX_UNANSWERED) break;
      this.#sentMs.delete(sequence);
    }
    return this.#sequence;
  }

  granted(grant: LeaseGrant): void {
    const sentMs = this.#takeSent(grant.sequence);
    const previous = this.#grant;
    if (previous !== undefined && grant.fencingToken < previous.fencingToken) return;
    this.#refusal = undefined;
    this.#grant = grant;
    const sameTerm =
      previous?.fencingToken === grant.fencingToken && previous.leader === grant.leader;
    const nowMs = this.#clock.monotonicMs();
    if (sentMs !== undefined) {
      this.#fromMs = sameTerm ? Math.max(this.#fromMs, sentMs) : sentMs;
    } else if (!sameTerm || grant.leader !== this.#pod) {
      this.#fromMs = nowMs;
    }
  }

  refused(reason: string): void {
    this.#refusal = reason;
    this.#grant = undefined;
  }

  /** By the clock as it stands now. */
  leadership(): Leadership {
    if (this.#refusal !== undefined) return { kind: 'unknown', reason: this.#refusal };
    const grant = this.#grant;
    if (grant === undefined) {
      return { kind: 'unknown', reason: 'the control plane has not answered yet' };
    }
    const { leader, fencingToken: term, leaseDurationMs } = grant;
    if (leader === '') return { kind: 'unknown', reason: 'nobody leads now' };
    const kind = leader === this.#pod ? 'leader' : 'follower';
    const trustedMs = kind === 'leader' ? (leaseDurationMs * 2) / 3 : leaseDurationMs;
    const expiresInMs = Math.floor(this.#fromMs + trustedMs - this.#clock.monotonicMs());
    if (expiresInMs > 0) return { kind, leader, term, expiresInMs };
    return { kind: 'unknown', reason: 'the last word from the control plane is too old' };
  }

  /** When a renewal was sent; older ones are forgotten with it. */
  #takeSent(sequence: number): number | undefined {
    const sentMs = this.#sentMs.get(sequence);
    for (const older of this.#sentMs.keys()) {
      if (older > sequence) break;
      this.#sentMs.delete(older);
    }
    return sentMs;
  }
}
