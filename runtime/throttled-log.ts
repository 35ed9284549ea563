import type { Clock } from './clock.ts';

/** What the data path needs of a log. Messages are constant; what varies goes into fields. */
export interface EventLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

const LINES_A_SECOND = 10;
const SECOND_MS = 1_000;

/** The lines with one message, within one second. */
interface Second {
  written: number;
  omitted: number;
}

/**
 * A log of what strangers cause: of lines with the same message only so many a second
 * are written, and then how many were left out. Lines of level `debug` are for somebody
 * who wants to see all.
 */
export class ThrottledLog implements EventLog {
  readonly #log: EventLog;
  readonly #clock: Clock;
  /** By message, of which there are few. */
  readonly #seconds = new Map<string, Second>();

  constructor(log: EventLog, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  debug(fields: object, message: string): void {
    this.#log.debug(fields, message);
  }

  info(fields: object, message: string): void {
    if (this.#mayWrite(message, 'info')) this.#log.info(fields, message);
  }

  warn(fields: object, message: string): void {
    if (this.#mayWrite(message, 'warn')) this.#log.warn(fields, message);
  }

  #mayWrite(message: string, level: 'info' | 'warn'): boolean {
    let second = this.#seconds.get(message);
    if (second === undefined) {
      second = { written: 0, omitted: 0 };
      this.#seconds.set(message, second);
      this.#clock.setTimeout(() => this.#onSecondOver(message, level), SECOND_MS);
    }
    if (second.written < LINES_A_SECOND) {
      second.written += 1;
      return true;
    }
    second.omitted += 1;
    return false;
  }

  #onSecondOver(message: string, level: 'info' | 'warn'): void {
    const omitted = this.#seconds.get(message)?.omitted ?? 0;
    this.#seconds.delete(message);
    if (omitted > 0) this.#log[level]({ omitted }, message);
  }
}
