/**
 * The grammar of RFC 9112 as regular expressions on text: slow, and of another make
 * than the parsers of the sidecar, so that they can be held against it.
 */

export interface ReferenceHead {
  /** Start line, then `name:value` of each field; undefined when it is no whole, good head. */
  readonly lines: string[] | undefined;
}

const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const FIELD = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*(.*?)[ \t]*$/s;

/** @param leading an empty line before the start line is let pass */
export function readHead(text: string, leading: boolean): ReferenceHead {
  const from = leading && text.startsWith('\r\n') ? 2 : 0;
  // The empty line that ends the head may come at once.
  const [startLine, ...rest] = text.slice(from).split('\r\n');
  const end = rest.indexOf('');
  if (startLine === undefined || end < 0 || end === rest.length - 1) return { lines: undefined };
  if (!FIELD_VALUE.test(startLine)) return { lines: undefined };
  const lines = [startLine];
  for (const line of rest.slice(0, end)) {
    const [, name, value = ''] = FIELD.exec(line) ?? [];
    if (name === undefined || !FIELD_VALUE.test(value)) return { lines: undefined };
    lines.push(`${name}:${value}`);
  }
  return { lines };
}

export interface ReferenceChunks {
  readonly body: string;
  /** How long the chunked text is, with its end. */
  readonly length: number;
}

const SIZE = /^([0-9A-Fa-f]{1,12})(?:;[\t\x20-\x7e\x80-\xff]*)?\r\n/;

/** The body of a chunked text; undefined when it is no whole, good one. */
export function readChunks(text: string): ReferenceChunks | undefined {
  let body = '';
  for (let at = 0; ; ) {
    const match = SIZE.exec(text.slice(at, at + 16 * 1024));
    if (match === null) return undefined;
    at += match[0].length;
    const size = Number.parseInt(match[1] ?? '', 16);
    if (size === 0) {
      const trailers = readTrailers(text.slice(at));
      return trailers === undefined ? undefined : { body, length: at + trailers };
    }
    if (text.slice(at + size, at + size + 2) !== '\r\n') return undefined;
    body += text.slice(at, at + size);
    at += size + 2;
  }
}

/** The length of a trailer section, with its empty line. */
function readTrailers(text: string): number | undefined {
  const lines = text.split('\r\n');
  const end = lines.indexOf('');
  if (end < 0 || end === lines.length - 1) return undefined;
  const fields = lines.slice(0, end);
  for (const line of fields) {
    const value = FIELD.exec(line)?.[2];
    if (value === undefined || !FIELD_VALUE.test(value)) return undefined;
  }
  return fields.reduce((sum, line) => sum + line.length + 2, 2);
}

export interface ReferenceRequest {
  readonly method: string;
  readonly body: string;
  /** How long it is, head and body. */
  readonly length: number;
}

/**
 * The request at the beginning of a text; undefined when it is no whole, good one.
 * Where there are several fields about framing, this reader takes the first.
 */
export function readRequest(text: string): ReferenceRequest | undefined {
  const { lines } = readHead(text, true);
  const bodyStart = text.indexOf('\r\n\r\n', text.startsWith('\r\n') ? 2 : 0) + 4;
  if (lines === undefined) return undefined;
  const method = lines[0]?.split(' ', 1)[0] ?? '';
  if (fieldOf(lines, 'transfer-encoding')?.toLowerCase() === 'chunked') {
    const chunks = readChunks(text.slice(bodyStart));
    if (chunks === undefined) return undefined;
    return { method, body: chunks.body, length: bodyStart + chunks.length };
  }
  const end = bodyStart + Number(fieldOf(lines, 'content-length') ?? 0);
  if (!(end <= text.length)) return undefined;
  return { method, body: text.slice(bodyStart, end), length: end };
}

/** @param lines as `readHead` gives them */
function fieldOf(lines: readonly string[], name: string): string | undefined {
  const line = lines.slice(1).find((one) => one.toLowerCase().startsWith(`${name}:`));
  return line?.slice(name.length + 1);
}
