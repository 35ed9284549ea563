import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describeError } from '../../runtime/errors.ts';
import { until } from '../fakes/until.ts';
import { askOften } from './checked-client.ts';
import { CONTENDERS } from './contenders.ts';
import type { Setup } from './lab.ts';
import { ManyServices } from './many-services.ts';
import { alone, CONNECTIONS, MIB, REQUESTS, SETTLE_MS } from './measure-memory.ts';
import { type Measure, Measured, type Run } from './measured.ts';
import { pssBytes } from './process-cost.ts';

type Options = Pick<Setup, 'services' | 'used'>;

/**
 * As `memory`, in a mesh of many services with ten endpoints each: ours is connected to
 * our control plane, which sends what is used; the peer is given all of it as a file.
 * Idle is after one request to each of the services that are used.
 */
export function meshMemory(options: Options): Measure {
  return async (run) => {
    const measured = new Measured();
    const mesh = await ManyServices.start(run.lab, options.services, options.used);
    try {
      for (let round = 0; round < run.rounds; round += 1) {
        for (const id of run.contenders) {
          if (measured.series(id, 'idle').failure !== undefined) continue;
          try {
            const { idle, after } =
              id === 'remora' ? await ours(run, mesh, options) : await peers(run, id, options);
            measured.add(id, 'idle', idle);
            measured.add(id, 'after', after);
            run.report(`${id}: idle ${idle.toFixed(1)}, after ${after.toFixed(1)} MiB`);
          } catch (error) {
            run.report(`${id}: ${describeError(error)}`);
            measured.fail(id, run.quantities, describeError(error));
          }
        }
      }
    } finally {
      await mesh.stop();
    }
    return measured;
  };
}

/** A service as it is asked for. */
interface Target {
  readonly port: number;
  /** Where the port is that of an HTTP proxy. */
  readonly authority?: string;
}

async function ours(run: Run, mesh: ManyServices, { used }: Options): Promise<Sample> {
  const { lab } = run;
  const { proxyPort: port, ...plan } = await mesh.plan();
  const copy = join(lab.directory, 'remora-alone');
  const subject = await lab.start(alone(plan, copy), 'http1');
  try {
    const targets = Array.from({ length: used }, (_, i) => ({
      port,
      authority: `service-${i}.demo`,
    }));
    return await sample(run, subject.pids.slice(0, 1), targets);
  } finally {
    await lab.stop(subject);
    rmSync(copy);
  }
}

async function peers(
  run: Run,
  id: Exclude<Run['contenders'][number], 'remora'>,
  options: Options,
): Promise<Sample> {
  const { lab } = run;
  const setup: Setup = { hop: 'pair', protocol: 'http1', manyEndpoints: true, ...options };
  const copy = join(lab.directory, `${id}-alone`);
  const subject = await lab.start(alone(await CONTENDERS[id].plan(lab, setup), copy), 'http1');
  try {
    return await sample(
      run,
      subject.pids.slice(0, 1),
      subject.ports.map((port) => ({ port })),
    );
  } finally {
    await lab.stop(subject);
    rmSync(copy);
  }
}

interface Sample {
  readonly idle: number;
  readonly after: number;
}

async function sample(
  { lab }: Run,
  pids: readonly number[],
  targets: readonly Target[],
): Promise<Sample> {
  const { origin } = lab;
  for (const target of targets) {
    let reason: unknown;
    const answered = (): Promise<boolean> =>
      askOften(origin, { ...target, connections: 1, requests: 1 }).then(
        () => true,
        (error: unknown) => {
          reason = error;
          return false;
        },
      );
    await until(answered, 'the first right answer', 60_000).catch((error: unknown) => {
      throw new Error(`${error}; the last one: ${reason}`);
    });
  }
  await delay(SETTLE_MS);
  const idle = pssBytes(pids) / MIB;
  const requests = REQUESTS / targets.length;
  for (const target of targets) {
    await askOften(origin, { ...target, connections: CONNECTIONS, requests });
  }
  return { idle, after: pssBytes(pids) / MIB };
}
