import type { Dialed } from './dialer.ts';
import { type Lender, Lent } from './lent.ts';
import type { Member } from './member.ts';
import type { UpstreamConnection } from './types.ts';

/** A connection while a request or a connection of the application uses it. */
export class Loan extends Lent implements UpstreamConnection {
  readonly transport: UpstreamConnection['transport'];
  readonly reused: boolean;
  readonly mutualTls: boolean;
  readonly identity: string | undefined;
  readonly #dialed: Dialed;
  #over = false;

  constructor(member: Member, dialed: Dialed, reused: boolean, lender: Lender, lentMs: number) {
    super(member, lender, lentMs);
    this.transport = dialed.transport;
    this.reused = reused;
    this.mutualTls = dialed.mutualTls;
    this.identity = dialed.transport.peer.identity;
    this.#dialed = dialed;
    dialed.transport.onClosed = () => {
      if (this.#over) return;
      this.#over = true;
      lender.lost(member);
    };
  }

  release(reusable: boolean): void {
    if (this.#over) return;
    this.#end();
    this.lender.returned(this.member, this.#dialed, reusable);
  }

  share(first: Buffer | undefined): void {
    if (this.#over) return;
    this.#end();
    this.lender.shared(this.member, this.#dialed, first);
  }

  #end(): void {
    this.#over = true;
    this.#dialed.transport.onClosed = undefined;
  }
}
