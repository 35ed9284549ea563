import { chmodSync, copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describeError } from '../../runtime/errors.ts';
import { CONTENDERS, type ContenderId } from './contenders.ts';
import { runH2load } from './h2load.ts';
import type { Plan, Setup } from './lab.ts';
import { type Measure, Measured, type Run } from './measured.ts';
import { pssBytes } from './process-cost.ts';

export const MIB = 1024 * 1024;
export const REQUESTS = 20_000;
export const CONNECTIONS = 32;
/** For what a start leaves behind to be collected. */
export const SETTLE_MS = 2_000;

/** Proportional set size of the sidecar beside a client, idle and after a load, in MiB. */
export function memory(options: { services: number; used: number }): Measure {
  return async (run) => {
    const measured = new Measured();
    for (let round = 0; round < run.rounds; round += 1) {
      for (const id of run.contenders) {
        if (measured.series(id, 'idle').failure !== undefined) continue;
        try {
          await sample(run, id, options, measured);
        } catch (error) {
          run.report(`${id}: ${describeError(error)}`);
          measured.fail(id, run.quantities, describeError(error));
        }
      }
    }
    return measured;
  };
}

async function sample(
  run: Run,
  id: ContenderId,
  options: { services: number; used: number },
  measured: Measured,
): Promise<void> {
  const { lab } = run;
  const setup: Setup = { hop: 'pair', protocol: 'http1', ...options };
  const copy = join(lab.directory, `${id}-alone`);
  const plan = alone(await CONTENDERS[id].plan(lab, setup), copy);
  const subject = await lab.start(plan, 'http1');
  try {
    const pids = subject.pids.slice(0, 1);
    await delay(SETTLE_MS);
    const idle = pssBytes(pids) / MIB;
    for (const port of subject.ports) {
      await runH2load({
        program: lab.h2load,
        ...{ port, path: '/1k', protocol: 'http1', connections: CONNECTIONS, streams: 1 },
        requests: REQUESTS / subject.ports.length,
        bodyBytes: lab.origin.body('/1k').length,
      });
    }
    const after = pssBytes(pids) / MIB;
    measured.add(id, 'idle', idle);
    measured.add(id, 'after', after);
    run.report(`${id}: idle ${idle.toFixed(1)}, after ${after.toFixed(1)} MiB`);
  } finally {
    await lab.stop(subject);
    rmSync(copy);
  }
}

/**
 * The same with a copy of the client's side's program: pages of a program that
 * other processes run too count in part only, and this machine runs it more than once.
 */
export function alone(plan: Plan, copy: string): Plan {
  const [outbound, ...rest] = plan.commands;
  if (outbound === undefined) return plan;
  copyFileSync(outbound.file, copy);
  chmodSync(copy, 0o755);
  return { ...plan, commands: [{ ...outbound, file: copy }, ...rest] };
}
