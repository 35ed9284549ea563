/** Fields of HTTP/2 that mean something to a proxy. Every other is relayed as it is. */
export const FIELD = {
  other: 0,
  method: 1,
  scheme: 2,
  authority: 3,
  path: 4,
  status: 5,
  host: 6,
  expect: 7,
  contentType: 8,
  contentLength: 9,
  grpcTimeout: 10,
  grpcStatus: 11,
  /** Concerns this hop only. Most of them have no place in HTTP/2 at all. */
  hop: 12,
  /** Speaks of identity or trust: only a sidecar may set it. */
  trust: 13,
} as const;

export type FieldKind = (typeof FIELD)[keyof typeof FIELD];

const KNOWN: ReadonlyMap<string, FieldKind> = new Map([
  [':method', FIELD.method],
  [':scheme', FIELD.scheme],
  [':authority', FIELD.authority],
  [':path', FIELD.path],
  [':status', FIELD.status],
  ['host', FIELD.host],
  ['expect', FIELD.expect],
  ['content-type', FIELD.contentType],
  ['content-length', FIELD.contentLength],
  ['grpc-timeout', FIELD.grpcTimeout],
  ['grpc-status', FIELD.grpcStatus],
  ['connection', FIELD.hop],
  ['keep-alive', FIELD.hop],
  ['proxy-connection', FIELD.hop],
  ['proxy-authenticate', FIELD.hop],
  ['proxy-authorization', FIELD.hop],
  ['transfer-encoding', FIELD.hop],
  ['upgrade', FIELD.hop],
  ['http2-settings', FIELD.hop],
  ['x-forwarded-client-cert', FIELD.trust],
  // Between two sidecars: who calls, and which port of the application is meant.
  ['remora-source', FIELD.trust],
  ['remora-destination', FIELD.trust],
]);
const TRUST_PREFIX = 'x-remora-';

/** @param name in lower case, as HTTP/2 has all names */
export function fieldKind(name: string): FieldKind {
  return KNOWN.get(name) ?? (name.startsWith(TRUST_PREFIX) ? FIELD.trust : FIELD.other);
}

/** A rule may take it away; whether it may put it there was asked of the rule. */
export function isChangeable(kind: FieldKind): boolean {
  switch (kind) {
    case FIELD.other:
    case FIELD.contentType:
    case FIELD.grpcTimeout:
    case FIELD.grpcStatus:
      return true;
    default:
      return false;
  }
}

/** It goes to the other side as it came. `te` says `trailers` here, or the codec refused it. */
export function isRelayed(kind: FieldKind, keepTrust: boolean): boolean {
  switch (kind) {
    case FIELD.hop:
    case FIELD.host:
      return false;
    case FIELD.trust:
      return keepTrust;
    default:
      return true;
  }
}
