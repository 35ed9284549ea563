import type { Endpoint } from '../config/types.ts';
import type { Dialed } from './dialer.ts';
import type { Member } from './member.ts';
import type { AttemptOutcome, UpstreamConnection } from './types.ts';

/** What a loan needs of the cluster that made it. */
export interface Lender {
  /** @param lentMs when the loan began, by the monotonic clock */
  responded(member: Member, lentMs: number): void;
  /** @param lentMs undefined when `responded` was called before */
  reported(member: Member, outcome: AttemptOutcome, lentMs: number | undefined): void;
  returned(member: Member, dialed: Dialed, reusable: boolean): void;
  /** The transport closed while it was on loan. */
  lost(member: Member): void;
}

/** A connection while a request or a connection of the application uses it. */
export class Loan implements UpstreamConnection {
  readonly transport: UpstreamConnection['transport'];
  readonly endpoint: Endpoint;
  readonly reused: boolean;
  readonly mutualTls: boolean;
  readonly #dialed: Dialed;
  readonly #member: Member;
  readonly #lender: Lender;
  readonly #lentMs: number;
  #over = false;
  #responded = false;
  #reported = false;

  /** @param lentMs the time; any number where the lender does not go by it */
  constructor(member: Member, dialed: Dialed, reused: boolean, lender: Lender, lentMs: number) {
    this.transport = dialed.transport;
    this.endpoint = member.endpoint;
    this.reused = reused;
    this.mutualTls = dialed.mutualTls;
    this.#dialed = dialed;
    this.#member = member;
    this.#lender = lender;
    this.#lentMs = lentMs;
    dialed.transport.onClosed = () => {
      if (this.#over) return;
      this.#over = true;
      lender.lost(member);
    };
  }

  responded(): void {
    if (this.#responded || this.#reported) return;
    this.#responded = true;
    this.#lender.responded(this.#member, this.#lentMs);
  }

  report(outcome: AttemptOutcome): void {
    if (this.#reported) return;
    this.#reported = true;
    this.#lender.reported(this.#member, outcome, this.#responded ? undefined : this.#lentMs);
  }

  release(reusable: boolean): void {
    if (this.#over) return;
    this.#over = true;
    this.#dialed.transport.onClosed = undefined;
    this.#lender.returned(this.#member, this.#dialed, reusable);
  }
}
