import type { Lab, Subject } from './lab.ts';
import { measureInTurns } from './measure-rounds.ts';
import type { Measure } from './measured.ts';
import { quantile } from './median.ts';
import { runOpenLoop } from './open-loop.ts';

/** A load at a fixed rate. */
export interface LatencyOptions {
  readonly requestsPerSecond: number;
  readonly connections: number;
  readonly durationMs: number;
}

/**
 * What a pair adds to the time of a request, in microseconds: p50 and p99 through
 * it, less those without it in the same round.
 */
export function latency(options: LatencyOptions): Measure {
  return async (run) => {
    const { lab } = run;
    const measured = await measureInTurns(run, {
      setup: { hop: 'pair', protocol: 'http1', services: 1, used: 1 },
      // Until code that is rarely called is compiled too.
      warmUp: (subject) => times(lab, options, subject),
      sample: (subject) => times(lab, options, subject),
      direct: () => times(lab, options, { ports: [lab.origin.http1], pids: [], processes: [] }),
    });
    for (const quantity of run.quantities) {
      const direct = measured.series('direct', quantity).values;
      for (const id of run.contenders) {
        const { values } = measured.series(id, quantity);
        values.forEach((value, round) => {
          values[round] = value - (direct[round] ?? 0);
        });
      }
    }
    return measured;
  };
}

async function times(
  lab: Lab,
  options: LatencyOptions,
  subject: Subject,
): Promise<Record<string, number>> {
  const port = subject.ports[0] ?? 0;
  const values = await runOpenLoop({ ...options, port, path: '/1k' }, lab.origin);
  return { p50: quantile(values, 0.5), p99: quantile(values, 0.99) };
}
