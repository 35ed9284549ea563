import type { Collection } from '../../control-plane/collections/collection.ts';
import { SourceCollection } from '../../control-plane/collections/source-collection.ts';
import { Turn } from '../../control-plane/collections/turn.ts';
import { readResources } from '../../control-plane/watch/file-resources.ts';
import {
  type KubernetesObject,
  type ResourceProblem,
  type ResourceSource,
  resourceKey,
  type WatchedKind,
} from '../../control-plane/watch/source.ts';

interface Registered {
  readonly kind: WatchedKind<KubernetesObject>;
  readonly objects: SourceCollection<KubernetesObject>;
}

/** Resources that a test applies as YAML, read by the real parsers; no disk, no server. */
export class MemorySource implements ResourceSource {
  readonly turn = new Turn();
  readonly problems = new SourceCollection<ResourceProblem>('problems', this.turn);
  readonly #kinds = new Map<string, Registered>();

  collection<T extends KubernetesObject>(kind: WatchedKind<T>): Collection<T> {
    const objects = new SourceCollection<T>(`${kind.apiVersion}/${kind.plural}`, this.turn);
    this.#kinds.set(`${kind.apiVersion}/${kind.kind}`, { kind, objects } as unknown as Registered);
    return objects;
  }

  /** Puts the resources in place and lets everything settle. */
  apply(...texts: string[]): this {
    for (const text of texts) {
      const { resources, unreadable } = readResources(text);
      if (unreadable !== undefined)
        throw new Error(`line ${unreadable.line}: ${unreadable.message}`);
      for (const { apiVersion, kind, raw } of resources) {
        const registered = this.#of(`${apiVersion}/${kind}`);
        const object = registered.kind.parse(raw);
        registered.objects.set(resourceKey(object.metadata), object);
      }
    }
    return this.settle();
  }

  delete(id: string, key: string): this {
    this.#of(id).objects.delete(key);
    return this.settle();
  }

  /** Says that everything has been listed. */
  markSynced(): this {
    for (const { objects } of this.#kinds.values()) objects.markSynced();
    this.problems.markSynced();
    return this.settle();
  }

  settle(): this {
    this.turn.flush();
    return this;
  }

  #of(id: string): Registered {
    const registered = this.#kinds.get(id);
    if (registered === undefined) throw new Error(`nobody watches ${id}`);
    return registered;
  }
}
