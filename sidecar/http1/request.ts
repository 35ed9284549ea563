import { MeshError } from '../../runtime/errors.ts';
import type { RequestHead, RequestMessage } from '../message.ts';
import { METHOD } from './bytes.ts';
import { readConnectionOptions } from './connection-options.ts';
import { FIELD } from './field-kind.ts';
import { type Framing, NO_BODY, parseFraming } from './framing.ts';
import type { Head } from './head.ts';
import {
  type Authority,
  normalizePath,
  parseAuthority,
  parseTarget,
  type Target,
} from './target.ts';
import {
  END_TO_END,
  END_TO_END_AND_HOST,
  encodeHead,
  fieldLine,
  framingLine,
  withoutLines,
} from './write-head.ts';

/** A request's head that passed every check, and the ways to write it again. */
export interface Request extends RequestMessage {
  readonly minorVersion: 0 | 1;
  readonly framing: Framing;
  /** The client expects to send another request on this connection. */
  readonly keepAlive: boolean;
  /** What the client wants to switch to; undefined when nothing, or nothing we relay. */
  readonly upgrade: string | undefined;

  /**
   * The head as HTTP/1.1 for the other side.
   *
   * @param usePath the normalised path instead of the one that was sent: where a
   *   rule decided by it
   * @param authority Host of a request that has none
   */
  encode(usePath: boolean, authority: string): Buffer;
}

/**
 * Decides what a request is, or refuses it (RFC 9112 §2 to §3, §6, §9).
 *
 * Error codes: `bad-head`, `bad-target`, `bad-host`, `bad-framing`,
 * `unsupported-version`, `unsupported-expectation`, `unsupported-transfer-coding`,
 * `body-too-large`, `head-too-large`.
 */
export function parseRequest(head: Head): Request {
  const { bytes, lineStart, lineEnd } = head;
  const methodEnd = methodTokenEnd(bytes, lineStart, lineEnd);
  const lastSpace = lastSpaceIn(bytes, lineStart, lineEnd);
  if (methodEnd === lineStart || bytes[methodEnd] !== SPACE || lastSpace <= methodEnd + 1) {
    throw new MeshError(
      'bad-head',
      'the request line is not `METHOD target HTTP/1.1`, with the method in capitals',
    );
  }
  const method = methodOf(bytes, lineStart, methodEnd);
  const minorVersion = parseVersion(bytes, lastSpace + 1, lineEnd);
  const target = parseTarget(method, bytes.toString('latin1', methodEnd + 1, lastSpace));
  const hostField = findHost(head, minorVersion);
  const ofHost = hostField === '' ? NO_AUTHORITY : parseAuthority(hostField);
  if (ofHost === undefined) {
    throw new MeshError('bad-host', 'Host is not a name or address with an optional port');
  }
  // A target that names a host wins over the field (RFC 9112 §3.2.2).
  const ownAuthority = target.authority !== '';
  const authority = ownAuthority ? parseAuthority(target.authority) : ofHost;
  if (authority === undefined || (target.form === 'absolute' && !ownAuthority)) {
    throw new MeshError('bad-target', 'the host in the target is not a name or address');
  }
  if (target.form === 'authority' && authority.port === undefined) {
    throw new MeshError('bad-target', 'CONNECT needs `host:port`');
  }
  const framing = parseFraming(head, minorVersion);
  if (target.form === 'authority' && framing !== undefined) {
    throw new MeshError('bad-framing', 'CONNECT has no body');
  }
  const options = readConnectionOptions(head);
  const expectsContinue = parseExpect(head) && minorVersion === 1 && hasBody(framing);
  const upgrade =
    options.upgrade && minorVersion === 1 && !hasBody(framing) ? findUpgrade(head) : undefined;
  return new ParsedRequest({
    head,
    method,
    target,
    authority,
    hostLine: ownAuthority ? target.authority : hostField,
    ownAuthority,
    minorVersion,
    framing,
    keepAlive: minorVersion === 1 ? !options.close : options.keepAlive && !options.close,
    upgrade,
    expectsContinue,
  });
}

interface Parts {
  readonly head: Head;
  readonly method: string;
  readonly target: Target;
  readonly authority: Authority;
  readonly hostLine: string;
  /** The target names the host. */
  readonly ownAuthority: boolean;
  readonly minorVersion: 0 | 1;
  /** Undefined when nothing was said. */
  readonly framing: Framing | undefined;
  readonly keepAlive: boolean;
  readonly upgrade: string | undefined;
  readonly expectsContinue: boolean;
}

