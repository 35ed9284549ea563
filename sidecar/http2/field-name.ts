import { LOWER, TOKEN } from '../http1/bytes.ts';
import { STATIC_TABLE } from './static-table.ts';

/** What a name means to the rules of RFC 9113 §8. */
export const FIELD_KIND = {
  regular: 0,
  method: 1,
  scheme: 2,
  authority: 3,
  path: 4,
  status: 5,
  contentLength: 6,
  te: 7,
  host: 8,
  /** Of one connection (§8.2.2), a pseudo-header nobody knows, or no name at all. */
  forbidden: 9,
} as const;

const KINDS: ReadonlyMap<string, number> = new Map<string, number>([
  [':method', FIELD_KIND.method],
  [':scheme', FIELD_KIND.scheme],
  [':authority', FIELD_KIND.authority],
  [':path', FIELD_KIND.path],
  [':status', FIELD_KIND.status],
  ['content-length', FIELD_KIND.contentLength],
  ['te', FIELD_KIND.te],
  ['host', FIELD_KIND.host],
  ['connection', FIELD_KIND.forbidden],
  ['keep-alive', FIELD_KIND.forbidden],
  ['proxy-connection', FIELD_KIND.forbidden],
  ['transfer-encoding', FIELD_KIND.forbidden],
  ['upgrade', FIELD_KIND.forbidden],
  ['http2-settings', FIELD_KIND.forbidden],
]);

/** A name, with all that follows from it worked out once. */
export class FieldName {
  readonly text: string;
  readonly kind: number;
  /** Where the static table has it first; 0 when it has not. */
  readonly staticIndex: number;

  constructor(text: string, staticIndex: number) {
    this.text = text;
    this.kind =
      KINDS.get(text) ?? (isRegularName(text) ? FIELD_KIND.regular : FIELD_KIND.forbidden);
    this.staticIndex = staticIndex;
  }
}

const KNOWN = new Map<string, FieldName>();
STATIC_TABLE.forEach(([name], i) => {
  if (!KNOWN.has(name)) KNOWN.set(name, new FieldName(name, i + 1));
});

/** Names met so far; strangers choose them, so their number is limited. */
let met = new Map<string, FieldName>();
const MET_LIMIT = 1024;
const MET_LENGTH_LIMIT = 64;

export function fieldName(text: string): FieldName {
  const known = KNOWN.get(text) ?? met.get(text);
  if (known !== undefined) return known;
  const name = new FieldName(text, 0);
  if (text.length <= MET_LENGTH_LIMIT) {
    if (met.size >= MET_LIMIT) met = new Map();
    met.set(text, name);
  }
  return name;
}

/** A token without upper case. */
function isRegularName(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const byte = text.charCodeAt(i);
    if (TOKEN[byte] !== 1 || LOWER[byte] !== byte) return false;
  }
  return text.length > 0;
}
