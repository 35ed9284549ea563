import { type Document, isMap, isNode, LineCounter, parseAllDocuments } from 'yaml';
import { describeError, MeshError } from '../../runtime/errors.ts';
import type { Path, Raw } from './raw.ts';

/** A resource in a file, before it is known to be understood. */
export interface FileResource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly raw: Raw;
  /** The line of a field, or of the nearest thing around it that is there. */
  lineOf(path: Path): number;
}

export interface FileProblem {
  readonly line: number;
  readonly message: string;
}

export interface FileContent {
  readonly resources: readonly FileResource[];
  /** Documents that are no resources. */
  readonly problems: readonly FileProblem[];
  /** Set when the file as a whole is no YAML: then nothing in it counts. */
  readonly unreadable?: FileProblem;
}

/** The resources of a YAML or JSON file: several documents, and lists of resources, are taken apart. */
export function readResources(text: string): FileContent {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false });
  const resources: FileResource[] = [];
  const problems: FileProblem[] = [];
  for (const document of documents) {
    const [error] = document.errors;
    if (error !== undefined) {
      const unreadable = {
        line: lines.linePos(error.pos[0]).line,
        message: `is not valid YAML: ${firstLine(error.message)}`,
      };
      return { resources: [], problems: [], unreadable };
    }
    let value: unknown;
    try {
      value = document.toJS({ maxAliasCount: 100 });
      refuseCycles(value);
    } catch (cause) {
      const message = `is not valid YAML: ${firstLine(describeError(cause))}`;
      return { resources: [], problems: [], unreadable: { line: 1, message } };
    }
    // An empty document, as between two separators.
    if (value === null || value === undefined) continue;
    for (const { path, raw } of unfold(value)) {
      const lineOf = (inner: Path): number => lineAt(document, lines, [...path, ...inner]);
      if (!isResource(raw)) {
        const message = 'is no Kubernetes resource: apiVersion or kind is missing';
        problems.push({ line: lineOf([]), message });
        continue;
      }
      const { apiVersion, kind } = raw;
      resources.push({ apiVersion, kind, raw, lineOf });
    }
  }
  return { resources, problems };
}

/** An alias inside its own anchor makes a value that contains itself, which nothing after this expects. */
function refuseCycles(value: unknown): void {
  try {
    JSON.stringify(value);
  } catch {
    throw new MeshError('bad-resource', 'an alias stands inside of what it stands for');
  }
}

/** The items of a List, or the value itself. */
function unfold(value: unknown): { path: Path; raw: unknown }[] {
  if (isResource(value) && value.kind === 'List' && Array.isArray(value.items)) {
    return value.items.map((raw: unknown, position) => ({ path: ['items', position], raw }));
  }
  return [{ path: [], raw: value }];
}

function isResource(value: unknown): value is Raw & { apiVersion: string; kind: string } {
  if (typeof value !== 'object' || value === null) return false;
  const { apiVersion, kind } = value as Raw;
  return typeof apiVersion === 'string' && typeof kind === 'string';
}

function lineAt(document: Document, lines: LineCounter, path: Path): number {
  for (let length = path.length; length >= 0; length -= 1) {
    const inner = path.slice(0, length);
    const parent = document.getIn(inner.slice(0, -1), true);
    // A field's line is that of its name: its value may begin further down.
    const pair = isMap(parent)
      ? parent.items.find((item) => String(item.key) === String(inner.at(-1)))
      : undefined;
    const node = isNode(pair?.key) ? pair.key : document.getIn(inner, true);
    if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
  }
  return 1;
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}
