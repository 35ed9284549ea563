import type { ResourceSet, Snapshot, VersionedResource } from '../snapshot/types.ts';

/** What leads from one state to another. */
export interface Delta {
  readonly changed: readonly VersionedResource[];
  readonly removed: readonly string[];
}

/**
 * What a sidecar holds. Normally exactly a snapshot, of which the sets are shared
 * by many sidecars; after a reconnect, or when it did not take everything, a list
 * of versions of its own.
 */
export type Held =
  | { readonly kind: 'snapshot'; readonly shared: ResourceSet; readonly own: ResourceSet }
  | { readonly kind: 'listed'; readonly versions: ReadonlyMap<string, string> };

const EMPTY_SET: ResourceSet = { byName: new Map() };

export const HOLDS_NOTHING: Held = { kind: 'snapshot', shared: EMPTY_SET, own: EMPTY_SET };

/** Deltas between shared sets are the same for all sidecars: computed once, by the pair. */
const remembered = new WeakMap<ResourceSet, WeakMap<ResourceSet, Delta>>();

const NO_CHANGE: Delta = { changed: [], removed: [] };

/** What a sidecar is short of, in its shared and its own part. */
export function deltasTo(held: Held, snapshot: Snapshot): { shared: Delta; own: Delta } {
  if (held.kind === 'listed') {
    return { shared: NO_CHANGE, own: deltaFromList(held.versions, snapshot) };
  }
  return {
    shared: deltaBetween(held.shared, snapshot.shared),
    own: held.own === snapshot.own ? NO_CHANGE : computeDelta(held.own, snapshot.own),
  };
}

/** What a sidecar holds after it took some resources and let go of others. */
export function afterPush(
  held: Held,
  changed: Iterable<VersionedResource>,
  removed: Iterable<string>,
): Held {
  const versions = new Map<string, string>();
  if (held.kind === 'listed') {
    for (const [name, version] of held.versions) versions.set(name, version);
  } else {
    for (const [name, item] of held.shared.byName) versions.set(name, item.version);
    for (const [name, item] of held.own.byName) versions.set(name, item.version);
  }
  for (const name of removed) versions.delete(name);
  for (const item of changed) versions.set(item.name, item.version);
  return { kind: 'listed', versions };
}

function deltaBetween(from: ResourceSet, to: ResourceSet): Delta {
  if (from === to) return NO_CHANGE;
  let byTarget = remembered.get(from);
  if (byTarget === undefined) {
    byTarget = new WeakMap();
    remembered.set(from, byTarget);
  }
  let delta = byTarget.get(to);
  if (delta === undefined) {
    delta = computeDelta(from, to);
    byTarget.set(to, delta);
  }
  return delta;
}

function computeDelta(from: ResourceSet, to: ResourceSet): Delta {
  const changed: VersionedResource[] = [];
  const removed: string[] = [];
  for (const [name, item] of to.byName) {
    if (from.byName.get(name)?.version !== item.version) changed.push(item);
  }
  for (const name of from.byName.keys()) {
    if (!to.byName.has(name)) removed.push(name);
  }
  return { changed, removed };
}

function deltaFromList(versions: ReadonlyMap<string, string>, to: Snapshot): Delta {
  const changed: VersionedResource[] = [];
  const removed: string[] = [];
  // The sidecar's own settings come first: the rest is read in their light.
  for (const set of [to.own, to.shared]) {
    for (const [name, item] of set.byName) {
      if (versions.get(name) !== item.version) changed.push(item);
    }
  }
  for (const name of versions.keys()) {
    if (!to.own.byName.has(name) && !to.shared.byName.has(name)) removed.push(name);
  }
  return { changed, removed };
}
