import { hashText, mix } from './hash.ts';

/** Shares of the ring then differ by about a twelfth, and bounded loads even out the rest. */
const POINTS_PER_MEMBER = 128;
const SECOND_SEED = 0x9e3779b9;

/** Where members lie, in order: for each place the index of its owner. */
interface Points {
  readonly places: Uint32Array;
  readonly owners: Uint32Array;
}

const NO_POINTS: Points = { places: new Uint32Array(), owners: new Uint32Array() };

/**
 * A circle of 2^32 places on which each member has many. A key belongs to the
 * member whose place follows its own. With a member go only its keys; a new one
 * takes its share from all alike.
 *
 * David Karger et al., "Consistent Hashing and Random Trees", STOC 1997.
 */
export class Ring<T extends { readonly key: string }> {
  readonly #members: readonly T[];
  readonly #points: Points;

  /** @param previous a ring whose points are taken over, where its members are the same objects */
  constructor(members: readonly T[], previous?: Ring<T>) {
    this.#members = members;
    const before = new Set(previous === undefined ? [] : previous.#members);
    const added = members.flatMap((member, index) => (before.has(member) ? [] : [index]));
    const points = sortedPoints(members, added);
    this.#points = previous === undefined ? points : merge(previous.#pointsOf(members), points);
  }

  get size(): number {
    return this.#points.places.length;
  }

  /** Where a key comes to lie: the position of the first point after it. */
  position(key: string): number {
    const { places } = this.#points;
    const place = hashText(key);
    let low = 0;
    let high = places.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((places[middle] as number) < place) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** @param position any, going on past the end from the beginning */
  member(position: number): T | undefined {
    const { owners } = this.#points;
    const owner = owners[position % owners.length];
    return owner === undefined ? undefined : this.#members[owner];
  }

  /** The points of those that are members of the next ring too, as they count there. */
  #pointsOf(next: readonly T[]): Points {
    const { places, owners } = this.#points;
    const indices = new Map(next.map((member, index) => [member, index]));
    const nextOwner = Int32Array.from(this.#members, (member) => indices.get(member) ?? -1);
    const kept = emptyPoints(places.length);
    let count = 0;
    for (let i = 0; i < places.length; i++) {
      const owner = nextOwner[owners[i] as number] as number;
      if (owner < 0) continue;
      kept.places[count] = places[i] as number;
      kept.owners[count] = owner;
      count++;
    }
    return { places: kept.places.subarray(0, count), owners: kept.owners.subarray(0, count) };
  }
}

function emptyPoints(count: number): Points {
  return { places: new Uint32Array(count), owners: new Uint32Array(count) };
}

/** @param which indices of the members that are meant */
function sortedPoints(
  members: readonly { readonly key: string }[],
  which: readonly number[],
): Points {
  if (which.length === 0) return NO_POINTS;
  // For the sort each point is one number, with the owner below the place.
  const range = members.length;
  const joined = new Float64Array(which.length * POINTS_PER_MEMBER);
  let count = 0;
  for (const index of which) {
    const { key } = members[index] as { readonly key: string };
    // A step of its own for each member: one that all share would let the places of two coincide.
    const start = hashText(key);
    const step = hashText(key, SECOND_SEED) | 1;
    for (let i = 0; i < POINTS_PER_MEMBER; i++) {
      joined[count++] = mix(start + Math.imul(i, step)) * range + index;
    }
  }
  joined.sort();
  const points = emptyPoints(count);
  for (let i = 0; i < count; i++) {
    const place = Math.floor((joined[i] as number) / range);
    points.places[i] = place;
    points.owners[i] = (joined[i] as number) - place * range;
  }
  return points;
}

function merge(one: Points, other: Points): Points {
  const merged = emptyPoints(one.places.length + other.places.length);
  let left = 0;
  let right = 0;
  for (let i = 0; i < merged.places.length; i++) {
    const leftPlace = one.places[left] ?? Number.POSITIVE_INFINITY;
    const fromLeft = leftPlace <= (other.places[right] ?? Number.POSITIVE_INFINITY);
    const from = fromLeft ? one : other;
    const at = fromLeft ? left++ : right++;
    merged.places[i] = from.places[at] as number;
    merged.owners[i] = from.owners[at] as number;
  }
  return merged;
}
