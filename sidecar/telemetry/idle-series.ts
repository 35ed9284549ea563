import type { Clock, Timer } from '../../runtime/clock.ts';
import type { Component } from '../../runtime/component.ts';
import { CONNECTION, type Counters } from './counters.ts';
import type { Series } from './series.ts';

const SWEEP_EVERY_MS = 30 * 60_000;

/**
 * Drops series in which nothing was counted for half an hour or more: those of workloads,
 * routes and services that are gone, for nobody says when the last scrape has seen them.
 * One that comes back begins at 0, which Prometheus takes for a restart.
 */
export class IdleSeries implements Component {
  readonly name = 'idle series';
  readonly #clock: Clock;
  readonly #counters: Counters;
  readonly #sweeps: readonly (() => void)[];
  #timer: Timer | undefined;

  constructor(counters: Counters, clock: Clock) {
    this.#clock = clock;
    this.#counters = counters;
    const { connections } = counters;
    this.#sweeps = [
      sweepOf(counters.requests),
      // A connection that is open will be counted again.
      sweepOf(connections, (row) => connections.at(row, CONNECTION.active) !== 0),
      sweepOf(counters.retries),
      sweepOf(counters.hedges),
      sweepOf(counters.limitRefusals),
      sweepOf(counters.faults),
      sweepOf(counters.storeFailures),
      sweepOf(counters.refusals),
      sweepOf(counters.ejections),
    ];
  }

  start(): void {
    this.#timer = this.#clock.setTimeout(() => {
      for (const sweep of this.#sweeps) sweep();
      this.#counters.dropRestored();
      this.start();
    }, SWEEP_EVERY_MS);
  }

  stop(): void {
    this.#timer?.cancel();
  }
}

/** Drops at each call what has not changed since the one before. */
function sweepOf<Labels>(
  series: Series<Labels>,
  isBusy: (row: number) => boolean = () => false,
): () => void {
  const { columns } = series;
  const seen = series.reading();
  const hasChanged = (row: number): boolean => {
    for (let column = 0; column < columns; column++) {
      if (series.at(row, column) !== seen.values[row * columns + column]) return true;
    }
    return false;
  };
  return () => {
    series.retain((row) => isBusy(row) || hasChanged(row));
    seen.values = series.snapshot();
  };
}
