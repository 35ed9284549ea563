import { LOWER } from './bytes.ts';

/** Fields that mean something to a proxy. Every other is relayed as it is. */
export const FIELD = {
  other: 0,
  host: 1,
  contentLength: 2,
  transferEncoding: 3,
  connection: 4,
  upgrade: 5,
  expect: 6,
  /** Concerns this hop only, and we have no use for it. */
  hop: 7,
  /** Speaks of identity or trust: only a sidecar may set it. */
  trust: 8,
  /** Whether trailers are welcome: told on when it says exactly that. */
  te: 9,
} as const;

export type FieldKind = (typeof FIELD)[keyof typeof FIELD];

const KNOWN: readonly (readonly [string, FieldKind])[] = [
  ['host', FIELD.host],
  ['content-length', FIELD.contentLength],
  ['transfer-encoding', FIELD.transferEncoding],
  ['connection', FIELD.connection],
  ['upgrade', FIELD.upgrade],
  ['expect', FIELD.expect],
  ['te', FIELD.te],
  ['keep-alive', FIELD.hop],
  ['proxy-connection', FIELD.hop],
  ['proxy-authenticate', FIELD.hop],
  ['proxy-authorization', FIELD.hop],
  ['http2-settings', FIELD.hop],
  ['x-forwarded-client-cert', FIELD.trust],
];
const UNDERSCORE = 0x5f;
/** Letters in lower case, `_` as `-`. */
const FOLDED: Uint8Array = LOWER.map((byte) => (byte === UNDERSCORE ? 0x2d : byte));
const TRUST_PREFIX = Buffer.from('x-remora-');

const byLength: { name: Buffer; kind: FieldKind }[][] = [];
for (const [name, kind] of KNOWN) {
  let sameLength = byLength[name.length];
  if (sameLength === undefined) {
    sameLength = [];
    byLength[name.length] = sameLength;
  }
  sameLength.push({ name: Buffer.from(name), kind });
}

/**
 * Of the field name at `start` up to `end`. CGI, WSGI and their like read `_` as
 * `-`: a name that only they would take for one of these means nothing to us, and
 * is not relayed.
 */
export function fieldKind(bytes: Buffer, start: number, end: number): FieldKind {
  const candidates = byLength[end - start];
  if (candidates !== undefined) {
    for (const candidate of candidates) {
      if (resembles(bytes, start, candidate.name)) {
        return hasUnderscore(bytes, start, end) ? FIELD.hop : candidate.kind;
      }
    }
  }
  if (end - start <= TRUST_PREFIX.length || !resembles(bytes, start, TRUST_PREFIX)) {
    return FIELD.other;
  }
  return hasUnderscore(bytes, start, start + TRUST_PREFIX.length) ? FIELD.hop : FIELD.trust;
}

/** Begins with that name, in whatever case and with `_` for `-`. */
function resembles(bytes: Buffer, start: number, name: Buffer): boolean {
  for (let i = 0; i < name.length; i++) {
    if (FOLDED[bytes[start + i] as number] !== name[i]) return false;
  }
  return true;
}

function hasUnderscore(bytes: Buffer, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i] === UNDERSCORE) return true;
  return false;
}
