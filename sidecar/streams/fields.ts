import type { HeaderField } from '../http2/header-field.ts';
import { FIELD, fieldKind, isRelayed } from './field-kind.ts';

/** The values of all fields of that name, joined; undefined without one. */
export function fieldValue(fields: readonly HeaderField[], name: string): string | undefined {
  let joined: string | undefined;
  for (const field of fields) {
    if (field.name !== name) continue;
    // A cookie may be cut into several fields (RFC 9113 §8.2.3).
    const separator = name === 'cookie' ? '; ' : ', ';
    joined = joined === undefined ? field.value : `${joined}${separator}${field.value}`;
  }
  return joined;
}

/** Without those that do not go on; the same array when all do, as nearly always. */
export function relayedFields(
  fields: readonly HeaderField[],
  keepTrust: boolean,
): readonly HeaderField[] {
  for (const field of fields) {
    if (!isRelayed(fieldKind(field.name), keepTrust)) {
      return fields.filter(({ name }) => isRelayed(fieldKind(name), keepTrust));
    }
  }
  return fields;
}

/** Fields about framing, routing or trust have no place behind a body (RFC 9110 §6.5.1). */
export function relayedTrailers(
  fields: readonly HeaderField[],
  keepTrust: boolean,
): readonly HeaderField[] | undefined {
  const relayed = fields.filter(({ name }) => {
    const kind = fieldKind(name);
    return kind === FIELD.other || kind === FIELD.grpcStatus || (keepTrust && kind === FIELD.trust);
  });
  return relayed.length === 0 ? undefined : relayed;
}

/** What a head counts as: its names and values, before they are compressed. */
export function fieldBytes(fields: readonly HeaderField[]): number {
  let bytes = 0;
  for (const { name, value } of fields) bytes += name.length + value.length;
  return bytes;
}
