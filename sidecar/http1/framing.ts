import { MeshError } from '../../runtime/errors.ts';
import { FIELD } from './field-kind.ts';
import type { Head } from './head.ts';

/** How the end of a body is found (RFC 9112 §6). */
export type Framing =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly bytes: number }
  | { readonly kind: 'chunked' }
  /** Of responses alone: the body ends with the connection. */
  | { readonly kind: 'close' };

export const NO_BODY: Framing = { kind: 'none' };
export const CHUNKED: Framing = { kind: 'chunked' };
export const UNTIL_CLOSE: Framing = { kind: 'close' };

/** 15 digits stay exact in a double; nobody sends a petabyte. */
const LENGTH_DIGITS = 15;
const CODINGS = /^[a-z]+(?:[ \t]*,[ \t]*[a-z]+)*$/i;

/**
 * The one reading of Content-Length and Transfer-Encoding, or a refusal:
 * whatever two programs could read in two ways is an attack or will become one.
 * Undefined when there is neither.
 *
 * Error codes: `bad-framing`, `unsupported-transfer-coding`, `body-too-large`.
 */
export function parseFraming(head: Head, minorVersion: number): Framing | undefined {
  if (!head.has(FIELD.contentLength) && !head.has(FIELD.transferEncoding)) return undefined;
  let length = -1;
  let coding: string | undefined;
  for (let field = 0; field < head.fieldCount; field++) {
    const kind = head.kind(field);
    if (kind === FIELD.contentLength) {
      if (length >= 0) throw bad('Content-Length is given twice');
      length = field;
    } else if (kind === FIELD.transferEncoding) {
      if (coding !== undefined) throw bad('Transfer-Encoding is given twice');
      coding = head.value(field);
    }
  }
  if (coding !== undefined) {
    if (length >= 0) throw bad('both Content-Length and Transfer-Encoding are given');
    if (minorVersion === 0) throw bad('HTTP/1.0 knows no Transfer-Encoding');
    if (coding.toLowerCase() === 'chunked') return CHUNKED;
    if (CODINGS.test(coding) && !/^chunked\b/i.test(coding)) {
      throw new MeshError(
        'unsupported-transfer-coding',
        'a transfer coding other than chunked is not supported; use Content-Encoding',
      );
    }
    throw bad('Transfer-Encoding is malformed');
  }
  return { kind: 'length', bytes: parseLength(head, length) };
}

function parseLength(head: Head, field: number): number {
  const { bytes } = head;
  const start = head.valueStart(field);
  const end = head.valueEnd(field);
  let length = 0;
  for (let i = start; i < end; i++) {
    const digit = (bytes[i] as number) - DIGIT_0;
    if (digit < 0 || digit > 9) throw bad('Content-Length is not a number');
    length = length * 10 + digit;
  }
  if (start === end) throw bad('Content-Length is not a number');
  if (end - start > LENGTH_DIGITS) {
    throw new MeshError('body-too-large', `Content-Length has over ${LENGTH_DIGITS} digits`);
  }
  return length;
}

const DIGIT_0 = 0x30;

function bad(what: string): MeshError {
  return new MeshError('bad-framing', `${what}; the end of the body is ambiguous`);
}
