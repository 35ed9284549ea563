import type { Collection } from '../collections/collection.ts';
import type { SharedResources } from './build.ts';
import type { VersionedResource } from './types.ts';
import { versionOf } from './version.ts';

/** The index of all services as one set: the same object until a service changes. */
export class ServiceIndex {
  readonly #services: Collection<VersionedResource>;
  #current: SharedResources | undefined;

  constructor(services: Collection<VersionedResource>) {
    this.#services = services;
    services.subscribe(() => {
      this.#current = undefined;
    });
  }

  get current(): SharedResources {
    if (this.#current === undefined) {
      const byName = new Map<string, VersionedResource>();
      for (const [, resource] of this.#services.entries()) byName.set(resource.name, resource);
      this.#current = { set: { byName }, version: versionOf(byName.values()) };
    }
    return this.#current;
  }
}
