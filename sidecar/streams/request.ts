import { MeshError } from '../../runtime/errors.ts';
import { parseGrpcTimeout } from '../grpc/timeout.ts';
import {
  type Authority,
  normalizePath,
  parseAuthority,
  parseTarget,
  type Target,
} from '../http1/target.ts';
import { type HeaderField, headerField, literalField } from '../http2/header-field.ts';
import type { RequestHead, RequestMessage } from '../message.ts';
import { FIELD, fieldKind, isChangeable, isRelayed } from './field-kind.ts';
import { fieldValue } from './fields.ts';

/** What a walk over the fields finds. */
interface Found {
  method: string;
  path: string;
  authority: string | undefined;
  host: string | undefined;
  expect: string | undefined;
  contentType: string;
  grpcTimeout: string | undefined;
  /** All fields go on as they came. */
  untouched: boolean;
}

/**
 * Decides what a request of HTTP/2 is, or refuses it, by the rules that hold for
 * HTTP/1 as well (RFC 9113 §8.3, RFC 9110 §7 and §10.1.1).
 *
 * Error codes: `bad-target`, `bad-host`, `connect-unsupported`, `unsupported-expectation`.
 *
 * @param fields as the codec gives them: each has the form that RFC 9113 §8.3 asks for,
 *   and those that must be there are there once
 * @param endsStream there is no body
 */
export function parseStreamRequest(
  fields: readonly HeaderField[],
  endsStream: boolean,
): StreamRequest {
  const found = find(fields);
  const { method } = found;
  if (method === 'CONNECT') {
    throw new MeshError('connect-unsupported', 'CONNECT is only taken by the explicit proxy');
  }
  const target = parseTarget(method, found.path);
  const authority = authorityOf(whose(found));
  if (authority === undefined) {
    throw new MeshError('bad-host', 'the authority is not a name or address with an optional port');
  }
  const { expect } = found;
  if (expect !== undefined && expect.toLowerCase() !== '100-continue') {
    throw new MeshError('unsupported-expectation', 'the only expectation met is 100-continue');
  }
  return new StreamRequest(fields, endsStream, found, target, authority);
}

/** A request's head that passed every check, and the way to write it again. */
export class StreamRequest implements RequestMessage {
  readonly version = 2;
  readonly switchesProtocol = false;
  readonly method: string;
  readonly form: RequestHead['form'];
  readonly host: string;
  readonly port: number | undefined;
  readonly query: string | undefined;
  readonly expectsContinue: boolean;
  readonly isGrpc: boolean;
  readonly timeoutMs: number;
  /** There is no body. */
  readonly endsStream: boolean;
  readonly #fields: readonly HeaderField[];
  readonly #rawPath: string;
  readonly #authority: string;
  readonly #untouched: boolean;
  #path: string | undefined;
  #ambiguous = false;
  #own: HeaderField[] | undefined;
  #removed: Set<string> | undefined;
  /** What a rule put in the place of what the client sent. */
  #otherPath: string | undefined;
  #otherAuthority: string | undefined;
  #otherScheme: string | undefined;
  /** Something of the above is to be done. */
  #changed = false;

