import type { Endpoint } from '../config/types.ts';
import type { Dialed } from './dialer.ts';
import type { Member } from './member.ts';
import type { AttemptOutcome, UpstreamConnection } from './types.ts';

/** What a loan needs of the cluster that made it. */
export interface Lender {
  reported(member: Member, outcome: AttemptOutcome): void;
  returned(member: Member, dialed: Dialed, reusable: boolean): void;
  /** @param first what the endpoint has said on it */
  shared(member: Member, dialed: Dialed, first: Buffer | undefined): void;
  /** The transport closed while it was on loan. */
  lost(member: Member): void;
}

/** A connection while a request or a connection of the application uses it. */
export class Loan implements UpstreamConnection {
  readonly transport: UpstreamConnection['transport'];
  readonly endpoint: Endpoint;
  readonly port: number;
  readonly reused: boolean;
  readonly mutualTls: boolean;
  readonly identity: string | undefined;
  readonly #dialed: Dialed;
  readonly #member: Member;
  readonly #lender: Lender;
  #over = false;
  #reported = false;

  constructor(member: Member, dialed: Dialed, reused: boolean, lender: Lender) {
    this.transport = dialed.transport;
    this.endpoint = member.endpoint;
    this.port = member.port;
    this.reused = reused;
    this.mutualTls = dialed.mutualTls;
    this.identity = dialed.transport.peer.identity;
    this.#dialed = dialed;
    this.#member = member;
    this.#lender = lender;
    dialed.transport.onClosed = () => {
      if (this.#over) return;
      this.#over = true;
      lender.lost(member);
    };
  }

  report(outcome: AttemptOutcome): void {
    if (this.#reported) return;
    this.#reported = true;
    this.#lender.reported(this.#member, outcome);
  }

  release(reusable: boolean): void {
    if (this.#over) return;
    this.#over = true;
    this.#dialed.transport.onClosed = undefined;
    this.#lender.returned(this.#member, this.#dialed, reusable);
  }

  share(first: Buffer | undefined): void {
    if (this.#over) return;
    this.#over = true;
    this.#dialed.transport.onClosed = undefined;
    this.#lender.shared(this.#member, this.#dialed, first);
  }
}
