import { mutate } from './mutate.ts';
import { SeededRandom } from './random.ts';
import type { FuzzTarget } from './target.ts';

/** One input may take so much of the processor, measured again: the first time is for compiling. */
const SLOW_MS = 100;
const SLOW_TRIES = 3;
/** Bytes of an input: beyond the limits of heads and trailers. */
export const INPUT_LIMIT_BYTES = 100_000;
/** Inputs whose outcome was new. The oldest make room. */
const CORPUS_LIMIT = 2_000;

/** An input for which a target threw, or took too long. */
export interface Finding {
  readonly input: Buffer;
  readonly error: Error;
}

/**
 * Makes inputs from inputs, and keeps those with a new outcome to make more of
 * them. The same start makes the same inputs.
 */
export class Fuzzer {
  readonly #target: FuzzTarget;
  readonly #random: SeededRandom;
  readonly #corpus: Buffer[];
  readonly #outcomes = new Set<string>();
  /** How many inputs were run. */
  runs = 0;

  /** @param known inputs besides the target's seeds, such as those that found something before */
  constructor(target: FuzzTarget, seed: number, known: readonly Buffer[] = []) {
    this.#target = target;
    this.#random = new SeededRandom(seed);
    this.#corpus = [...target.seeds, ...known];
  }

  get outcomes(): number {
    return this.#outcomes.size;
  }

  /** The next input; to be run with `run`. */
  next(): Buffer {
    const base = this.#corpus[this.#random.below(this.#corpus.length)] ?? Buffer.alloc(0);
    return mutate(base, this.#corpus, this.#target.tokens, INPUT_LIMIT_BYTES, this.#random);
  }

  /** Undefined when all was well. */
  run(input: Buffer): Finding | undefined {
    this.runs += 1;
    const started = cpuMs();
    try {
      const outcome = this.#target.run(input, this.#random);
      if (cpuMs() - started > SLOW_MS && this.#isSlow(input)) {
        return { input, error: new Error(`it took over ${SLOW_MS} ms, ${SLOW_TRIES} times`) };
      }
      this.#keep(outcome, input);
      return undefined;
    } catch (error) {
      return { input, error: error instanceof Error ? error : new Error(String(error)) };
    }
  }

  #isSlow(input: Buffer): boolean {
    for (let i = 0; i < SLOW_TRIES; i++) {
      const started = cpuMs();
      this.#target.run(input, this.#random);
      if (cpuMs() - started < SLOW_MS) return false;
    }
    return true;
  }

  #keep(outcome: string, input: Buffer): void {
    if (this.#outcomes.has(outcome)) return;
    this.#outcomes.add(outcome);
    if (this.#corpus.length >= CORPUS_LIMIT) this.#corpus.shift();
    this.#corpus.push(input);
  }
}

/** Of this thread alone. */
function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

/**
 * The smallest input that can be made of a finding by leaving pieces out, and for
 * which the target still throws.
 */
export function shrink(target: FuzzTarget, finding: Finding, seed: number): Finding {
  let smallest = finding;
  for (let step = finding.input.length >> 1; step >= 1; step >>= 1) {
    for (let at = 0; at < smallest.input.length; ) {
      const { input } = smallest;
      const shorter = Buffer.concat([input.subarray(0, at), input.subarray(at + step)]);
      const found = new Fuzzer(target, seed).run(shorter);
      if (found === undefined) at += step;
      else smallest = found;
    }
  }
  return smallest;
}
