import { FIELD } from './field-kind.ts';
import type { Framing } from './framing.ts';
import type { Head } from './head.ts';

/**
 * Writes a head anew: our own first lines, then the end-to-end fields of the
 * original as they came, in runs. What concerns framing, this hop or trust is
 * never copied, so that nothing of it can pass by being misread.
 *
 * @param firstLines each ended by CRLF
 * @param keepTrust relay `x-remora-*`, where the other end is a sidecar that proved itself
 */
export function encodeHead(firstLines: string, head: Head, keepTrust: boolean): Buffer {
  const out = Buffer.allocUnsafe(firstLines.length + head.fieldsEnd - head.start(0) + 2);
  let at = out.write(firstLines, 0, 'latin1');
  for (let field = 0; field < head.fieldCount; field++) {
    if (!isRelayed(head, field, keepTrust)) continue;
    const runStart = head.start(field);
    while (field + 1 < head.fieldCount && isRelayed(head, field + 1, keepTrust)) field++;
    at += head.bytes.copy(out, at, runStart, head.start(field + 1));
  }
  out[at] = 0x0d;
  out[at + 1] = 0x0a;
  return out.subarray(0, at + 2);
}

function isRelayed(head: Head, field: number, keepTrust: boolean): boolean {
  const kind = head.kind(field);
  return kind === FIELD.other || (keepTrust && kind === FIELD.trust);
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
