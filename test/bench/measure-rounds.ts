import { describeError } from '../../runtime/errors.ts';
import { CONTENDERS, type ContenderId } from './contenders.ts';
import type { Setup, Subject } from './lab.ts';
import { Measured, type Run } from './measured.ts';

/** One value of each quantity of one contender. */
type Sample = Readonly<Record<string, number>>;

/** What happens with subjects that all run while they take turns. */
interface Turns {
  readonly setup: Setup;
  /** Once for each, not counted: code gets compiled, connections opened. */
  warmUp(subject: Subject): Promise<unknown>;
  sample(subject: Subject): Promise<Sample>;
  /** Without a proxy, once a round. */
  direct(): Promise<Sample>;
}

/** Starts all contenders, lets them take turns (A B C, A B C, ...), and stops them. */
export async function measureInTurns(run: Run, turns: Turns): Promise<Measured> {
  const measured = new Measured();
  const subjects = new Map<ContenderId, Subject>();
  const attempt = async (id: ContenderId, work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      run.report(`${id}: ${describeError(error)}`);
      measured.fail(id, run.quantities, describeError(error));
      const subject = subjects.get(id);
      subjects.delete(id);
      if (subject !== undefined) await run.lab.stop(subject);
    }
  };
  for (const id of run.contenders) {
    await attempt(id, async () => {
      const plan = await CONTENDERS[id].plan(run.lab, turns.setup);
      const subject = await run.lab.start(plan, turns.setup.protocol);
      subjects.set(id, subject);
      await turns.warmUp(subject);
    });
  }
  for (let round = 1; round <= run.rounds; round += 1) {
    for (const [id, subject] of [...subjects]) {
      await attempt(id, async () => addSample(measured, id, await turns.sample(subject)));
    }
    addSample(measured, 'direct', await turns.direct());
    run.report(`round ${round}: ${describeRound(measured, run, subjects)}`);
  }
  for (const subject of subjects.values()) await run.lab.stop(subject);
  return measured;
}

function addSample(measured: Measured, id: ContenderId | 'direct', sample: Sample): void {
  for (const [quantity, value] of Object.entries(sample)) measured.add(id, quantity, value);
}

function describeRound(
  measured: Measured,
  run: Run,
  subjects: ReadonlyMap<ContenderId, Subject>,
): string {
  return [...subjects.keys(), 'direct' as const]
    .map((id) => {
      const values = run.quantities.map((quantity) =>
        measured.series(id, quantity).values.at(-1)?.toFixed(1),
      );
      return `${id} ${values.join('/')}`;
    })
    .join(', ');
}
