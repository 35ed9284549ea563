/**
 * One header field as HTTP/2 carries it. Fields that repeat are the same object
 * (`headerField` interns them), so that encoders look them up without hashing text.
 */
export interface HeaderField {
  /** In lower case; a pseudo-header begins with a colon. */
  readonly name: string;
  readonly value: string;
  /** Must not enter a compression table on any hop (RFC 7541 §7.1.3). */
  readonly neverIndexed: boolean;
}

/** A field that is worth keeping in compression tables. */
export function headerField(name: string, value: string): HeaderField {
  return { name, value, neverIndexed: false };
}

/** A field whose value does not repeat: paths with numbers, trace ids. It stays out of compression tables. */
export function literalField(name: string, value: string): HeaderField {
  return { name, value, neverIndexed: false };
}
