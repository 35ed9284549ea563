import type { Snapshot, VersionedResource } from '../snapshot/types.ts';
import { afterPush, type Delta, deltasTo, type Held } from './delta.ts';
import { encodePushHead, encodeResource, encodeResources } from './encode.ts';

/** What one push to one sidecar carries. */
export interface PlannedPush {
  readonly resources: readonly VersionedResource[];
  readonly removed: readonly string[];
  /** Nothing to tell. */
  readonly empty: boolean;
  /** False when there was too much for one push, and more follows. */
  readonly complete: boolean;
  /** Resources left out because the sidecar refused them in the version that they still have. */
  readonly refused: ReadonlyMap<string, string>;
  /** The pieces of the message. */
  encode(nonce: number): readonly Buffer[];
}

/**
 * The size from which a push is cut. grpc-js takes messages of up to 4 MiB unless
 * told otherwise; a single resource may still be larger.
 */
export const PUSH_LIMIT_BYTES = 3 * 1024 * 1024;

/** What to push to a sidecar that holds something and should hold the snapshot. */
export function planPush(
  held: Held,
  snapshot: Snapshot,
  refused: ReadonlyMap<string, string>,
  limitBytes = PUSH_LIMIT_BYTES,
): PlannedPush {
  const { shared, own } = deltasTo(held, snapshot);
  const removed = joined(own.removed, shared.removed);
  const stillRefused = refusedStill(refused, snapshot);
  const bytes = encodeResources(shared.changed);
  const ownPieces = own.changed.map(encodeResource);
  const sizeBytes = ownPieces.reduce((sum, piece) => sum + piece.length, bytes.length);
  if (stillRefused.size === 0 && sizeBytes <= limitBytes) {
    const resources = joined(own.changed, shared.changed);
    return {
      resources,
      removed,
      empty: resources.length === 0 && removed.length === 0,
      complete: true,
      refused: stillRefused,
      encode: (nonce) => [encodePushHead(nonce, snapshot.version, removed), ...ownPieces, bytes],
    };
  }
  return planPart({ own, shared }, removed, snapshot.version, stillRefused, limitBytes);
}

/** What the sidecar holds once it took the push. */
export function heldAfter(held: Held, push: PlannedPush, snapshot: Snapshot): Held {
  if (push.complete && push.refused.size === 0) {
    return { kind: 'snapshot', shared: snapshot.shared, own: snapshot.own };
  }
  return afterPush(held, push.resources, push.removed);
}

function planPart(
  deltas: { own: Delta; shared: Delta },
  removed: readonly string[],
  version: string,
  refused: ReadonlyMap<string, string>,
  limitBytes: number,
): PlannedPush {
  const resources: VersionedResource[] = [];
  const pieces: Buffer[] = [];
  let sizeBytes = 0;
  let complete = true;
  for (const item of joined(deltas.own.changed, deltas.shared.changed)) {
    if (refused.get(item.name) === item.version) continue;
    const piece = encodeResource(item);
    if (sizeBytes > 0 && sizeBytes + piece.length > limitBytes) {
      complete = false;
      break;
    }
    resources.push(item);
    pieces.push(piece);
    sizeBytes += piece.length;
  }
  // It will not hold the whole snapshot, so it must not say that it does.
  const partialVersion = `${version}-partial`;
  return {
    resources,
    removed,
    empty: resources.length === 0 && removed.length === 0,
    complete,
    refused,
    encode: (nonce) => [encodePushHead(nonce, partialVersion, removed), ...pieces],
  };
}

/** A resource that was refused gets another chance when it changes. */
function refusedStill(
  refused: ReadonlyMap<string, string>,
  snapshot: Snapshot,
): ReadonlyMap<string, string> {
  if (refused.size === 0) return refused;
  return new Map(
    [...refused].filter(([name, version]) => {
      const present = snapshot.own.byName.get(name) ?? snapshot.shared.byName.get(name);
      return present?.version === version;
    }),
  );
}

function joined<T>(first: readonly T[], second: readonly T[]): readonly T[] {
  if (first.length === 0) return second;
  if (second.length === 0) return first;
  return [...first, ...second];
}
