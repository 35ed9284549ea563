import { MeshError } from '../runtime/errors.ts';

/** One operation of a JSON Patch (RFC 6902). The injector adds and replaces, and removes nothing. */
export interface PatchOperation {
  op: 'add' | 'replace';
  path: string;
  value: unknown;
}

/** A key as a segment of a JSON Pointer (RFC 6901 section 3). */
export function pointerSegment(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1');
}

/**
 * The patched copy of a document, as the API server would make it. Local mode
 * and tests use it; in a cluster the API server does this.
 *
 * @throws MeshError `bad-patch` when a path leads nowhere.
 */
export function applyPatch<T>(document: T, operations: readonly PatchOperation[]): T {
  const copy = structuredClone(document);
  for (const { op, path, value } of operations) {
    const keys = path
      .split('/')
      .slice(1)
      .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'));
    const last = keys.pop();
    let parent: unknown = copy;
    for (const key of keys) {
      parent = isContainer(parent) ? Reflect.get(parent, key) : undefined;
    }
    if (last === undefined || !isContainer(parent)) {
      throw new MeshError('bad-patch', `there is nothing at ${path} to ${op}`);
    }
    if (Array.isArray(parent) && op === 'add') {
      const index = last === '-' ? parent.length : Number(last);
      if (!Number.isInteger(index) || index < 0 || index > parent.length) {
        throw new MeshError('bad-patch', `${path} is no place in a list of ${parent.length}`);
      }
      parent.splice(index, 0, structuredClone(value));
    } else if (op === 'replace' && !Object.hasOwn(parent, last)) {
      throw new MeshError('bad-patch', `there is nothing at ${path} to replace`);
    } else {
      Object.defineProperty(parent, last, {
        value: structuredClone(value),
        configurable: true,
        enumerable: true,
        writable: true,
      });
    }
  }
  return copy;
}

function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
