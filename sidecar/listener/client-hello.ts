/** What a TLS client says before anything is encrypted. */
export interface ClientHello {
  /** SNI (RFC 6066 §3), in lower case; empty when none was sent, or one that is no host name. */
  readonly serverName: string;
  /** ALPN (RFC 7301 §3.1), in the client's order. */
  readonly protocols: readonly string[];
}

/** Of the whole hello. With post-quantum keys it is 2 KiB. */
const LIMIT_BYTES = 16 * 1024;

const RECORD_HEADER_BYTES = 5;
/** Of a handshake message: its type and length. */
const HEADER_BYTES = 4;
const MAX_RECORD_BYTES = 2 ** 14;
const HANDSHAKE_RECORD = 22;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;
const ALPN = 16;
const MAX_PROTOCOLS = 16;

const HOST_NAME =
  /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/;

/**
 * Reads the ClientHello at the beginning of a connection (RFC 8446 §4.1.2, and the
 * same in TLS 1.0 to 1.2), however it is cut into records. `more` asks for further
 * bytes; undefined says that this is no ClientHello, or one that is too long.
 */
export function parseClientHello(bytes: Buffer): ClientHello | 'more' | undefined {
  const message = collectMessage(bytes);
  if (message === undefined || message === 'more') return message;
  const reader = new Reader(message);
  reader.skip(2 + 32);
  reader.vector(1);
  reader.vector(2);
  reader.vector(1);
  let serverName = '';
  let protocols: readonly string[] = [];
  // A client of TLS 1.0 may send no extensions at all.
  if (reader.atEnd) return reader.failed ? undefined : { serverName, protocols };
  const extensions = reader.vector(2);
  if (!reader.atEnd) return undefined;
  const seen = new Set<number>();
  while (!extensions.atEnd) {
    const type = extensions.number(2);
    const body = extensions.vector(2);
    if (extensions.failed || seen.has(type)) return undefined;
    seen.add(type);
    if (type === SERVER_NAME) serverName = readServerName(body);
    else if (type === ALPN) protocols = readProtocols(body);
    if (body.failed) return undefined;
  }
  return reader.failed || extensions.failed ? undefined : { serverName, protocols };
}

/** The handshake message without its header, out of one or more records. */
function collectMessage(bytes: Buffer): Buffer | 'more' | undefined {
  const parts: Buffer[] = [];
  let collected = 0;
  let wanted = HEADER_BYTES;
  let at = 0;
  // What follows the hello is not ours to look at.
  while (at < bytes.length && collected < wanted) {
    if (bytes[at] !== HANDSHAKE_RECORD) return undefined;
    if (at + 1 < bytes.length && bytes[at + 1] !== 3) return undefined;
    if (at + RECORD_HEADER_BYTES > bytes.length) break;
    const length = bytes.readUInt16BE(at + 3);
    if (length === 0 || length > MAX_RECORD_BYTES) return undefined;
    at += RECORD_HEADER_BYTES;
    const part = bytes.subarray(at, at + length);
    parts.push(part);
    collected += part.length;
    at += length;
    if (wanted > HEADER_BYTES || collected < HEADER_BYTES) continue;
    const header = Buffer.concat(parts, HEADER_BYTES);
    const size = header.readUIntBE(1, 3);
    if (header[0] !== CLIENT_HELLO || size === 0 || size > LIMIT_BYTES) return undefined;
    wanted += size;
  }
  if (wanted === HEADER_BYTES || collected < wanted) {
    // Records of a byte each, or none that is whole: nobody means that.
    return bytes.length > 2 * LIMIT_BYTES ? undefined : 'more';
  }
  return Buffer.concat(parts, wanted).subarray(HEADER_BYTES);
}

/** One name of the type host_name; any other type ends the list, as nobody knows its form. */
function readServerName(body: Reader): string {
  const list = body.vector(2);
  if (!body.atEnd || list.atEnd) body.fail();
  let serverName = '';
  while (!list.atEnd) {
    if (list.number(1) !== 0) break;
    const name = list.vector(2).text().toLowerCase();
    if (serverName !== '') list.fail();
    if (HOST_NAME.test(name)) serverName = name;
  }
  if (list.failed) body.fail();
  return serverName;
}

function readProtocols(body: Reader): string[] {
  const list = body.vector(2);
  if (!body.atEnd) body.fail();
  const protocols: string[] = [];
  while (!list.atEnd) {
    const name = list.vector(1).text();
    if (name === '') list.fail();
    else if (protocols.length < MAX_PROTOCOLS) protocols.push(name);
  }
  if (list.failed) body.fail();
  return protocols;
}

/** Reads numbers and vectors; after a read past the end it has failed, and is at its end. */
class Reader {
  failed = false;
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  fail(): void {
    this.failed = true;
    this.#at = this.#bytes.length;
  }

  skip(count: number): void {
    if (this.#at + count > this.#bytes.length) this.fail();
    else this.#at += count;
  }

  number(size: 1 | 2): number {
    const from = this.#at;
    this.skip(size);
    return this.failed ? 0 : this.#bytes.readUIntBE(from, size);
  }

  /** @param size of its length, in bytes */
  vector(size: 1 | 2): Reader {
    const length = this.number(size);
    const from = this.#at;
    this.skip(length);
    return new Reader(this.failed ? EMPTY : this.#bytes.subarray(from, from + length));
  }

  text(): string {
    return this.#bytes.toString('latin1');
  }
}

const EMPTY = Buffer.alloc(0);
