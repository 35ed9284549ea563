import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type Measure, Measured } from './measured.ts';

const PROGRAM = fileURLToPath(new URL('./control-plane.ts', import.meta.url));

/** What `control-plane.ts` sends to the process that started it. */
export interface ControlPlaneCost {
  readonly memoryKib: number;
  readonly changeMs: number;
  readonly certificateMicroseconds: number;
}

/** The control plane with simulated sidecars, in a process of its own. One round. */
export function controlPlane(options: { sidecars: number; services: number }): Measure {
  return async ({ lab, report }) => {
    const measured = new Measured();
    const child = fork(PROGRAM, [String(options.sidecars), String(options.services)], {
      execArgv: ['--expose-gc'],
      // As in the chart.
      env: { ...process.env, MALLOC_MMAP_THRESHOLD_: '32768' },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    lab.children.adopt(child);
    child.on('message', (cost: ControlPlaneCost) => {
      report(JSON.stringify(cost));
      measured.add('remora', 'memory', cost.memoryKib);
      measured.add('remora', 'change', cost.changeMs);
      measured.add('remora', 'certificate', cost.certificateMicroseconds);
    });
    const [code, signal] = await once(child, 'exit');
    if (code !== 0) throw new Error(`control-plane.ts ended with ${signal ?? code}`);
    return measured;
  };
}
