import { type FSWatcher, watch } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { type Clock, systemClock, type Timer } from '../../runtime/clock.ts';
import type { Component } from '../../runtime/component.ts';
import { describeError } from '../../runtime/errors.ts';
import type { Log } from '../../runtime/log.ts';
import type { Collection } from '../collections/collection.ts';
import { SourceCollection } from '../collections/source-collection.ts';
import { Turn } from '../collections/turn.ts';
import { type FileResource, readResources } from './file-resources.ts';
import { type FoundFile, listFolder } from './folder.ts';
import { ResourceError } from './raw.ts';
import {
  type KubernetesObject,
  type ResourceProblem,
  type ResourceSource,
  resourceKey,
  type WatchedKind,
} from './source.ts';

export interface FilesSourceOptions {
  /** In rising precedence: of one resource in two folders, the later folder's counts. */
  readonly folders: readonly string[];
  readonly log: Log;
  readonly clock?: Clock;
  /** How long changes are gathered before the folders are read again; default 50 ms. */
  readonly debounceMs?: number;
  /** How often the folders are looked through without a hint from the file system; default 2 s. */
  readonly pollMs?: number;
}

/** A file as it was read last. */
interface ReadFile {
  readonly fingerprint: string;
  /** By kind and key. After a fault these are the last good ones. */
  readonly objects: ReadonlyMap<string, KubernetesObject>;
  readonly problems: readonly ResourceProblem[];
}

interface RegisteredKind {
  readonly kind: WatchedKind<KubernetesObject>;
  readonly objects: SourceCollection<KubernetesObject>;
}

/** Far above ten thousand resources; reading more would stop everything else for seconds. */
const MAX_FILE_BYTES = 16 * 1024 * 1024;

/** An empty file that was written this recently is about to be filled. */
const FRESH_MS = 500;

/**
 * Resources from folders of YAML and JSON, read again whenever they change.
 * What cannot be read or understood is named with file and line in `problems`
 * and in the log, and its last good content stays in force.
 */
export class FilesSource implements ResourceSource, Component {
  readonly name = 'files-source';
  readonly problems: SourceCollection<ResourceProblem>;
  readonly #options: FilesSourceOptions;
  readonly #clock: Clock;
  readonly #turn: Turn;
  readonly #kinds = new Map<string, RegisteredKind>();
  /** By folder, then by path. */
  #files = new Map<string, Map<string, ReadFile>>();
  readonly #watchers = new Map<string, FSWatcher>();
  #hinted: { readonly timer: Timer; readonly dueMs: number } | undefined;
  #poll: Timer | undefined;
  #scanning: Promise<void> | undefined;
  #scanAgain = false;
  #stopped = false;

  constructor(options: FilesSourceOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#turn = new Turn((collection, key, error) =>
      options.log.error({ collection, key, error: describeError(error) }, 'derivation failed'),
    );
    this.problems = new SourceCollection('problems', this.#turn);
  }

