import { describeError } from '../../runtime/errors.ts';
import { CONTENDERS } from './contenders.ts';
import type { Setup } from './lab.ts';
import { type Measure, Measured } from './measured.ts';

const SETUP: Setup = { hop: 'plain', protocol: 'http1', services: 1, used: 1 };

/** From the start of the process to the first right answer through it, in milliseconds. */
export function start(): Measure {
  return async ({ lab, contenders, rounds, quantities, report }) => {
    const measured = new Measured();
    for (let round = 0; round < rounds; round += 1) {
      for (const id of contenders) {
        if (measured.series(id).failure !== undefined) continue;
        try {
          const plan = await CONTENDERS[id].plan(lab, SETUP);
          const startedMs = performance.now();
          const subject = await lab.start(plan, 'http1');
          measured.add(id, '', performance.now() - startedMs);
          await lab.stop(subject);
        } catch (error) {
          report(`${id}: ${describeError(error)}`);
          measured.fail(id, quantities, describeError(error));
        }
      }
    }
    return measured;
  };
}
