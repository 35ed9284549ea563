import { fitLine } from './regression.ts';
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
 * Growth is the slope of the least squares through all samples after the warm-up,
 * times the time that they span. A leak of one object a request shows in it; what
 * a collector or an allocator does from minute to minute does not.
 */
const BOUNDS: Readonly<Partial<Record<Quantity, Bound>>> = {
  // Rises in steps, to marks from which it does not come back.
  residentBytes: { share: 0.15, besides: 4 * MIB },
  heapBytes: { share: 0.15, besides: 4 * MIB },
  descriptors: { share: 0.1, besides: 8 },
  sockets: { share: 0.1, besides: 8 },
  connections: { share: 0.1, besides: 8 },
};

/** Descriptors that a process may keep when all is over: what it opened once, for good. */
const KEPT_DESCRIPTORS = 4;

/** Growth of a quantity over the whole time, and what it was on average. */
export interface Growth {
  readonly mean: number;
  readonly growth: number;
}

/** Of the samples after the warm-up. */
export function growthOf(series: Series, quantity: Quantity, warmUpSeconds: number): Growth {
  const samples = series.samples.filter(({ seconds }) => seconds >= warmUpSeconds);
  const points = samples.map((sample) => ({ x: sample.seconds, y: sample[quantity] }));
  const { slope, mean } = fitLine(points);
  const span = (points.at(-1)?.x ?? 0) - (points[0]?.x ?? 0);
  return { mean, growth: slope * span };
}

/** What is wrong with a process, in sentences; empty when it holds what it should. */
export function judgeSeries(series: Series, warmUpSeconds: number): string[] {
  const mistakes: string[] = [];
  for (const [quantity, bound] of Object.entries(BOUNDS) as [Quantity, Bound][]) {
    const { mean, growth } = growthOf(series, quantity, warmUpSeconds);
    const allowed = bound.share * mean + bound.besides;
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
