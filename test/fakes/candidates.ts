import type { Candidate, Election, ElectionNews } from '../../control-plane/election/election.ts';
import type { Lease, LeaseStore, LeaseWrite } from '../../control-plane/election/lease.ts';
import type { ManualClock } from '../../runtime/clock.ts';

/** Leases in memory, with doors that can be shut. */
export class MemoryLeases implements LeaseStore {
  lease: Lease | undefined;
  readonly tokens: number[] = [];
  writes = 0;

  async read(): Promise<Lease | undefined> {
    return this.lease;
  }

  async write(_: string, __: string, next: LeaseWrite, previous: Lease | undefined) {
    if (previous?.version !== this.lease?.version) return undefined;
    this.writes += 1;
    this.lease = { ...next, version: String(this.writes) };
    this.tokens.push(next.fencingToken);
    return this.lease;
  }

  /** The same leases over a line of its own, which can be cut. */
  line(): LeaseStore & { cut: boolean; loseAnswers: boolean } {
    const line = {
      cut: false,
      /** Writes arrive, but nobody hears of it. */
      loseAnswers: false,
      read: async () => {
        if (line.cut || line.loseAnswers) throw new Error('the API is unreachable');
        return this.read();
      },
      write: async (...args: Parameters<LeaseStore['write']>) => {
        if (line.cut) throw new Error('the API is unreachable');
        const written = await this.write(...args);
        if (line.loseAnswers) throw new Error('timed out');
        return written;
      },
    };
    return line;
  }
}

/** A pod's sidecar: remembers what it was told, and until when it may believe that it leads. */
export class CandidatePod implements Candidate {
  readonly pod: string;
  readonly news: ElectionNews[] = [];
  readonly #clock: ManualClock;
  readonly #sent = new Map<number, number>();
  #sequence = 0;
  #untilMs = 0;
  token = 0;

  constructor(pod: string, clock: ManualClock) {
    this.pod = pod;
    this.#clock = clock;
  }

  tell(news: ElectionNews): void {
    this.news.push(news);
    if (news.leader !== this.pod) {
      this.token = 0;
      return;
    }
    const sinceMs = this.#sent.get(news.sequence) ?? this.#clock.monotonicMs();
    this.#untilMs = sinceMs + news.leaseDurationMs;
    this.token = news.fencingToken;
  }

  renew(election: Election): void {
    this.#sequence += 1;
    this.#sent.set(this.#sequence, this.#clock.monotonicMs());
    election.renew(this, this.leads ? this.token : 0, this.#sequence);
  }

  /** By its own clock, to the very end of the term: a sidecar gives up earlier. */
  get leads(): boolean {
    return this.token > 0 && this.#clock.monotonicMs() < this.#untilMs;
  }

  get leader(): string | undefined {
    return this.news.at(-1)?.leader;
  }
}

/** Lets promises that have no timer behind them run to their end. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
