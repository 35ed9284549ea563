import { FIELD_KIND } from './field-name.ts';
import type { HeaderField } from './header-field.ts';

/** No field says how long the body is. */
export const NO_CONTENT_LENGTH = -1;
/** The message breaks RFC 9113 §8.1 to §8.3 or §8.5. */
export const MALFORMED = -2;

const METHOD = 1 << FIELD_KIND.method;
const SCHEME = 1 << FIELD_KIND.scheme;
const AUTHORITY = 1 << FIELD_KIND.authority;
const PATH = 1 << FIELD_KIND.path;
const STATUS = 1 << FIELD_KIND.status;
const CONTENT_LENGTH = 1 << FIELD_KIND.contentLength;
const HOST = 1 << FIELD_KIND.host;

const PSEUDO_OF_REQUEST: number = METHOD | SCHEME | AUTHORITY | PATH;
/** At most once in a message. */
const SINGLE: number = PSEUDO_OF_REQUEST | STATUS | CONTENT_LENGTH | HOST;

/** Of the list that was checked last. One list is checked at a time. */
let seen = 0;
let contentLength = NO_CONTENT_LENGTH;

/**
 * Checks the fields of a request.
 *
 * @returns its content-length, {@link NO_CONTENT_LENGTH} or {@link MALFORMED}
 */
export function checkRequest(fields: readonly HeaderField[]): number {
  if (!checkList(fields, PSEUDO_OF_REQUEST) || (seen & METHOD) === 0) return MALFORMED;
  const connect = textOf(fields, FIELD_KIND.method) === 'CONNECT';
  if (connect) {
    if ((seen & (SCHEME | PATH)) !== 0 || (seen & AUTHORITY) === 0) return MALFORMED;
    if (!/:[0-9]{1,5}$/.test(textOf(fields, FIELD_KIND.authority))) return MALFORMED;
    if ((seen & CONTENT_LENGTH) !== 0) return MALFORMED;
  } else {
    if ((seen & (SCHEME | PATH)) !== (SCHEME | PATH)) return MALFORMED;
    if ((seen & (AUTHORITY | HOST)) === 0) return MALFORMED;
    if (textOf(fields, FIELD_KIND.path) === '*') {
      if (textOf(fields, FIELD_KIND.method) !== 'OPTIONS') return MALFORMED;
    }
  }
  if ((seen & AUTHORITY) !== 0 && (seen & HOST) !== 0) {
    const authority = textOf(fields, FIELD_KIND.authority).toLowerCase();
    if (authority !== textOf(fields, FIELD_KIND.host).toLowerCase()) return MALFORMED;
  }
  return contentLength;
}

/**
 * Checks the fields of a response head. Its status is then the value of the first field.
 *
 * @returns its content-length, {@link NO_CONTENT_LENGTH} or {@link MALFORMED}
 */
export function checkResponse(fields: readonly HeaderField[]): number {
  if (!checkList(fields, STATUS) || (seen & STATUS) === 0) return MALFORMED;
  // HTTP/2 cannot switch protocols (RFC 9113 §8.6).
  if (fields[0]?.value === '101') return MALFORMED;
  return contentLength;
}

export function checkTrailers(fields: readonly HeaderField[]): boolean {
  return checkList(fields, 0) && (seen & (CONTENT_LENGTH | HOST)) === 0;
}

/** What is true of the list field by field. `pseudo` are the pseudo-headers it may have. */
function checkList(fields: readonly HeaderField[], pseudo: number): boolean {
  let kinds = 0;
  let regular = false;
  contentLength = NO_CONTENT_LENGTH;
  for (let i = 0; i < fields.length; i++) {
    const field = fields[i] as HeaderField;
    if (!field.valid) return false;
    const { kind } = field.fieldName;
    if (kind === FIELD_KIND.regular) {
      regular = true;
      continue;
    }
    const bit = 1 << kind;
    if ((kinds & bit & SINGLE) !== 0) return false;
    kinds |= bit;
    if (kind <= FIELD_KIND.status) {
      if (regular || (bit & pseudo) === 0) return false;
    } else {
      regular = true;
      if (kind === FIELD_KIND.contentLength) contentLength = Number(field.value);
    }
  }
  seen = kinds;
  return true;
}

function textOf(fields: readonly HeaderField[], kind: number): string {
  for (const field of fields) {
    if (field.fieldName.kind === kind) return field.value;
  }
  return '';
}
