import { createHash } from 'node:crypto';

/** A request as a server read it. */
export interface Seen {
  readonly method: string;
  /** As it stood in the request line. */
  readonly target: string;
  readonly bodyBytes: number;
  readonly bodyHash: string;
  /**
   * What stood under the names that only a sidecar may use, underscores read as
   * dashes as CGI does; `-` when nothing did.
   */
  readonly trust: string;
}

/** An answer of the sidecar itself. */
export interface Refusal {
  readonly status: number;
  /** In `x-remora-error`. */
  readonly code: string;
  /** What was refused is a request that was understood: the connection goes on. */
  readonly goesOn: boolean;
}

/** What becomes of the bytes of a vector. */
export interface Expectation {
  /** Exactly these requests are read behind us, in this order. */
  readonly seen: readonly Seen[];
  /** After those, one is refused and the connection is closed. */
  readonly refusal?: Refusal;
  /**
   * What was wrong came after the head, which may have gone ahead: a server may see
   * that a request began, but never a whole one.
   */
  readonly begun?: boolean;
  /** The client ends in the middle of a request: there is no answer to it. */
  readonly abandoned?: boolean;
}

/** Bytes of a client, and what every server behind us must make of them. */
export interface Vector {
  readonly name: string;
  /** Pieces in latin1; before each but the first the client waits for some answer. */
  readonly pieces: readonly string[];
  /** Where no rule looks at the path. */
  readonly expected: Expectation;
  /** Where one does: the path is normalised, or refused. As `expected` when left out. */
  readonly expectedByPath?: Expectation;
  /** Servers that answer such a request by themselves, mostly with a refusal. */
  readonly ownAnswerBy?: readonly string[];
  /** The client ends its side after the last piece. */
  readonly ends?: boolean;
}

type Extra = Omit<Vector, 'name' | 'pieces' | 'expected'>;

export function vector(
  name: string,
  bytes: string | readonly string[],
  expected: Expectation,
  extra: Extra = {},
): Vector {
  return { name, pieces: typeof bytes === 'string' ? [bytes] : bytes, expected, ...extra };
}

/** @param body in latin1 */
export function seen(method: string, target: string, body = ''): Seen {
  const bytes = Buffer.from(body, 'latin1');
  return { method, target, bodyBytes: bytes.length, bodyHash: hashBody(bytes), trust: '-' };
}

/** The same in every server: the first 16 digits of SHA-256. */
function hashBody(body: Buffer): string {
  return createHash('sha256').update(body).digest('hex').slice(0, 16);
}

export function forwarded(...requests: readonly Seen[]): Expectation {
  return { seen: requests };
}

/** @param before requests on the same connection that are read before it */
export function refused(status: number, code: string, ...before: readonly Seen[]): Expectation {
  return { seen: before, refusal: { status, code, goesOn: false } };
}

/** Understood, and refused for what it asks. */
export function declined(status: number, code: string): Expectation {
  return { seen: [], refusal: { status, code, goesOn: true } };
}

/** Refused for its body. */
export function refusedInBody(code = 'bad-chunk', status = 400): Expectation {
  return { seen: [], refusal: { status, code, goesOn: false }, begun: true };
}

export function abandoned(...before: readonly Seen[]): Expectation {
  return { seen: before, begun: true, abandoned: true };
}

/** @param fields each ended by CRLF */
export function get(target: string, fields = ''): string {
  return `GET ${target} HTTP/1.1\r\nHost: cart\r\n${fields}\r\n`;
}

/** @param fields each ended by CRLF, with those about framing */
export function post(fields: string, body: string, target = '/'): string {
  return `POST ${target} HTTP/1.1\r\nHost: cart\r\n${fields}\r\n${body}`;
}

export function chunked(body: string, fields = ''): string {
  return post(`Transfer-Encoding: chunked\r\n${fields}`, body);
}

/** What an attacker hopes that somebody takes for a request of its own. */
export const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: cart\r\n\r\n';
