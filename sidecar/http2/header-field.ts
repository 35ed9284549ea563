import { FIELD_VALUE, TARGET, TOKEN } from '../http1/bytes.ts';
import { FIELD_KIND, type FieldName, fieldName } from './field-name.ts';
import { STATIC_TABLE } from './static-table.ts';

/** What each field costs besides its text (RFC 7541 §4.1). */
const FIELD_OVERHEAD_BYTES = 32;

/**
 * One header field as HTTP/2 carries it. Fields that repeat are the same object
 * (`headerField` interns them), so that encoders look them up without hashing text.
 *
 * Made by `headerField`, `literalField` and the decoder. Each character of name and
 * value is one byte of the wire (latin1).
 */
export class HeaderField {
  /** In lower case; a pseudo-header begins with a colon. */
  readonly name: string;
  readonly value: string;
  /** Must not enter a compression table on any hop (RFC 7541 §7.1.3). */
  readonly neverIndexed: boolean;
  /** Worth a place in compression tables. */
  readonly indexed: boolean;
  readonly fieldName: FieldName;
  /** Name and value are well-formed, whatever message they stand in. */
  readonly valid: boolean;
  /** As tables and limits count it (RFC 7541 §4.1). */
  readonly sizeBytes: number;
  /** Where the static table has name and value; 0 when it has not. */
  readonly staticIndex: number;

  constructor(
    name: FieldName,
    value: string,
    indexed: boolean,
    neverIndexed: boolean,
    staticIndex: number,
  ) {
    this.name = name.text;
    this.value = value;
    this.neverIndexed = neverIndexed;
    this.indexed = indexed;
    this.fieldName = name;
    this.valid = isValid(name.kind, value);
    this.sizeBytes = name.text.length + value.length + FIELD_OVERHEAD_BYTES;
    this.staticIndex = staticIndex;
  }
}

/** By index, from 1. */
export const STATIC_FIELDS: readonly HeaderField[] = STATIC_TABLE.map(
  ([name, value], i) => new HeaderField(fieldName(name), value, true, false, i + 1),
);

const INTERNED_STATIC: ReadonlyMap<string, HeaderField> = new Map(
  STATIC_FIELDS.map((field) => [keyOf(field.name, field.value), field]),
);

/** Fields over this size are seldom the same on two connections. */
const INTERNED_FIELD_LIMIT_BYTES = 1024;
const GENERATION_LIMIT_BYTES = 256 * 1024;

/** Two generations: what was not met while one filled up is forgotten. */
let young = new Map<string, HeaderField>();
let old = new Map<string, HeaderField>();
let youngBytes = 0;

/** A field that is worth keeping in compression tables. */
export function headerField(name: string, value: string): HeaderField {
  return internField(fieldName(name), value);
}

/** A field whose value does not repeat: paths with numbers, trace ids. It stays out of compression tables. */
export function literalField(name: string, value: string): HeaderField {
  return new HeaderField(fieldName(name), value, false, false, 0);
}

/** A secret, which no hop may put into a table. */
export function neverIndexedField(name: string, value: string): HeaderField {
  return new HeaderField(fieldName(name), value, false, true, 0);
}

/** The interned field of this name and value. */
export function internField(name: FieldName, value: string): HeaderField {
  const size = name.text.length + value.length + FIELD_OVERHEAD_BYTES;
  if (size > INTERNED_FIELD_LIMIT_BYTES) return new HeaderField(name, value, true, false, 0);
  const key = keyOf(name.text, value);
  let field = INTERNED_STATIC.get(key) ?? young.get(key);
  if (field !== undefined) return field;
  field = old.get(key) ?? new HeaderField(name, value, true, false, 0);
  if (youngBytes + size > GENERATION_LIMIT_BYTES) {
    old = young;
    young = new Map();
    youngBytes = 0;
  }
  young.set(key, field);
  youngBytes += size;
  return field;
}

function keyOf(name: string, value: string): string {
  return `${name}\n${value}`;
}

function isValid(kind: number, value: string): boolean {
  switch (kind) {
    case FIELD_KIND.forbidden:
      return false;
    case FIELD_KIND.method:
      return value.length > 0 && consistsOf(TOKEN, value);
    case FIELD_KIND.path:
      return (value.startsWith('/') || value === '*') && consistsOf(TARGET, value);
    case FIELD_KIND.scheme:
      return /^[a-z][a-z0-9+.-]*$/i.test(value);
    case FIELD_KIND.authority:
    case FIELD_KIND.host:
      return /^[^\0-\x20\x7f-\xff/?#@\\]+$/.test(value);
    case FIELD_KIND.status:
      return /^[1-5][0-9][0-9]$/.test(value);
    case FIELD_KIND.contentLength:
      return /^[0-9]{1,15}$/.test(value);
    case FIELD_KIND.te:
      return value === 'trailers';
    default:
      return isFieldValue(value);
  }
}

function isFieldValue(value: string): boolean {
  const { length } = value;
  if (length === 0) return true;
  return consistsOf(FIELD_VALUE, value) && !isSpace(value, 0) && !isSpace(value, length - 1);
}

function isSpace(text: string, at: number): boolean {
  const byte = text.charCodeAt(at);
  return byte === 0x20 || byte === 0x09;
}

function consistsOf(bytes: Uint8Array, text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    if (bytes[text.charCodeAt(i)] !== 1) return false;
  }
  return true;
}