  constructor(
    fields: readonly HeaderField[],
    endsStream: boolean,
    found: Found,
    target: Target,
    authority: Authority,
  ) {
    const { contentType, grpcTimeout } = found;
    this.method = found.method;
    this.form = target.form;
    this.host = authority.host;
    this.port = authority.port;
    this.query = target.query;
    this.expectsContinue = found.expect !== undefined && !endsStream;
    this.isGrpc = isGrpcType(contentType);
    this.timeoutMs = this.isGrpc && grpcTimeout !== undefined ? parseGrpcTimeout(grpcTimeout) : 0;
    this.endsStream = endsStream;
    this.#fields = fields;
    this.#rawPath = target.rawPath;
    this.#authority = found.authority ?? found.host ?? '';
    this.#untouched = found.untouched;
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
    return fieldValue(this.#fields, name);
  }

  addField(name: string, value: string, isUnique = false): void {
    this.#own ??= [];
    this.#own.push(isUnique ? literalField(name, value) : headerField(name, value));
    this.#changed = true;
  }

  removeField(name: string): void {
    this.#own = this.#own?.filter((field) => field.name !== name);
    if (!isChangeable(fieldKind(name)) || this.header(name) === undefined) return;
    this.#removed ??= new Set();
    this.#removed.add(name);
    this.#changed = true;
  }

  rewriteAuthority(authority: string): void {
    this.#otherAuthority = authority;
    this.#changed = true;
  }

  rewriteScheme(scheme: 'http' | 'https'): void {
    this.#otherScheme = scheme;
    this.#changed = true;
  }

  rewritePath(path: string): void {
    if (this.form === 'asterisk') return;
    this.#otherPath = path;
    this.#changed = true;
  }

  /**
   * The head for the other side: the very fields that came, where nothing about
   * them has to change.
   *
   * @param usePath the normalised path instead of the one that was sent: where a
   *   rule decided by it
   */
  encode(usePath: boolean): readonly HeaderField[] {
    const fields = this.#fields;
    const rawPath = this.#rawPath;
    const path = this.#otherPath ?? (usePath ? this.path : rawPath);
    if (this.#untouched && path === rawPath && !this.#changed) return fields;
    const target = this.query === undefined ? path : `${path}?${this.query}`;
    const otherAuthority = this.#otherAuthority;
    const out: HeaderField[] = [];
    let sent: HeaderField | undefined;
    for (const field of fields) {
      const kind = fieldKind(field.name);
      if (kind === FIELD.authority) sent = field;
      else if (kind === FIELD.path)
        out.push(path === rawPath ? field : literalField(':path', target));
      else if (kind === FIELD.scheme && this.#otherScheme !== undefined)
        out.push(headerField(':scheme', this.#otherScheme));
      else if (field.name.startsWith(':')) out.push(field);
    }
    if (otherAuthority !== undefined) out.push(headerField(':authority', otherAuthority));
    else out.push(sent ?? headerField(':authority', this.#authority));
    for (const field of fields) {
      if (field.name.startsWith(':') || this.#removed?.has(field.name) === true) continue;
      if (isRelayed(fieldKind(field.name), false)) out.push(field);
    }
    if (this.#own !== undefined) out.push(...this.#own);
    return out;
  }

  #normalize(): void {
    if (this.form === 'asterisk') {
      this.#path = this.#rawPath;
      return;
    }
    const normal = normalizePath(this.#rawPath);
    this.#path = normal.path;
    this.#ambiguous = normal.ambiguous;
  }
}

function find(fields: readonly HeaderField[]): Found {
  const found: Found = {
    method: '',
    path: '',
    authority: undefined,
    host: undefined,
    expect: undefined,
    contentType: '',
    grpcTimeout: undefined,
    untouched: true,
  };
  for (const { name, value } of fields) {
    const kind = fieldKind(name);
    switch (kind) {
      case FIELD.other:
        break;
      case FIELD.method:
        found.method = value;
        break;
      case FIELD.path:
        found.path = value;
        break;
      case FIELD.authority:
        found.authority = value;
        break;
      case FIELD.host:
        found.host = value;
        break;
      case FIELD.expect:
        // Two of them are an expectation that nobody understands.
        found.expect = found.expect === undefined ? value : `${found.expect}, ${value}`;
        break;
      case FIELD.contentType:
        found.contentType = value;
        break;
      case FIELD.grpcTimeout:
        found.grpcTimeout = value;
        break;
      default:
    }
    if (!isRelayed(kind, false)) found.untouched = false;
  }
  if (found.authority === undefined) found.untouched = false;
  return found;
}

let lastText = '';
let lastAuthority: Authority | undefined;

/** Most requests name the one that the request before named. */
function authorityOf(text: string): Authority | undefined {
  if (text !== lastText) {
    lastText = text;
    lastAuthority = parseAuthority(text);
  }
  return lastAuthority;
}

/** Written as HTTP/2 has it, or as HTTP/1 had it; the codec has seen that both say the same (RFC 9113 §8.3.1). */
function whose({ authority, host }: Found): string {
  const named = authority ?? host;
  if (named === undefined || named === '') {
    throw new MeshError('bad-host', 'the request names no authority');
  }
  return named;
}

/** Of a request that was refused before more was known of it. */
export function isGrpcCall(fields: readonly HeaderField[]): boolean {
  return isGrpcType(fieldValue(fields, 'content-type') ?? '');
}

/** `application/grpc` and its formats; not `application/grpc-web`, which is something else. */
function isGrpcType(contentType: string): boolean {
  if (!contentType.startsWith('application/grpc')) return false;
  const next = contentType.charCodeAt(16);
  return Number.isNaN(next) || next === PLUS || next === SEMICOLON;
}

const PLUS = 0x2b;
const SEMICOLON = 0x3b;
