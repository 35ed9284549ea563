import type { Collection } from '../collections/collection.ts';
import type { ResourceSource } from '../watch/source.ts';
import type { MeshState } from './types.ts';

/** What the mesh is computed from. */
export interface MeshInputs {
  readonly source: ResourceSource;
  readonly trustDomain: string;
}

/** The mesh as the streams see it, and what else the control plane derives. */
export interface Mesh extends MeshState {
  /** Every collection by name, for `/config_dump`. */
  dump(): Record<string, Record<string, unknown>>;
  /** All collections, sources first. */
  readonly collections: readonly Collection<unknown>[];
}

/**
 * Asks the source for the kinds of the mesh and derives its state from them.
 * Call it before the source starts; it does no I/O of its own and needs no end.
 */
export function createMeshState(inputs: MeshInputs): Mesh {
  throw new Error(`not connected yet: ${inputs.trustDomain}`);
}
