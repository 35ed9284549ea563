/** Two hundred and fifty-six bodies that are kept whole. */
const LIMIT_BYTES = 16 * 1024 * 1024;

/** What all requests of a thread keep of their bodies, so that they could be sent again. */
export class KeptBodies {
  readonly #limitBytes: number;
  #bytes = 0;

  constructor(limitBytes = LIMIT_BYTES) {
    this.#limitBytes = limitBytes;
  }

  /** Nothing more should be kept. */
  get full(): boolean {
    return this.#bytes >= this.#limitBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(bytes: number): void {
    this.#bytes += bytes;
  }

  remove(bytes: number): void {
    this.#bytes -= bytes;
  }
}

export const keptBodies: KeptBodies = new KeptBodies();
