import type { ContenderId } from './contenders.ts';
import type { Lab } from './lab.ts';

/** One quantity of one contender: a value a round, or why there is none. */
export interface Series {
  readonly values: number[];
  failure?: string;
}

/** What a scenario found. */
export class Measured {
  readonly #series = new Map<string, Series>();

  /** @param quantity as the scenario names it; '' when it has one only */
  series(contender: ContenderId | 'direct', quantity = ''): Series {
    const key = `${contender} ${quantity}`;
    const found = this.#series.get(key) ?? { values: [] };
    this.#series.set(key, found);
    return found;
  }

  add(contender: ContenderId | 'direct', quantity: string, value: number): void {
    this.series(contender, quantity).values.push(value);
  }

  /** All quantities of this contender are worth nothing. */
  fail(contender: ContenderId, quantities: readonly string[], reason: string): void {
    for (const quantity of quantities) this.series(contender, quantity).failure = reason;
  }
}

/** What a measurement is given. */
export interface Run {
  readonly lab: Lab;
  /** Ours first. */
  readonly contenders: readonly ContenderId[];
  readonly rounds: number;
  /** Names of what is measured. */
  readonly quantities: readonly string[];
  /** For the person who waits. */
  report(line: string): void;
}

export type Measure = (run: Run) => Promise<Measured>;
