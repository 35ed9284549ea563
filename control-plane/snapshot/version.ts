import { hash } from 'node:crypto';
import type { Resource } from '../model/types.ts';
import type { VersionedResource } from './types.ts';

/** Hexadecimal digits of a version: 64 bits tell the states of a mesh apart. */
const LENGTH = 16;

/** A resource under its name, with a hash of its content. */
export function versioned(name: string, resource: Resource): VersionedResource {
  return { name, version: digest(canonical(resource)), resource };
}

/** A hash over the names and versions of resources, whatever their order. */
export function versionOf(resources: Iterable<VersionedResource>): string {
  const lines: string[] = [];
  for (const { name, version } of resources) lines.push(`${name} ${version}`);
  return digest(lines.sort().join('\n'));
}

/** JSON with the keys of objects in order, so that equal values have equal texts. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) => {
    if (typeof item !== 'object' || item === null || Array.isArray(item)) return item;
    return Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

export function digest(text: string): string {
  return hash('sha256', text, 'hex').slice(0, LENGTH);
}
