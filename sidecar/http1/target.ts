import { MeshError } from '../../runtime/errors.ts';
import { HEX, TARGET, UNRESERVED } from './bytes.ts';

/** A request target (RFC 9112 §3.2) in its parts. */
export interface Target {
  readonly form: 'origin' | 'absolute' | 'authority' | 'asterisk';
  /** Of the absolute and authority forms; empty otherwise. */
  readonly authority: string;
  /** As sent; where an absolute form had none, `/`, or `*` for OPTIONS. */
  readonly rawPath: string;
  readonly query: string | undefined;
}

/** Error code: `bad-target`. */
export function parseTarget(method: string, target: string): Target {
  for (let i = 0; i < target.length; i++) {
    if (TARGET[target.charCodeAt(i)] !== 1) {
      throw bad('holds `#`, a space, or a byte that is not ASCII; percent-encode it');
    }
  }
  if (method === 'CONNECT')
    return { form: 'authority', authority: target, rawPath: '', query: undefined };
  if (target.startsWith('/')) return split('origin', '', target);
  if (target === '*') {
    if (method !== 'OPTIONS') throw bad('`*` is for OPTIONS alone');
    return { form: 'asterisk', authority: '', rawPath: '*', query: undefined };
  }
  if (target.length < 8 || target.slice(0, 7).toLowerCase() !== 'http://') {
    throw bad('is neither a path nor an http:// URL');
  }
  const end = authorityEnd(target, 7);
  const rest = target.slice(end);
  // RFC 9112 §3.2.4: it asks about the server, not about its root.
  if (rest === '' && method === 'OPTIONS') return split('absolute', target.slice(7), '*');
  return split('absolute', target.slice(7, end), rest.startsWith('/') ? rest : `/${rest}`);
}

function split(form: 'origin' | 'absolute', authority: string, target: string): Target {
  const mark = target.indexOf('?');
  if (mark < 0) return { form, authority, rawPath: target, query: undefined };
  return { form, authority, rawPath: target.slice(0, mark), query: target.slice(mark + 1) };
}

function authorityEnd(target: string, from: number): number {
  for (let i = from; i < target.length; i++) {
    const character = target[i];
    if (character === '/' || character === '?') return i;
  }
  return target.length;
}

/** Whose request it is, from Host or from the target. */
export interface Authority {
  /** In lower case, without brackets. */
  readonly host: string;
  readonly port: number | undefined;
}

const HOST = /^(?:([a-z0-9._-]+)|\[([0-9a-f:.]+)\])(?::([0-9]{1,5}))?$/i;

/**
 * Takes names, IPv4 addresses and bracketed IPv6 addresses, with or without a
 * port. User information, percent-encoding and everything else is refused.
 */
export function parseAuthority(text: string): Authority | undefined {
  let authority = known.get(text);
  if (authority === undefined) {
    authority = readAuthority(text);
    if (authority === undefined) return undefined;
    if (known.size >= MAX_KNOWN) known.clear();
    known.set(text, authority);
  }
  return authority;
}

/** A service is called by few names. */
const known = new Map<string, Authority>();
const MAX_KNOWN = 256;

function readAuthority(text: string): Authority | undefined {
  const match = HOST.exec(text);
  if (match === null) return undefined;
  const port = match[3] === undefined ? undefined : Number(match[3]);
  if (port !== undefined && (port === 0 || port > 65535)) return undefined;
  return { host: (match[1] ?? match[2] ?? '').toLowerCase(), port };
}

export interface NormalPath {
  readonly path: string;
  /**
   * It holds something that servers read differently: an encoded slash,
   * backslash or NUL, parameters, a broken or overlong encoding. No rule about
   * paths can decide upon it.
   */
  readonly ambiguous: boolean;
}

/**
 * The one spelling of a path (RFC 3986 §6.2.2): no dot segments, no empty
 * segments, unreserved characters not encoded, digits of encodings in capitals.
 */
export function normalizePath(rawPath: string): NormalPath {
  if (isNormal(rawPath)) return { path: rawPath, ambiguous: false };
  const decoded: Decoded = { text: '', bytes: [], ambiguous: false };
  for (let i = 0; i < rawPath.length; ) i = decodeOne(rawPath, i, decoded);
  flush(decoded);
  const segments: string[] = [];
  const parts = decoded.text.split('/');
  for (const part of parts) {
    if (part === '' || part === '.') continue;
    if (part === '..') segments.pop();
    else segments.push(part);
  }
  const last = parts.at(-1);
  const directory = segments.length > 0 && (last === '' || last === '.' || last === '..');
  return { path: `/${segments.join('/')}${directory ? '/' : ''}`, ambiguous: decoded.ambiguous };
}

/** True for almost every path: nothing in it needs a second look. */
function isNormal(path: string): boolean {
  let previous = 0;
  for (let i = 0; i < path.length; i++) {
    const code = path.charCodeAt(i);
    if (code === 0x25 || code === 0x3b || code === 0x5c) return false;
    if (previous === 0x2f && (code === 0x2f || code === 0x2e)) return false;
    previous = code;
  }
  return true;
}

interface Decoded {
  text: string;
  /** The bytes over 127 of the encoded sequence under way. */
  bytes: number[];
  ambiguous: boolean;
}

function decodeOne(raw: string, at: number, into: Decoded): number {
  const code = raw.charCodeAt(at);
  if (code !== 0x25) {
    flush(into);
    if (code === 0x3b || code === 0x5c) into.ambiguous = true;
    into.text += raw[at];
    return at + 1;
  }
  const high = HEX[raw.charCodeAt(at + 1)] ?? 255;
  const low = HEX[raw.charCodeAt(at + 2)] ?? 255;
  if (high === 255 || low === 255) {
    flush(into);
    into.ambiguous = true;
    into.text += '%';
    return at + 1;
  }
  const byte = high * 16 + low;
  if (byte < 0x80) flush(into);
  else into.bytes.push(byte);
  if (byte < 0x20 || byte === 0x2f || byte === 0x5c || byte === 0x3b || byte === 0x7f) {
    into.ambiguous = true;
  }
  into.text +=
    UNRESERVED[byte] === 1
      ? String.fromCharCode(byte)
      : `%${raw.slice(at + 1, at + 3).toUpperCase()}`;
  return at + 3;
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true });

/** Bytes over 127 must be UTF-8; an overlong form is not. */
function flush(decoded: Decoded): void {
  if (decoded.bytes.length === 0) return;
  try {
    strictUtf8.decode(Uint8Array.from(decoded.bytes));
  } catch {
    decoded.ambiguous = true;
  }
  decoded.bytes = [];
}

function bad(what: string): MeshError {
  return new MeshError('bad-target', `the request's target ${what}`);
}
