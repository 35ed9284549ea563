import { readFile } from 'node:fs/promises';
import { type Document, isMap, LineCounter, parseAllDocuments } from 'yaml';
import { type FoundFile, listFolder } from '../control-plane/watch/folder.ts';
import { describeError } from '../runtime/errors.ts';
import { type AnyObject, anyObject, type Kind, nameOf, type ObjectOf, schemas } from './objects.ts';
import type { Problem } from './problems.ts';

/** Kinds of the cluster alone; an object of any other kind without a namespace is in `default`. */
const CLUSTER_SCOPED = new Set(['Namespace', 'Node', 'GatewayClass', 'CustomResourceDefinition']);

/** Kinds that somebody expects to be run, and that local mode does not run. */
const NOT_RUN = new Set(['CronJob', 'ReplicaSet', 'ReplicationController', 'Ingress']);

interface ManifestFile {
  /** Changes when the file does. */
  fingerprint: string;
  /** By `<kind>/<namespace>/<name>`; of the last reading without a mistake. */
  objects: ReadonlyMap<string, AnyObject>;
  problems: readonly Problem[];
}

/**
 * The manifests in a folder and below it, reread when a file changes.
 *
 * A file that cannot be understood keeps the objects of its last good state, and
 * the mistake stands in `problems` with file and line.
 */
export class Manifests {
  readonly #folder: string;
  #files = new Map<string, ManifestFile>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Reads what has changed since the last call; true when something has. */
  async refresh(): Promise<boolean> {
    const files = new Map<string, ManifestFile>();
    let changed = false;
    for (const found of (await listFolder(this.#folder)).files) {
      const known = this.#files.get(found.path);
      if (known?.fingerprint === found.fingerprint || (known && isBeingWritten(found))) {
        files.set(found.path, known);
        continue;
      }
      changed = true;
      files.set(found.path, await this.#read(found, known));
    }
    changed ||= files.size !== this.#files.size;
    this.#files = files;
    return changed;
  }

  /** All objects of a kind, in the order of their files. */
  list<K extends Kind>(kind: K): ObjectOf<K>[] {
    const found: ObjectOf<K>[] = [];
    for (const [key, object] of this.#objects()) {
      // The schema was applied when the file was read.
      if (key.startsWith(`${kind}/`)) found.push(object as ObjectOf<K>);
    }
    return found;
  }

  /** All objects of any kind, with their files. */
  *ofKind(kind: string): Generator<{ object: AnyObject; path: string }> {
    for (const [path, file] of this.#files) {
      for (const object of file.objects.values()) if (object.kind === kind) yield { object, path };
    }
  }

  get problems(): Problem[] {
    return [...this.#files.values()].flatMap((file) => file.problems);
  }

  /** Later files win, as with `kubectl apply -f`. */
  #objects(): Map<string, AnyObject> {
    return new Map([...this.#files.values()].flatMap((file) => [...file.objects]));
  }

  async #read(found: FoundFile, known: ManifestFile | undefined): Promise<ManifestFile> {
    const { path, fingerprint } = found;
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch (error) {
      const problems = [{ where: path, message: describeError(error) }];
      return { fingerprint, objects: known?.objects ?? new Map(), problems };
    }
    const { objects, problems, broken } = parseManifests(text, path);
    const merged = broken ? new Map([...(known?.objects ?? []), ...objects]) : objects;
    return { fingerprint, objects: merged, problems };
  }
}

/** An editor that writes in place empties the file first. */
function isBeingWritten(file: FoundFile): boolean {
  return file.size === 0 && Math.abs(Date.now() - file.modifiedMs) < 500;
}

/** The objects of one file. `broken` says that some could not be read. */
export function parseManifests(
  text: string,
  file: string,
): { objects: Map<string, AnyObject>; problems: Problem[]; broken: boolean } {
  const lines = new LineCounter();
  const objects = new Map<string, AnyObject>();
  const problems: Problem[] = [];
  let broken = false;
  for (const document of parseAllDocuments(text, { lineCounter: lines })) {
    const at = (offset: number): string => `${file}:${lines.linePos(offset).line}`;
    const mistake = document.errors[0];
    if (mistake !== undefined) {
      broken = true;
      const message = mistake.message.split(' at line ')[0] ?? mistake.message;
      problems.push({ where: at(mistake.pos[0]), message });
      continue;
    }
    if (document.contents === null) continue;
    const raw: unknown = document.toJS();
    const kind = kindOf(raw);
    const schema = kind !== undefined && isKnown(kind) ? schemas[kind] : anyObject;
    const result = schema.safeParse(raw);
    if (!result.success) {
      broken = true;
      for (const issue of result.error.issues) {
        const field = issue.path.length === 0 ? '' : `${issue.path.join('.')}: `;
        problems.push({
          where: at(offsetOf(document, issue.path)),
          message: `${kind ?? 'object'} refused: ${field}${issue.message}`,
        });
      }
      continue;
    }
    const object: AnyObject = result.data;
    if (!CLUSTER_SCOPED.has(object.kind)) object.metadata.namespace ??= 'default';
    if (NOT_RUN.has(object.kind)) {
      problems.push({
        where: at(offsetOf(document, ['kind'])),
        message: `local mode does not run a ${object.kind}: ${nameOf(object)} is left out`,
      });
    }
    objects.set(`${object.kind}/${nameOf(object)}`, object);
  }
  return { objects, problems, broken };
}

function kindOf(raw: unknown): string | undefined {
  if (typeof raw !== 'object' || raw === null) return undefined;
  const kind: unknown = Reflect.get(raw, 'kind');
  return typeof kind === 'string' ? kind : undefined;
}

function isKnown(kind: string): kind is Kind {
  return Object.hasOwn(schemas, kind);
}

/** Where a field begins, or the nearest thing around it that exists. */
function offsetOf(document: Document.Parsed, path: readonly PropertyKey[]): number {
  for (let length = path.length; length > 0; length -= 1) {
    const node = document.getIn(path.slice(0, length), true);
    if (typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range)) {
      return Number(node.range[0]);
    }
  }
  const first = isMap(document.contents) ? document.contents.range?.[0] : undefined;
  return first ?? document.range[0];
}
