import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { describeError } from '../../runtime/errors.ts';
import { keepFound } from './found.ts';
import { INPUT_LIMIT_BYTES } from './fuzzer.ts';
import { findTarget, TARGETS } from './targets.ts';
import type { WorkerData, WorkerResult } from './worker.ts';

const USAGE = `npm run fuzz -- <target>|all [--seconds <n>] [--seed <n>]

  --seconds  how long for each target (60)
  --seed     the start of the sequence of inputs; of the clock when left out

Targets: ${TARGETS.map(({ name }) => name).join(', ')}. What finds something is kept in
test/fuzz/found/<target>, and is run by npm test from then on.`;

/** Without a further input for so long, the worker hangs; at low priority it may just wait. */
const HANG_MS = 30_000;
const WATCH_MS = 1_000;
/** Inputs are small and dropped at once: more than this much growth is a leak. */
const MEMORY_LIMIT_MB = 512;

interface Options {
  readonly targets: readonly string[];
  readonly seconds: number;
  readonly seed: number;
}

/** @throws Error that says what was wrong */
function readOptions(args: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      seconds: { type: 'string', default: '60' },
      seed: { type: 'string', default: String(Date.now() % 2 ** 32) },
    },
  });
  const [name] = positionals;
  const [seconds, seed] = [Number(values.seconds), Number(values.seed)];
  if (name === undefined || positionals.length > 1) throw new Error('one target is wanted, or all');
  if (!(seconds > 0)) throw new Error(`--seconds must be a number over 0, not ${values.seconds}`);
  if (!Number.isInteger(seed)) throw new Error(`--seed must be a number, not ${values.seed}`);
  const targets = name === 'all' ? TARGETS.map((one) => one.name) : [findTarget(name).name];
  return { targets, seconds, seed };
}

/** True when nothing was found. */
async function fuzz(target: string, seconds: number, seed: number): Promise<boolean> {
  const progress = new SharedArrayBuffer(8);
  const input = new SharedArrayBuffer(INPUT_LIMIT_BYTES);
  const untilMs = Date.now() + seconds * 1000;
  const worker = new Worker(new URL('worker.ts', import.meta.url), {
    workerData: { target, seed, untilMs, progress, input } satisfies WorkerData,
    resourceLimits: { maxOldGenerationSizeMb: MEMORY_LIMIT_MB },
  });
  const result = await outcomeOf(worker, new Uint32Array(progress), Buffer.from(input));
  const { runs, outcomes, finding } = result;
  console.log(`${target.padEnd(12)} seed ${seed}: ${runs} inputs, ${outcomes} outcomes`);
  if (finding === undefined) return true;
  console.log(`  ${keepFound(target, finding.input)}\n  ${finding.error}`);
  console.log(`  ${JSON.stringify(Buffer.from(finding.input).toString('latin1').slice(0, 300))}`);
  return false;
}

/** Ends a worker that does not get on, or that takes more and more memory. */
async function outcomeOf(
  worker: Worker,
  progress: Uint32Array,
  input: Buffer,
): Promise<WorkerResult> {
  const { promise, resolve, reject } = Promise.withResolvers<WorkerResult>();
  const startBytes = process.memoryUsage().rss;
  let before = -1;
  const endWith = (error: string): void => {
    const length = Atomics.load(progress, 1);
    const finding = { input: Uint8Array.from(input.subarray(0, length)), error };
    resolve({ runs: Atomics.load(progress, 0), outcomes: 0, finding });
    void worker.terminate();
  };
  let sinceMs = Date.now();
  const timer = setInterval(() => {
    const now = Atomics.load(progress, 0);
    if (now !== before) sinceMs = Date.now();
    else if (Date.now() - sinceMs > HANG_MS) endWith(`no end after ${HANG_MS} ms`);
    before = now;
    const grownBytes = process.memoryUsage().rss - startBytes;
    if (grownBytes > MEMORY_LIMIT_MB * 2 ** 20) endWith(`memory grew by ${grownBytes} bytes`);
  }, WATCH_MS);
  worker.once('message', resolve);
  worker.once('error', reject);
  try {
    return await promise;
  } finally {
    clearInterval(timer);
  }
}

try {
  const { targets, seconds, seed } = readOptions(process.argv.slice(2));
  let clean = true;
  for (const target of targets) clean = (await fuzz(target, seconds, seed)) && clean;
  process.exitCode = clean ? 0 : 1;
} catch (error) {
  console.error(`${describeError(error)}\n\n${USAGE}`);
  process.exitCode = 2;
}
