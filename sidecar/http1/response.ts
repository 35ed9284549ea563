import { MeshError } from '../../runtime/errors.ts';
import type { ResponseMessage } from '../message.ts';
import { type ConnectionOptions, readConnectionOptions } from './connection-options.ts';
import { FIELD } from './field-kind.ts';
import { CHUNKED, type Framing, NO_BODY, parseFraming, UNTIL_CLOSE } from './framing.ts';
import type { Head } from './head.ts';
import { encodeHead, fieldLine, framingLine, withoutLines } from './write-head.ts';

/** A response's head that passed every check. */
export class Response implements ResponseMessage {
  readonly grpcStatus = undefined;
  readonly status: number;
  /** How the body arrives. */
  readonly framing: Framing;
  /** The application keeps the connection open after it. */
  readonly keepAlive: boolean;
  readonly #reason: string;
  readonly #head: Head;
  readonly #announced: Framing | undefined;
  /** Fields of our own, each ended by CRLF. */
  #ownLines = '';

  constructor(parts: {
    status: number;
    reason: string;
    head: Head;
    framing: Framing;
    announced: Framing | undefined;
    keepAlive: boolean;
  }) {
    this.status = parts.status;
    this.framing = parts.framing;
    this.keepAlive = parts.keepAlive;
    this.#reason = parts.reason;
    this.#head = parts.head;
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
    let lines = `HTTP/1.1 ${this.status} ${this.#reason}\r\n`;
    if (framing.kind !== 'none') lines += framingLine(framing);
    else if (this.#announces(minorVersion)) lines += framingLine(this.#announced ?? NO_BODY);
    if (connection !== undefined) lines += `connection: ${connection}\r\n`;
    if (this.status === 101) lines += `upgrade: ${this.#head.header('upgrade') ?? ''}\r\n`;
    return encodeHead(lines + this.#ownLines, this.#head, keepTrust);
  }

  /** Says what a body would be that is left out: after HEAD and with 304. */
  #announces(minorVersion: 0 | 1): boolean {
    if (this.status < 200 || this.status === 204) return false;
    return minorVersion === 1 || this.#announced?.kind !== 'chunked';
  }
}

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9][0-9]{2})(?: (.*))?$/;

/**
 * Decides what a response is, or refuses it (RFC 9112 §4, §6.3).
 *
 * @param method of the request that it answers
 * Error codes: `bad-head`, `bad-framing`, `unsupported-transfer-coding`, `body-too-large`
 */
export function parseResponse(head: Head, method: string): Response {
  const line = head.bytes.toString('latin1', head.lineStart, head.lineEnd);
  const match = STATUS_LINE.exec(line);
  if (match === null) throw new MeshError('bad-head', 'the status line is malformed');
  const minorVersion = match[1] === '1' ? 1 : 0;
  const status = Number(match[2]);
  const announced = parseFraming(head, minorVersion);
  const options = readConnectionOptions(head);
  if (status === 101 && (!options.upgrade || !hasUpgrade(head))) {
    throw new MeshError('bad-head', 'the response 101 does not say what it switches to');
  }
  return new Response({
    status,
    reason: match[3] ?? '',
    head,
    framing: framingOf(status, method, announced),
    announced,
    keepAlive: staysOpen(minorVersion, options),
  });
}

function framingOf(status: number, method: string, announced: Framing | undefined): Framing {
  if (status < 200 || status === 204 || status === 304 || method === 'HEAD') return NO_BODY;
  return announced ?? UNTIL_CLOSE;
}

function staysOpen(minorVersion: number, options: ConnectionOptions): boolean {
  if (options.close) return false;
  return minorVersion === 1 || options.keepAlive;
}

function hasUpgrade(head: Head): boolean {
  for (let field = 0; field < head.fieldCount; field++) {
    if (head.kind(field) === FIELD.upgrade) return true;
  }
  return false;
}
