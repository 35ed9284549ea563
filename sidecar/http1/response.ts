import { MeshError } from '../../runtime/errors.ts';
import type { ResponseMessage } from '../message.ts';
import { type ConnectionOptions, readConnectionOptions } from './connection-options.ts';
import { FIELD } from './field-kind.ts';
import { CHUNKED, type Framing, NO_BODY, parseFraming, UNTIL_CLOSE } from './framing.ts';
import type { Head } from './head.ts';
import {
  END_TO_END,
  END_TO_END_AND_TRUST,
  encodeHead,
  fieldLine,
  framingLine,
  withoutLines,
} from './write-head.ts';

/** A response's head that passed every check. */
export class Response implements ResponseMessage {
  readonly grpcStatus = undefined;
  readonly status: number;
  /** How the body arrives. */
  readonly framing: Framing;
  /** The application keeps the connection open after it. */
  readonly keepAlive: boolean;
  readonly #head: Head;
  readonly #keepsStatusLine: boolean;
  readonly #announced: Framing | undefined;
  /** Fields of our own, each ended by CRLF. */
  #ownLines = '';

  constructor(parts: {
    status: number;
    head: Head;
    keepsStatusLine: boolean;
    framing: Framing;
    announced: Framing | undefined;
    keepAlive: boolean;
  }) {
    this.status = parts.status;
    this.framing = parts.framing;
    this.keepAlive = parts.keepAlive;
    this.#head = parts.head;
    this.#keepsStatusLine = parts.keepsStatusLine;
    this.#announced = parts.announced;
  }

  header(name: string): string | undefined {
    return this.#head.header(name);
  }

  addField(name: string, value: string): void {
    this.#ownLines += fieldLine(name, value);
  }

  removeField(name: string): void {
    this.#head.drop(name);
    this.#ownLines = withoutLines(this.#ownLines, name);
  }

  /** How the body leaves towards a client of that version. */
  framingFor(minorVersion: 0 | 1): Framing {
    const { framing } = this;
    if (framing.kind !== 'chunked' && framing.kind !== 'close') return framing;
    return minorVersion === 1 ? CHUNKED : UNTIL_CLOSE;
  }

  /**
   * @param framing of the body as it leaves
   * @param minorVersion of the client: HTTP/1.0 must not be told of a transfer coding, even
   *   where the body is left out
   * @param connection the value of Connection; undefined says nothing
   * @param keepTrust the response comes from a sidecar that proved itself
   */
  encode(
    framing: Framing,
    minorVersion: 0 | 1,
    connection: string | undefined,
    keepTrust: boolean,
  ): Buffer {
    let lines = this.#keepsStatusLine ? '' : this.#statusLine();
    if (framing.kind !== 'none') lines += framingLine(framing);
    else if (this.#announces(minorVersion)) lines += framingLine(this.#announced ?? NO_BODY);
    if (connection !== undefined) lines += `connection: ${connection}\r\n`;
    if (this.status === 101) lines += `upgrade: ${this.#head.header('upgrade') ?? ''}\r\n`;
    const relayed = keepTrust ? END_TO_END_AND_TRUST : END_TO_END;
    const keepsStartLine = this.#keepsStatusLine;
    return encodeHead(this.#head, { keepsStartLine, lines, added: this.#ownLines, relayed });
  }

  /** As HTTP/1.1. */
  #statusLine(): string {
    const { bytes, lineStart, lineEnd } = this.#head;
    const reason = bytes.toString('latin1', Math.min(lineStart + STATUS_END + 1, lineEnd), lineEnd);
    return `HTTP/1.1 ${this.status} ${reason}\r\n`;
  }

  /** Says what a body would be that is left out: after HEAD and with 304. */
  #announces(minorVersion: 0 | 1): boolean {
    if (this.status < 200 || this.status === 204) return false;
    return minorVersion === 1 || this.#announced?.kind !== 'chunked';
  }
}

/**
 * Decides what a response is, or refuses it (RFC 9112 §4, §6.3).
 *
 * @param method of the request that it answers
 * Error codes: `bad-head`, `bad-framing`, `unsupported-transfer-coding`, `body-too-large`
 */
export function parseResponse(head: Head, method: string): Response {
  const minorVersion = parseVersion(head);
  const status = parseStatus(head);
  const announced = parseFraming(head, minorVersion);
  const options = readConnectionOptions(head);
  if (status === 101 && (!options.upgrade || !head.has(FIELD.upgrade))) {
    throw new MeshError('bad-head', 'the response 101 does not say what it switches to');
  }
  return new Response({
    status,
    head,
    // An end without the space before the reason is taken, and mended.
    keepsStatusLine: minorVersion === 1 && head.lineEnd - head.lineStart > STATUS_END,
    framing: framingOf(status, method, announced),
    announced,
    keepAlive: staysOpen(minorVersion, options),
  });
}

const VERSION = 'HTTP/1.';
/** In the status line: `HTTP/1.1 200 OK`. */
const VERSION_END = 8;
const STATUS_END = 12;
const SPACE = 0x20;
const DIGIT_0 = 0x30;

function parseVersion({ bytes, lineStart, lineEnd }: Head): 0 | 1 {
  const minor = (bytes[lineStart + VERSION.length] as number) - DIGIT_0;
  let ok = lineEnd - lineStart >= STATUS_END && (minor === 0 || minor === 1);
  for (let i = 0; ok && i < VERSION.length; i++) {
    ok = bytes[lineStart + i] === VERSION.charCodeAt(i);
  }
  if (!ok) throw malformed();
  return minor === 1 ? 1 : 0;
}

function parseStatus({ bytes, lineStart, lineEnd }: Head): number {
  let status = 0;
  for (let i = lineStart + VERSION_END + 1; i < lineStart + STATUS_END; i++) {
    const digit = (bytes[i] as number) - DIGIT_0;
    if (digit < 0 || digit > 9) throw malformed();
    status = status * 10 + digit;
  }
  const reasonAt = lineStart + STATUS_END;
  if (
    status < 100 ||
    bytes[lineStart + VERSION_END] !== SPACE ||
    (reasonAt < lineEnd && bytes[reasonAt] !== SPACE)
  ) {
    throw malformed();
  }
  return status;
}

function malformed(): MeshError {
  return new MeshError('bad-head', 'the status line is malformed');
}

function framingOf(status: number, method: string, announced: Framing | undefined): Framing {
  if (status < 200 || status === 204 || status === 304 || method === 'HEAD') return NO_BODY;
  return announced ?? UNTIL_CLOSE;
}

function staysOpen(minorVersion: number, options: ConnectionOptions): boolean {
  if (options.close) return false;
  return minorVersion === 1 || options.keepAlive;
}
