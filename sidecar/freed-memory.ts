import type { Clock, Timer } from '../runtime/clock.ts';
import type { Component } from '../runtime/component.ts';

/** It takes a millisecond, and what is given back costs page faults when it is needed again. */
const RETURN_EVERY_MS = 60_000;

/** Gives what was freed back to the system. */
export type ReturnFreed = () => void;

/**
 * Memory of buffers comes from the C library. It gives back only what lies at the end of
 * its heap: a few buffers that live long, in between, keep all that lay around them, and
 * a sidecar that carried bulk once would stay as large as it was then. So it is told to
 * give back every page that nothing lies on.
 */
export class FreedMemory implements Component {
  readonly name = 'freed memory';
  readonly #clock: Clock;
  readonly #load: () => Promise<ReturnFreed | undefined>;
  #timer: Timer | undefined;

  /** @param load gives undefined where there is no such call */
  constructor(clock: Clock, load = loadMallocTrim) {
    this.#clock = clock;
    this.#load = load;
  }

  async start(): Promise<void> {
    const returnFreed = await this.#load();
    if (returnFreed !== undefined) this.#arm(returnFreed);
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #arm(returnFreed: ReturnFreed): void {
    this.#timer = this.#clock.setTimeout(() => {
      returnFreed();
      this.#arm(returnFreed);
    }, RETURN_EVERY_MS);
  }
}

/** Of glibc; undefined with other libraries, which need no telling or cannot be told. */
export async function loadMallocTrim(): Promise<ReturnFreed | undefined> {
  try {
    const { default: koffi } = await import('koffi');
    const mallocTrim = koffi.load(null).func('int malloc_trim(size_t pad)');
    return () => void mallocTrim(0);
  } catch {
    return undefined;
  }
}
