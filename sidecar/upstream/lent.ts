import type { Endpoint } from '../config/types.ts';
import type { Dialed } from './dialer.ts';
import type { Member } from './member.ts';
import type { AttemptOutcome } from './types.ts';

/** The cluster, as what it lent tells it what becomes of that. */
export interface Lender {
  /** @param lentMs when the loan began, by the monotonic clock */
  responded(member: Member, lentMs: number): void;
  /** @param lentMs undefined when `responded` was called before */
  reported(member: Member, outcome: AttemptOutcome, lentMs: number | undefined): void;
  returned(member: Member, dialed: Dialed, reusable: boolean): void;
  /** @param first what the endpoint has said on it */
  shared(member: Member, dialed: Dialed, first: Buffer | undefined): void;
  /** The transport closed while it was on loan. */
  lost(member: Member): void;
  /** A stream is over, and about to leave its connection. */
  streamOver(member: Member): void;
}

/** What one try of a request has from an endpoint: a connection, or a stream of one. */
export abstract class Lent {
  readonly endpoint: Endpoint;
  readonly port: number;
  protected readonly member: Member;
  protected readonly lender: Lender;
  readonly #lentMs: number;
  #responded = false;
  #reported = false;

  /** @param lentMs the time; any number where the lender does not go by it */
  constructor(member: Member, lender: Lender, lentMs: number) {
    this.endpoint = member.endpoint;
    this.port = member.port;
    this.member = member;
    this.lender = lender;
    this.#lentMs = lentMs;
  }

  responded(): void {
    if (this.#responded || this.#reported) return;
    this.#responded = true;
    this.lender.responded(this.member, this.#lentMs);
  }

  report(outcome: AttemptOutcome): void {
    if (this.#reported) return;
    this.#reported = true;
    this.lender.reported(this.member, outcome, this.#responded ? undefined : this.#lentMs);
  }
}
