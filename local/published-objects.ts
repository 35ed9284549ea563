import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';

/** An object that local mode makes, as an API server would hold it. */
export interface PublishedObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string | undefined };
}

/**
 * Keeps a folder equal to a set of objects: the second folder from which the
 * control plane reads. A file is written whole and then renamed, so that nobody
 * reads half of it, and only when it has changed.
 */
export class PublishedObjects {
  readonly #folder: string;
  readonly #written = new Map<string, string>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Forgets what an earlier run has left. */
  async start(): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    for (const name of await readdir(this.#folder)) await rm(join(this.#folder, name));
  }

  async publish(objects: readonly object[]): Promise<void> {
    const wanted = new Map<string, string>();
    for (const object of objects as readonly PublishedObject[]) {
      const { kind, metadata } = object;
      const name = [kind.toLowerCase(), metadata.namespace, metadata.name]
        .filter(Boolean)
        .join('_');
      wanted.set(`${name}.yaml`, stringify(object, { aliasDuplicateObjects: false }));
    }
    for (const [name, text] of wanted) {
      if (this.#written.get(name) === text) continue;
      const path = join(this.#folder, name);
      // The control plane reads names that end in .yaml.
      await writeFile(`${path}.new`, text);
      await rename(`${path}.new`, path);
      this.#written.set(name, text);
    }
    for (const name of this.#written.keys()) {
      if (wanted.has(name)) continue;
      await rm(join(this.#folder, name), { force: true });
      this.#written.delete(name);
    }
  }
}
