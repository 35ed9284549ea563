import { median } from '../bench/median.ts';
import type { Quantity, Sample } from './sample.ts';

/** A process with all that was seen of it. */
export interface Series {
  readonly name: string;
  /** Before there was any load. */
  readonly base: Sample;
  readonly samples: readonly Sample[];
  /** After the load was over, and idle connections had time to be closed. */
  readonly idle: Sample;
}

/** By how much a quantity may grow, of what it was and besides. */
interface Bound {
  readonly share: number;
  readonly besides: number;
}

const MIB = 2 ** 20;

/**
 * The time after the warm-up is cut into thirds, and the median of the last is compared
 * with that of the first: what holds its level does so whatever a collector or an
 * allocator does from minute to minute. A leak of one small object a request does not.
 */
const BOUNDS: Readonly<Partial<Record<Quantity, Bound>>> = {
  residentBytes: { share: 0.05, besides: 2 * MIB },
  heapBytes: { share: 0.05, besides: 1 * MIB },
  descriptors: { share: 0.05, besides: 8 },
  sockets: { share: 0.05, besides: 8 },
  connections: { share: 0.05, besides: 8 },
};

/** Descriptors that a process may keep when all is over: what it opened once, for good. */
const KEPT_DESCRIPTORS = 4;

/** The level of a quantity after the warm-up, in the order of time. */
export interface Levels {
  readonly first: number;
  readonly middle: number;
  readonly last: number;
}

/** Of the samples after the warm-up: the median of each third. */
export function levelsOf(series: Series, quantity: Quantity, warmUpSeconds: number): Levels {
  const values = series.samples
    .filter(({ seconds }) => seconds >= warmUpSeconds)
    .map((sample) => sample[quantity]);
  const third = Math.ceil(values.length / 3);
  const level = (begin: number): number => median(values.slice(begin, begin + third));
  return { first: level(0), middle: level(third), last: level(values.length - third) };
}

/** What is wrong with a process, in sentences; empty when it holds what it should. */
export function judgeSeries(series: Series, warmUpSeconds: number): string[] {
  const mistakes: string[] = [];
  for (const [quantity, bound] of Object.entries(BOUNDS) as [Quantity, Bound][]) {
    const { first, last } = levelsOf(series, quantity, warmUpSeconds);
    const growth = last - first;
    const allowed = bound.share * first + bound.besides;
    if (growth > allowed) {
      mistakes.push(
        `${series.name}: ${quantity} grew by ${Math.round(growth)}, and ${Math.round(allowed)} is allowed`,
      );
    }
  }
  return [...mistakes, ...judgeIdle(series)];
}

/** What a process still holds that it did not before the load. */
export function judgeIdle({ name, base, idle }: Series): string[] {
  const mistakes: string[] = [];
  if (idle.descriptors > base.descriptors + KEPT_DESCRIPTORS) {
    mistakes.push(
      `${name}: ${idle.descriptors} descriptors when all was over, and ${base.descriptors} before`,
    );
  }
  if (idle.connections > base.connections) {
    mistakes.push(
      `${name}: ${idle.connections} connections when all was over, and ${base.connections} before`,
    );
  }
  return mistakes;
}
