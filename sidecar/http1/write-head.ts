import { slab } from '../slab.ts';
import { FIELD, type FieldKind } from './field-kind.ts';
import type { Framing } from './framing.ts';
import type { Head } from './head.ts';

/** Kinds of fields as a set, which fields of a head are relayed. */
export type FieldKinds = number;

export function kindsOf(...kinds: readonly FieldKind[]): FieldKinds {
  return kinds.reduce<number>((set, kind) => set | (1 << kind), 0);
}

export interface HeadEdit {
  /** The start line goes on as it came. */
  readonly keepsStartLine: boolean;
  /** Lines of our own, each ended by CRLF: the start line and what follows it, or else fields. */
  readonly lines: string;
  /** Fields of our own that go behind those that came: order means something among equal names. */
  readonly added: string;
  /** Fields to relay as they came. */
  readonly relayed: FieldKinds;
}

/**
 * Writes a head anew: our own lines, and the end-to-end fields of the original as
 * they came, in runs. What concerns framing, this hop or trust is never copied, so
 * that nothing of it can pass by being misread.
 */
export function encodeHead(head: Head, edit: HeadEdit): Buffer {
  const { keepsStartLine, lines, added, relayed } = edit;
  const source = head.bytes;
  const lineEnd = head.lineEnd + 2;
  if (keepsStartLine && lines === '' && added === '' && head.hasOnly(relayed)) {
    return source.subarray(head.lineStart, head.fieldsEnd + 2);
  }
  const fieldsStart = head.start(0);
  const lineBytes = keepsStartLine ? lineEnd - head.lineStart : 0;
  let at = slab.reserve(lineBytes + lines.length + added.length + head.fieldsEnd - fieldsStart + 2);
  const out = slab.bytes;
  if (keepsStartLine) at += source.copy(out, at, head.lineStart, lineEnd);
  else at += out.write(lines, at, 'latin1');
  at = copyFields(head, relayed, out, at);
  if (keepsStartLine && lines !== '') at += out.write(lines, at, 'latin1');
  if (added !== '') at += out.write(added, at, 'latin1');
  out[at] = 0x0d;
  out[at + 1] = 0x0a;
  return slab.cut(at + 2);
}

function copyFields(head: Head, relayed: FieldKinds, out: Buffer, at: number): number {
  const { fieldCount } = head;
  if (head.hasOnly(relayed)) return at + head.bytes.copy(out, at, head.start(0), head.fieldsEnd);
  for (let field = 0; field < fieldCount; field++) {
    if (!isIn(relayed, head.kind(field))) continue;
    const start = head.start(field);
    while (field + 1 < fieldCount && isIn(relayed, head.kind(field + 1))) field++;
    at += head.bytes.copy(out, at, start, head.start(field + 1));
  }
  return at;
}

function isIn(kinds: FieldKinds, kind: FieldKind): boolean {
  return (kinds & (1 << kind)) !== 0;
}

/** The line that announces the body; empty when nothing needs to be said. */
export function framingLine(framing: Framing): string {
  switch (framing.kind) {
    case 'length':
      return `content-length: ${framing.bytes}\r\n`;
    case 'chunked':
      return 'transfer-encoding: chunked\r\n';
    default:
      return '';
  }
}

export function fieldLine(name: string, value: string): string {
  return `${name}: ${value}\r\n`;
}

/** @param lines of our own, each made by {@link fieldLine} */
export function withoutLines(lines: string, name: string): string {
  if (lines === '') return lines;
  const kept = lines.split('\r\n').filter((line) => !line.startsWith(`${name}:`));
  return kept.join('\r\n');
}

/** End-to-end fields that say nothing to a proxy. */
export const END_TO_END: FieldKinds = kindsOf(FIELD.other);
/** Also what a sidecar that proved itself says. */
export const END_TO_END_AND_TRUST: FieldKinds = kindsOf(FIELD.other, FIELD.trust);
/** Also Host, where it goes on as it came. */
export const END_TO_END_AND_HOST: FieldKinds = kindsOf(FIELD.other, FIELD.host);
