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
const LENGTH = /^[0-9]+$/;
const CODINGS = /^[a-z]+(?:[ \t]*,[ \t]*[a-z]+)*$/i;

/**
 * The one reading of Content-Length and Transfer-Encoding, or a refusal:
 * whatever two programs could read in two ways is an attack or will become one.
 * Undefined when there is neither.
 *
 * Error codes: `bad-framing`, `unsupported-transfer-coding`, `body-too-large`.
 */
export function parseFraming(head: Head, minorVersion: number): Framing | undefined {
  let length: string | undefined;
  let coding: string | undefined;
  for (let field = 0; field < head.fieldCount; field++) {
    const kind = head.kind(field);
    if (kind === FIELD.contentLength) {
      if (length !== undefined) throw bad('Content-Length is given twice');
      length = head.value(field);
    } else if (kind === FIELD.transferEncoding) {
      if (coding !== undefined) throw bad('Transfer-Encoding is given twice');
      coding = head.value(field);
    }
  }
  if (coding !== undefined) {
    if (length !== undefined) throw bad('both Content-Length and Transfer-Encoding are given');
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
  if (length === undefined) return undefined;
  if (!LENGTH.test(length)) throw bad('Content-Length is not a number');
  if (length.length > LENGTH_DIGITS) {
    throw new MeshError('body-too-large', `Content-Length has over ${LENGTH_DIGITS} digits`);
  }
  const bytes = Number(length);
  return { kind: 'length', bytes };
}

function bad(what: string): MeshError {
  return new MeshError('bad-framing', `${what}; the end of the body is ambiguous`);
}