  collection<T extends KubernetesObject>(kind: WatchedKind<T>): Collection<T> {
    const objects = new SourceCollection<T>(`${kind.apiVersion}/${kind.plural}`, this.#turn);
    // The kind's own parser fills its own collection: the pair stays one type.
    const registered = { kind, objects } as unknown as RegisteredKind;
    this.#kinds.set(`${kind.apiVersion}/${kind.kind}`, registered);
    return objects;
  }

  /** Returns once everything has been read for the first time. */
  async start(): Promise<void> {
    await this.#scan();
    for (const { objects } of this.#kinds.values()) objects.markSynced();
    this.problems.markSynced();
    this.#schedulePoll();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#hinted?.timer.cancel();
    this.#poll?.cancel();
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
    await this.#scanning;
  }

  #schedulePoll(): void {
    this.#poll = this.#clock.setTimeout(() => {
      void this.#scan().finally(() => {
        if (!this.#stopped) this.#schedulePoll();
      });
    }, this.#options.pollMs ?? 2000);
  }

  #hint(delayMs = this.#options.debounceMs ?? 50): void {
    if (this.#stopped) return;
    const dueMs = this.#clock.monotonicMs() + delayMs;
    // A folder that is written to all the time must still be read: nothing is put off.
    if (this.#hinted !== undefined && this.#hinted.dueMs <= dueMs) return;
    this.#hinted?.timer.cancel();
    const timer = this.#clock.setTimeout(() => {
      this.#hinted = undefined;
      void this.#scan();
    }, delayMs);
    this.#hinted = { timer, dueMs };
  }

  /** One scan at a time; what happens during one is read by the next. */
  async #scan(): Promise<void> {
    if (this.#scanning !== undefined) {
      this.#scanAgain = true;
      return await this.#scanning;
    }
    this.#scanning = this.#scanOnce();
    await this.#scanning;
    this.#scanning = undefined;
    if (this.#scanAgain && !this.#stopped) {
      this.#scanAgain = false;
      await this.#scan();
    }
  }

  async #scanOnce(): Promise<void> {
    const next = new Map<string, Map<string, ReadFile>>();
    const problems: ResourceProblem[] = [];
    const folders = new Set<string>();
    for (const folder of this.#options.folders) {
      const known = this.#files.get(folder) ?? new Map<string, ReadFile>();
      try {
        const listing = await listFolder(folder);
        for (const path of listing.folders) folders.add(path);
        const read = new Map<string, ReadFile>();
        for (const file of listing.files) {
          read.set(file.path, await this.#readFile(file, known.get(file.path)));
        }
        next.set(folder, read);
      } catch (error) {
        problems.push({ where: folder, message: `cannot be read: ${describeError(error)}` });
        next.set(folder, known);
      }
    }
    if (this.#stopped) return;
    this.#files = next;
    this.#watchFolders(folders);
    this.#publish(problems);
  }

  async #readFile(file: FoundFile, last: ReadFile | undefined): Promise<ReadFile> {
    if (last?.fingerprint === file.fingerprint) return last;
    const hadContent = last !== undefined && last.objects.size > 0;
    if (hadContent && file.size === 0) {
      const quietMs = this.#clock.wallMs() - file.modifiedMs;
      if (quietMs >= 0 && quietMs < FRESH_MS) {
        this.#hint(FRESH_MS);
        return last;
      }
    }
    const failed = (where: string, message: string): ReadFile => ({
      fingerprint: file.fingerprint,
      objects: last?.objects ?? new Map(),
      problems: [{ where, message }],
    });
    if (file.size > MAX_FILE_BYTES) {
      const limit = `${MAX_FILE_BYTES / 1024 / 1024} MiB`;
      return failed(file.path, `is larger than ${limit} and was not read: divide it`);
    }
    let text: string;
    try {
      text = await readFile(file.path, 'utf8');
    } catch (error) {
      return failed(file.path, `cannot be read: ${describeError(error)}`);
    }
    const content = readResources(text);
    if (content.unreadable !== undefined) {
      return failed(`${file.path}:${content.unreadable.line}`, content.unreadable.message);
    }
    const objects = new Map<string, KubernetesObject>();
    const problems = content.problems.map(({ line, message }) => ({
      where: `${file.path}:${line}`,
      message,
    }));
    for (const resource of content.resources) {
      this.#readResource(file.path, resource, last, objects, problems);
    }
    return { fingerprint: file.fingerprint, objects, problems };
  }

  #readResource(
    path: string,
    resource: FileResource,
    last: ReadFile | undefined,
    objects: Map<string, KubernetesObject>,
    problems: ResourceProblem[],
  ): void {
    const id = `${resource.apiVersion}/${resource.kind}`;
    const registered = this.#kinds.get(id);
    // Deployments and the like are for others.
    if (registered === undefined) return;
    const { kind } = registered;
    const raw = kind.clusterScoped ? resource.raw : withNamespace(resource.raw);
    const name = `${resource.kind} ${nameOf(raw)}`;
    try {
      const object = kind.parse(raw);
      const key = `${id} ${resourceKey(object.metadata)}`;
      objects.set(key, object);
      if (object.invalid !== undefined) {
        const { message, path: inner } = object.invalid;
        const where = `${path}:${resource.lineOf(inner)}`;
        problems.push({ where, message: `${name}: ${message}` });
      }
    } catch (error) {
      const inner = error instanceof ResourceError ? error.path : [];
      const where = `${path}:${resource.lineOf(inner)}`;
      problems.push({ where, message: `${name}: ${describeError(error)}` });
      const key = `${id} ${nameOf(raw)}`;
      const good = last?.objects.get(key);
      if (good !== undefined) objects.set(key, good);
    }
  }

  /** Makes the collections equal to what the files say. */
  #publish(problems: ResourceProblem[]): void {
    const wanted = new Map<string, KubernetesObject>();
    for (const folder of this.#options.folders) {
      const placeOf = new Map<string, string>();
      for (const [path, file] of this.#files.get(folder) ?? []) {
        problems.push(...file.problems);
        for (const [key, object] of file.objects) {
          const other = placeOf.get(key);
          if (other !== undefined) {
            const message = `${key} stands in ${other} too; this one counts`;
            problems.push({ where: path, message });
          }
          placeOf.set(key, path);
          wanted.set(key, object);
        }
      }
    }
    for (const [id, { objects }] of this.#kinds) {
      for (const [key] of objects.entries()) {
        if (!wanted.has(`${id} ${key}`)) objects.delete(key);
      }
    }
    for (const [id, object] of wanted) {
      const [kind = ''] = id.split(' ', 1);
      this.#kinds.get(kind)?.objects.set(resourceKey(object.metadata), object);
    }
    this.#tellProblems(problems);
  }

  #tellProblems(problems: readonly ResourceProblem[]): void {
    const byKey = new Map(
      problems.map((problem) => [`${problem.where} ${problem.message}`, problem]),
    );
    for (const [key, { where }] of this.problems.entries()) {
      if (byKey.has(key)) continue;
      this.problems.delete(key);
      this.#options.log.info({ where }, 'resource file in order again');
    }
    for (const [key, problem] of byKey) {
      if (this.problems.get(key) !== undefined) continue;
      this.problems.set(key, problem);
      this.#options.log.warn({ ...problem }, 'resource file not understood');
    }
  }

  #watchFolders(folders: ReadonlySet<string>): void {
    for (const [folder, watcher] of this.#watchers) {
      if (folders.has(folder)) continue;
      watcher.close();
      this.#watchers.delete(folder);
    }
    for (const folder of folders) {
      if (this.#watchers.has(folder)) continue;
      try {
        const watcher = watch(folder, { persistent: false }, () => this.#hint());
        // Without a watcher, the poll still finds changes.
        watcher.on('error', () => this.#forget(folder, watcher));
        this.#watchers.set(folder, watcher);
        // What came between listing and watching would go unseen until the poll.
        this.#hint();
      } catch (error) {
        const described = describeError(error);
        this.#options.log.warn({ folder, error: described }, 'folder polled instead of watched');
      }
    }
  }

  #forget(folder: string, watcher: FSWatcher): void {
    watcher.close();
    if (this.#watchers.get(folder) === watcher) this.#watchers.delete(folder);
  }
}

function withNamespace(raw: FileResource['raw']): FileResource['raw'] {
  const metadata = raw.metadata;
  if (typeof metadata !== 'object' || metadata === null || 'namespace' in metadata) return raw;
  return { ...raw, metadata: { ...metadata, namespace: 'default' } };
}

/** The key that a resource would have, as far as its metadata can be read. */
function nameOf(raw: FileResource['raw']): string {
  const { name, namespace } = (raw.metadata ?? {}) as { name?: unknown; namespace?: unknown };
  return resourceKey({
    name: typeof name === 'string' ? name : 'without a name',
    namespace: typeof namespace === 'string' ? namespace : '',
  });
}
