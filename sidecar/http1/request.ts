import { MeshError } from '../../runtime/errors.ts';
import type { RequestHead, RequestMessage } from '../message.ts';
import { TOKEN } from './bytes.ts';
import { readConnectionOptions } from './connection-options.ts';
import { FIELD } from './field-kind.ts';
import { type Framing, NO_BODY, parseFraming } from './framing.ts';
import type { Head } from './head.ts';
import { normalizePath, parseAuthority, parseTarget } from './target.ts';
import { encodeHead, fieldLine, framingLine, withoutLines } from './write-head.ts';

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
  const line = head.bytes.toString('latin1', head.lineStart, head.lineEnd);
  const firstSpace = line.indexOf(' ');
  const lastSpace = line.lastIndexOf(' ');
  const method = line.slice(0, Math.max(firstSpace, 0));
  if (!isToken(method) || lastSpace === firstSpace || lastSpace === firstSpace + 1) {
    throw new MeshError('bad-head', 'the request line is not `METHOD target HTTP/1.1`');
  }
  const minorVersion = parseVersion(line.slice(lastSpace + 1));
  const target = parseTarget(method, line.slice(firstSpace + 1, lastSpace));
  const hostField = findHost(head, minorVersion);
  const ofHost = hostField === '' ? { host: '', port: undefined } : parseAuthority(hostField);
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
    form: target.form,
    host: authority.host,
    port: authority.port,
    rawPath: target.rawPath,
    query: target.query,
    hostLine: ownAuthority ? target.authority : hostField,
    minorVersion,
    framing: framing ?? NO_BODY,
    sentFraming: framing,
    keepAlive: minorVersion === 1 ? !options.close : options.keepAlive && !options.close,
    upgrade,
    expectsContinue,
  });
}

interface Parts {
  readonly head: Head;
  readonly method: string;
  readonly form: RequestHead['form'];
  readonly host: string;
  readonly port: number | undefined;
  readonly rawPath: string;
  readonly query: string | undefined;
  readonly hostLine: string;
  readonly minorVersion: 0 | 1;
  readonly framing: Framing;
  readonly sentFraming: Framing | undefined;
  readonly keepAlive: boolean;
  readonly upgrade: string | undefined;
  readonly expectsContinue: boolean;
}

class ParsedRequest implements Request {
  readonly version = 1;
  readonly isGrpc = false;
  readonly timeoutMs = 0;
  readonly method: string;
  readonly form: RequestHead['form'];
  readonly host: string;
  readonly port: number | undefined;
  readonly query: string | undefined;
  readonly minorVersion: 0 | 1;
  readonly framing: Framing;
  readonly keepAlive: boolean;
  readonly upgrade: string | undefined;
  readonly expectsContinue: boolean;
  readonly #parts: Parts;
  #path: string | undefined;
  #ambiguous = false;
  /** Fields of our own, each ended by CRLF. */
  #ownLines = '';
  /** What a rule put in the place of what the client sent. */
  #otherPath: string | undefined;
  #otherAuthority: string | undefined;

  constructor(parts: Parts) {
    this.method = parts.method;
    this.form = parts.form;
    this.host = parts.host;
    this.port = parts.port;
    this.query = parts.query;
    this.minorVersion = parts.minorVersion;
    this.framing = parts.framing;
    this.keepAlive = parts.keepAlive;
    this.upgrade = parts.upgrade;
    this.expectsContinue = parts.expectsContinue;
    this.#parts = parts;
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

  rewritePath(path: string): void {
    if (this.form !== 'asterisk') this.#otherPath = path;
  }

  encode(usePath: boolean, authority: string): Buffer {
    const { rawPath, query, hostLine, sentFraming, head } = this.#parts;
    const path = this.#otherPath ?? (usePath ? this.path : rawPath);
    const target = query === undefined ? path : `${path}?${query}`;
    const host = this.#otherAuthority ?? (hostLine === '' ? authority : hostLine);
    const hop = hopLines(this.upgrade, acceptsTrailers(head));
    const expect = this.expectsContinue ? 'expect: 100-continue\r\n' : '';
    const framing = sentFraming === undefined ? '' : framingLine(sentFraming);
    const lines = `${this.method} ${target} HTTP/1.1\r\nhost: ${host}\r\n`;
    return encodeHead(`${lines}${framing}${expect}${hop}${this.#ownLines}`, head, false);
  }

  #normalize(): void {
    if (this.form === 'asterisk' || this.form === 'authority') {
      this.#path = this.#parts.rawPath;
      return;
    }
    const normal = normalizePath(this.#parts.rawPath);
    this.#path = normal.path;
    this.#ambiguous = normal.ambiguous;
  }
}

function isToken(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    if (TOKEN[text.charCodeAt(i)] !== 1) return false;
  }
  return text.length > 0;
}

function parseVersion(version: string): 0 | 1 {
  if (version === 'HTTP/1.1') return 1;
  if (version === 'HTTP/1.0') return 0;
  if (/^HTTP\/[0-9]\.[0-9]$/.test(version)) {
    throw new MeshError('unsupported-version', 'only HTTP/1.0 and HTTP/1.1 are served here');
  }
  throw new MeshError('bad-head', 'the request line does not end with an HTTP version');
}

/** Empty when an HTTP/1.0 request has none. */
function findHost(head: Head, minorVersion: number): string {
  let host: string | undefined;
  for (let field = 0; field < head.fieldCount; field++) {
    if (head.kind(field) !== FIELD.host) continue;
    if (host !== undefined) throw new MeshError('bad-host', 'Host is given twice');
    host = head.value(field);
    if (host === '') throw new MeshError('bad-host', 'Host is empty');
  }
  if (host === undefined && minorVersion === 1) throw new MeshError('bad-host', 'Host is missing');
  return host ?? '';
}

/** A request whose expectation nobody understands alike is not passed on. */
function parseExpect(head: Head): boolean {
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
  return /^h2c?$/i.test(upgrade) ? undefined : upgrade;
}

/** TE that says `trailers` and nothing else (RFC 9110 §10.1.4); codings are of no use behind us. */
function acceptsTrailers(head: Head): boolean {
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