class ParsedRequest implements Request {
  readonly #parts: Parts;
  #path: string | undefined;
  #ambiguous = false;
  /** Fields of our own, each ended by CRLF. */
  #ownLines = '';
  /** What a rule put in the place of what the client sent. */
  #otherPath: string | undefined;
  #otherAuthority: string | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  get version(): 1 {
    return 1;
  }

  get isGrpc(): boolean {
    return false;
  }

  get timeoutMs(): number {
    return 0;
  }

  get method(): string {
    return this.#parts.method;
  }

  get form(): RequestHead['form'] {
    return this.#parts.target.form;
  }

  get host(): string {
    return this.#parts.authority.host;
  }

  get port(): number | undefined {
    return this.#parts.authority.port;
  }

  get query(): string | undefined {
    return this.#parts.target.query;
  }

  get minorVersion(): 0 | 1 {
    return this.#parts.minorVersion;
  }

  get framing(): Framing {
    return this.#parts.framing ?? NO_BODY;
  }

  get keepAlive(): boolean {
    return this.#parts.keepAlive;
  }

  get upgrade(): string | undefined {
    return this.#parts.upgrade;
  }

  get switchesProtocol(): boolean {
    return this.upgrade !== undefined;
  }

  get expectsContinue(): boolean {
    return this.#parts.expectsContinue;
  }

  get path(): string {
    if (this.#path === undefined) this.#normalize();
    return this.#path ?? '';
  }

  get ambiguousPath(): boolean {
    if (this.#path === undefined) this.#normalize();
    return this.#ambiguous;
  }

  header(name: string): string | undefined {
    return this.#parts.head.header(name);
  }

  addField(name: string, value: string): void {
    this.#ownLines += fieldLine(name, value);
  }

  removeField(name: string): void {
    this.#parts.head.drop(name);
    this.#ownLines = withoutLines(this.#ownLines, name);
  }

  rewriteAuthority(authority: string): void {
    this.#otherAuthority = authority;
  }

  rewriteScheme(): void {}

  rewritePath(path: string): void {
    if (this.form !== 'asterisk') this.#otherPath = path;
  }

  encode(usePath: boolean, authority: string): Buffer {
    const { head, method, target, hostLine, ownAuthority, minorVersion, framing } = this.#parts;
    const path = this.#otherPath ?? (usePath ? this.path : target.rawPath);
    const hop = head.has(FIELD.te) || this.upgrade !== undefined ? this.#hopLines() : '';
    const expect = this.expectsContinue ? 'expect: 100-continue\r\n' : '';
    const announced = framing === undefined ? '' : framingLine(framing);
    const lines = announced + expect + hop;
    const added = this.#ownLines;
    if (
      minorVersion === 1 &&
      !ownAuthority &&
      hostLine !== '' &&
      target.form !== 'absolute' &&
      path === target.rawPath &&
      this.#otherAuthority === undefined
    ) {
      return encodeHead(head, { keepsStartLine: true, lines, added, relayed: END_TO_END_AND_HOST });
    }
    const full = target.query === undefined ? path : `${path}?${target.query}`;
    const host = this.#otherAuthority ?? (hostLine === '' ? authority : hostLine);
    const own = `${method} ${full} HTTP/1.1\r\nhost: ${host}\r\n${lines}`;
    return encodeHead(head, { keepsStartLine: false, lines: own, added, relayed: END_TO_END });
  }

  #hopLines(): string {
    return hopLines(this.upgrade, acceptsTrailers(this.#parts.head));
  }

  #normalize(): void {
    const { form, rawPath } = this.#parts.target;
    if (form === 'asterisk' || form === 'authority') {
      this.#path = rawPath;
      return;
    }
    const normal = normalizePath(rawPath);
    this.#path = normal.path;
    this.#ambiguous = normal.ambiguous;
  }
}

const SPACE = 0x20;
const NO_AUTHORITY: Authority = { host: '', port: undefined };

function methodTokenEnd(bytes: Buffer, from: number, limit: number): number {
  let i = from;
  while (i < limit && METHOD[bytes[i] as number] === 1) i++;
  return i;
}

/** -1 when there is none. */
function lastSpaceIn(bytes: Buffer, start: number, end: number): number {
  let i = end - 1;
  while (i >= start && bytes[i] !== SPACE) i--;
  return i >= start ? i : -1;
}

const METHODS = ['GET', 'POST', 'PUT', 'HEAD', 'DELETE', 'PATCH', 'OPTIONS', 'CONNECT', 'TRACE'];

/** As a text that exists already, for the usual ones. */
function methodOf(bytes: Buffer, start: number, end: number): string {
  for (const method of METHODS) if (isText(bytes, start, end, method)) return method;
  return bytes.toString('latin1', start, end);
}

function isText(bytes: Buffer, start: number, end: number, text: string): boolean {
  if (end - start !== text.length) return false;
  for (let i = 0; i < text.length; i++) {
    if (bytes[start + i] !== text.charCodeAt(i)) return false;
  }
  return true;
}

function parseVersion(bytes: Buffer, start: number, end: number): 0 | 1 {
  if (isText(bytes, start, end, 'HTTP/1.1')) return 1;
  if (isText(bytes, start, end, 'HTTP/1.0')) return 0;
  if (/^HTTP\/[0-9]\.[0-9]$/.test(bytes.toString('latin1', start, end))) {
    throw new MeshError('unsupported-version', 'only HTTP/1.0 and HTTP/1.1 are served here');
  }
  throw new MeshError('bad-head', 'the request line does not end with an HTTP version');
}

/** The host of the last request: as a rule the next one has the same. */
let lastHost = '';

function hostText(head: Head, field: number): string {
  const start = head.valueStart(field);
  const end = head.valueEnd(field);
  if (!isText(head.bytes, start, end, lastHost))
    lastHost = head.bytes.toString('latin1', start, end);
  return lastHost;
}

/** Empty when an HTTP/1.0 request has none. */
function findHost(head: Head, minorVersion: number): string {
  let host: string | undefined;
  for (let field = 0; field < head.fieldCount; field++) {
    if (head.kind(field) !== FIELD.host) continue;
    if (host !== undefined) throw new MeshError('bad-host', 'Host is given twice');
    host = hostText(head, field);
    if (host === '') throw new MeshError('bad-host', 'Host is empty');
  }
  if (host === undefined && minorVersion === 1) throw new MeshError('bad-host', 'Host is missing');
  return host ?? '';
}

/** A request whose expectation nobody understands alike is not passed on. */
function parseExpect(head: Head): boolean {
  if (!head.has(FIELD.expect)) return false;
  let expects = false;
  for (let field = 0; field < head.fieldCount; field++) {
    if (head.kind(field) !== FIELD.expect) continue;
    if (expects || head.value(field).toLowerCase() !== '100-continue') {
      throw new MeshError('unsupported-expectation', 'the only expectation met is 100-continue');
    }
    expects = true;
  }
  return expects;
}

/** One protocol, and never h2c: HTTP/2 would pass by all rules. */
function findUpgrade(head: Head): string | undefined {
  let upgrade: string | undefined;
  for (let field = 0; field < head.fieldCount; field++) {
    if (head.kind(field) !== FIELD.upgrade) continue;
    if (upgrade !== undefined) return undefined;
    upgrade = head.value(field);
  }
  if (upgrade === undefined || !/^[!#$%&'*+.^_`|~0-9a-z-]+(?:\/[0-9a-z.]+)?$/i.test(upgrade)) {
    return undefined;
  }
  return /^h2c?(?:\/|$)/i.test(upgrade) ? undefined : upgrade;
}

/** TE that says `trailers` and nothing else (RFC 9110 §10.1.4); codings are of no use behind us. */
function acceptsTrailers(head: Head): boolean {
  if (!head.has(FIELD.te)) return false;
  let accepts = false;
  for (let field = 0; field < head.fieldCount; field++) {
    if (head.kind(field) !== FIELD.te) continue;
    if (accepts || head.value(field).toLowerCase() !== 'trailers') return false;
    accepts = true;
  }
  return accepts;
}

/** What the next hop alone is to know, named in Connection as it must be. */
function hopLines(upgrade: string | undefined, trailers: boolean): string {
  if (upgrade === undefined) return trailers ? 'connection: te\r\nte: trailers\r\n' : '';
  const lines = `upgrade: ${upgrade}\r\n`;
  return trailers
    ? `connection: upgrade, te\r\nte: trailers\r\n${lines}`
    : `connection: upgrade\r\n${lines}`;
}

function hasBody(framing: Framing | undefined): boolean {
  return framing !== undefined && !(framing.kind === 'length' && framing.bytes === 0);
}
