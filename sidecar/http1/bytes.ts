/** Classes of bytes of RFC 9110 and RFC 9112, as tables that the parsers' loops look up. */

function table(accepts: (byte: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => (accepts(byte) ? 1 : 0));
}

const isDigit = (byte: number) => byte >= 0x30 && byte <= 0x39;
const isLetter = (byte: number) => (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a;
const isOneOf = (characters: string) => (byte: number) =>
  characters.includes(String.fromCharCode(byte));

/** `tchar` (RFC 9110 §5.6.2): names of fields, methods. */
export const TOKEN: Uint8Array = table(
  (byte) => isDigit(byte) || isLetter(byte) || isOneOf("!#$%&'*+-.^_`|~")(byte),
);

/**
 * What a method may hold here: `tchar` without small letters. Methods are case-sensitive
 * (RFC 9110 §9.1), yet some servers take `get` for GET, which no rule about GET saw.
 */
export const METHOD: Uint8Array = table(
  (byte) => TOKEN[byte] === 1 && !(byte >= 0x61 && byte <= 0x7a),
);

/** What a field value may hold: visible bytes, space, tab and bytes over 127; no controls. */
export const FIELD_VALUE: Uint8Array = table(
  (byte) => byte === 0x09 || (byte >= 0x20 && byte !== 0x7f),
);

/** What a request target may hold: visible ASCII without `#`. */
export const TARGET: Uint8Array = table((byte) => byte > 0x20 && byte < 0x7f && byte !== 0x23);

/** `unreserved` (RFC 3986 §2.3): percent-encoding them changes nothing. */
export const UNRESERVED: Uint8Array = table(
  (byte) => isDigit(byte) || isLetter(byte) || isOneOf('-._~')(byte),
);

/** The value of a hexadecimal digit, 255 for every other byte. */
export const HEX: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) => {
  const value = Number.parseInt(String.fromCharCode(byte), 16);
  return Number.isNaN(value) ? 255 : value;
});

/** ASCII letters in lower case, every other byte as it is. */
export const LOWER: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) =>
  isLetter(byte) ? byte | 0x20 : byte,
);

export const CR = 0x0d;
export const LF = 0x0a;
