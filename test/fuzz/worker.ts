import { setImmediate as nextTurn } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { readFound } from './found.ts';
import { type Finding, Fuzzer, shrink } from './fuzzer.ts';
import { findTarget } from './targets.ts';

/** What the worker is given. */
export interface WorkerData {
  readonly target: string;
  readonly seed: number;
  readonly untilMs: number;
  /** The number of inputs so far, and the length of the one under way. */
  readonly progress: SharedArrayBuffer;
  /** The one under way, for whoever has to end a worker that hangs. */
  readonly input: SharedArrayBuffer;
}

/** What it tells at the end. */
export interface WorkerResult {
  readonly runs: number;
  readonly outcomes: number;
  readonly finding: { readonly input: Uint8Array; readonly error: string } | undefined;
}

const RUNS_A_TURN = 256;

const data = workerData as WorkerData;
const target = findTarget(data.target);
const progress = new Uint32Array(data.progress);
const shared = Buffer.from(data.input);
const fuzzer = new Fuzzer(target, data.seed, readFound(target.name));

let finding: Finding | undefined;
for (const seed of [...target.seeds, ...readFound(target.name)]) {
  finding ??= runOne(seed);
}
while (finding === undefined && Date.now() < data.untilMs) {
  finding = runOne(fuzzer.next());
  // What targets leave for the end of the turn must not pile up.
  if (fuzzer.runs % RUNS_A_TURN === 0) await nextTurn();
}

if (finding !== undefined) finding = shrink(target, finding, data.seed);
parentPort?.postMessage({
  runs: fuzzer.runs,
  outcomes: fuzzer.outcomes,
  finding:
    finding === undefined
      ? undefined
      : { input: finding.input, error: finding.error.stack ?? finding.error.message },
} satisfies WorkerResult);

function runOne(input: Buffer): Finding | undefined {
  input.copy(shared);
  Atomics.store(progress, 1, input.length);
  Atomics.add(progress, 0, 1);
  return fuzzer.run(input);
}
