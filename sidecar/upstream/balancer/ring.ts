import { hashText, mix } from './hash.ts';

/** Shares of the ring then differ by about a twelfth, and bounded loads even out the rest. */
const POINTS_PER_MEMBER = 128;
/** A point is one number: its place on the ring above so many bits for the index of its member. */
const INDEX_RANGE = 2 ** 20;
const SECOND_SEED = 0x9e3779b9;

/**
 * A circle of 2^32 places on which each member has many. A key belongs to the
 * member whose place follows its own. With a member go only its keys; a new one
 * takes its share from all alike.
 *
 * David Karger et al., "Consistent Hashing and Random Trees", STOC 1997.
 */
export class Ring<T extends { readonly key: string }> {
  readonly #members: readonly T[];
  /** In order. */
  readonly #points: Float64Array;

  constructor(members: readonly T[]) {
    this.#members = members;
    this.#points = new Float64Array(members.length * POINTS_PER_MEMBER);
    members.forEach(({ key }, index) => {
      // A step of its own for each member: one that all share would let the places of two coincide.
      const start = hashText(key);
      const step = hashText(key, SECOND_SEED) | 1;
      for (let i = 0; i < POINTS_PER_MEMBER; i++) {
        const place = mix(start + Math.imul(i, step));
        this.#points[index * POINTS_PER_MEMBER + i] = place * INDEX_RANGE + index;
      }
    });
    this.#points.sort();
  }

  get size(): number {
    return this.#points.length;
  }

  /** Where a key comes to lie: the position of the first point after it. */
  position(key: string): number {
    return this.#follows(hashText(key));
  }

  /** @param position any, going on past the end from the beginning */
  member(position: number): T | undefined {
    const point = this.#points[position % this.#points.length];
    return point === undefined ? undefined : this.#members[point % INDEX_RANGE];
  }

  /** By halves; one past the last point when none follows. */
  #follows(place: number): number {
    const points = this.#points;
    const wanted = place * INDEX_RANGE;
    let low = 0;
    let high = points.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((points[middle] as number) < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
