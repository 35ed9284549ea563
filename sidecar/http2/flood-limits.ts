import type { Clock } from '../../runtime/clock.ts';
import { floodError } from './error-code.ts';

/**
 * What a peer may do for nothing: so many at once, so many a second, and so many more
 * for each useful thing that happened on the connection. An honest peer does most of
 * these in proportion to useful work, however busy it is.
 */
export interface Budget {
  readonly burst: number;
  readonly perSecond: number;
  /** For each stream that ended as it should. */
  readonly perStream: number;
  /** For each frame of data that went or came, and each KiB of it. */
  readonly perData: number;
}

export interface Budgets {
  /**
   * Streams that the peer opened and ended at once, by RST_STREAM (CVE-2023-44487) or
   * by a mistake that makes us end them (CVE-2025-8671).
   */
  readonly resets: Budget;
  /** Streams over the number that we take. A client may not know it yet. */
  readonly refusals: Budget;
  /** Each is answered (CVE-2019-9512). Some clients measure the network with them, beside data. */
  readonly pings: Budget;
  /** Each is answered, and may change every stream (CVE-2019-9515). */
  readonly settings: Budget;
  /** CVE-2019-9513. */
  readonly priorities: Budget;
  /** Some clients send two for each piece that they read. */
  readonly windowUpdates: Budget;
  /** DATA without data that ends nothing (CVE-2019-9518). */
  readonly emptyData: Budget;
  /** Frames of types that nobody knows. Some clients send such on purpose. */
  readonly unknownFrames: Budget;
  /** Responses 1xx. */
  readonly interimResponses: Budget;
  /** Frames on streams that are over. Those that were on their way when we reset one come late. */
  readonly lateFrames: Budget;
}

const NAMES: { readonly [kind in keyof Budgets]: string } = {
  resets: 'ends too many streams as soon as it opened them',
  refusals: 'opens too many streams over the number that is taken',
  pings: 'sends too many PING frames',
  settings: 'sends too many SETTINGS and GOAWAY frames',
  priorities: 'sends too many PRIORITY frames',
  windowUpdates: 'sends too many WINDOW_UPDATE frames',
  emptyData: 'sends too many DATA frames without data',
  unknownFrames: 'sends too many frames of unknown types',
  interimResponses: 'sends too many interim responses',
  lateFrames: 'sends too many frames on streams that are over',
};

export const DEFAULT_BUDGETS: Budgets = {
  resets: { burst: 500, perSecond: 100, perStream: 2, perData: 0 },
  refusals: { burst: 5000, perSecond: 100, perStream: 2, perData: 0 },
  pings: { burst: 500, perSecond: 50, perStream: 2, perData: 1 },
  settings: { burst: 50, perSecond: 5, perStream: 0, perData: 0 },
  priorities: { burst: 1000, perSecond: 100, perStream: 10, perData: 0 },
  windowUpdates: { burst: 2000, perSecond: 200, perStream: 8, perData: 2 },
  emptyData: { burst: 200, perSecond: 20, perStream: 2, perData: 0 },
  unknownFrames: { burst: 500, perSecond: 50, perStream: 2, perData: 0 },
  interimResponses: { burst: 500, perSecond: 100, perStream: 5, perData: 1 },
  lateFrames: { burst: 10_000, perSecond: 1000, perStream: 2, perData: 0 },
};

/** Useful work on a connection. */
class Work {
  streams = 0;
  data = 0;
}

/** One budget and what is left of it. The clock is only read when nothing is left. */
export class Account {
  readonly #what: string;
  readonly #budget: Budget;
  readonly #clock: Clock;
  readonly #work: Work;
  #left: number;
  #atMs: number;
  #atStreams = 0;
  #atData = 0;

  /** @param work that earns more; none does when it is left out */
  constructor(what: string, budget: Budget, clock: Clock, work: Work = new Work()) {
    this.#what = what;
    this.#budget = budget;
    this.#clock = clock;
    this.#work = work;
    this.#left = budget.burst;
    this.#atMs = clock.monotonicMs();
  }

  /** @throws ConnectionError `http2-flood` when the budget is used up */
  charge(): void {
    this.#left -= 1;
    if (this.#left < 0) this.#refill();
  }

  #refill(): void {
    const { burst, perSecond, perStream, perData } = this.#budget;
    const nowMs = this.#clock.monotonicMs();
    const { streams, data } = this.#work;
    const earned =
      ((nowMs - this.#atMs) / 1000) * perSecond +
      (streams - this.#atStreams) * perStream +
      (data - this.#atData) * perData;
    this.#atMs = nowMs;
    this.#atStreams = streams;
    this.#atData = data;
    this.#left = Math.min(this.#left + earned, burst);
    if (this.#left < 0) throw floodError(`the peer ${this.#what}`);
  }
}

/**
 * Keeps what a connection costs in proportion to the use it is of. Whoever goes over
 * a budget loses the connection (ENHANCE_YOUR_CALM).
 */
export class FloodLimits {
  readonly resets: Account;
  readonly refusals: Account;
  readonly pings: Account;
  readonly settings: Account;
  readonly priorities: Account;
  readonly windowUpdates: Account;
  readonly emptyData: Account;
  readonly unknownFrames: Account;
  readonly interimResponses: Account;
  readonly lateFrames: Account;
  readonly #work = new Work();

  constructor(clock: Clock, budgets: Partial<Budgets> = {}) {
    const account = (kind: keyof Budgets): Account =>
      new Account(NAMES[kind], budgets[kind] ?? DEFAULT_BUDGETS[kind], clock, this.#work);
    this.resets = account('resets');
    this.refusals = account('refusals');
    this.pings = account('pings');
    this.settings = account('settings');
    this.priorities = account('priorities');
    this.windowUpdates = account('windowUpdates');
    this.emptyData = account('emptyData');
    this.unknownFrames = account('unknownFrames');
    this.interimResponses = account('interimResponses');
    this.lateFrames = account('lateFrames');
  }

  /** A stream ended as it should. */
  streamDone(): void {
    this.#work.streams += 1;
  }

  /** A frame with data went or came. */
  dataMoved(bytes: number): void {
    this.#work.data += 1 + bytes / 1024;
  }
}
