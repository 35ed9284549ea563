import { connect, type Socket } from 'node:net';

/** A final response, as a client must read it (RFC 9112). */
export interface RawResponse {
  readonly status: number;
  /** Names in lower case; the first of several. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

const HEAD_END = '\r\n\r\n';

/**
 * A client that writes what it likes, and reads the answers one after the other.
 * What cannot be read as an answer stays in `rest`.
 */
export class RawConnection {
  readonly responses: RawResponse[] = [];
  /** Interim responses so far. */
  interims = 0;
  ended = false;
  closed = false;
  /** The other side cut the connection. */
  reset = false;
  /** What came and is no whole response, in latin1. */
  rest = '';
  readonly #socket: Socket;
  readonly #methods: readonly string[];
  #changed = Promise.withResolvers<void>();

  private constructor(socket: Socket, methods: readonly string[]) {
    this.#socket = socket;
    this.#methods = methods;
    socket.setNoDelay(true);
    socket.setEncoding('latin1');
    socket.on('data', (text) => {
      this.rest += text;
      while (this.#readOne()) {}
      this.#wake();
    });
    socket.on('end', () => {
      this.ended = true;
      this.#readToEnd();
      this.#wake();
    });
    socket.on('error', () => {
      this.reset = true;
    });
    socket.on('close', () => {
      this.closed = true;
      this.#wake();
    });
  }

  /** @param methods of the requests in their order; the last one counts for all further ones */
  static async open(port: number, methods: readonly string[]): Promise<RawConnection> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }, resolve);
    socket.once('error', reject);
    await promise;
    return new RawConnection(socket, methods);
  }

  /** Nothing more comes. */
  get over(): boolean {
    return this.ended || this.closed;
  }

  send(latin1: string): void {
    if (!this.#socket.destroyed) this.#socket.write(Buffer.from(latin1, 'latin1'));
  }

  end(): void {
    this.#socket.end();
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Waits until the condition holds or nothing more comes. False: neither came about in time. */
  async wait(holds: () => boolean, timeoutMs = 5_000): Promise<boolean> {
    const timeout = Promise.withResolvers<'late'>();
    const timer = setTimeout(() => timeout.resolve('late'), timeoutMs);
    try {
      while (!holds() && !this.over) {
        if ((await Promise.race([this.#changed.promise, timeout.promise])) === 'late') return false;
      }
      return true;
    } finally {
      clearTimeout(timer);
    }
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  #readOne(): boolean {
    const head = readHead(this.rest);
    if (head === undefined) return false;
    if (head.status < 200) {
      this.interims += 1;
      this.rest = this.rest.slice(head.length);
      return true;
    }
    const body = readBody(this.rest, head, this.#method());
    if (body === undefined) return false;
    this.responses.push({ status: head.status, headers: head.headers, body: body.text });
    this.rest = this.rest.slice(body.end);
    return true;
  }

  /** A body without a length ends with the connection. */
  #readToEnd(): void {
    const head = readHead(this.rest);
    if (head === undefined || head.status < 200) return;
    if (head.headers.has('content-length') || head.headers.has('transfer-encoding')) return;
    this.responses.push({
      status: head.status,
      headers: head.headers,
      body: this.rest.slice(head.length),
    });
    this.rest = '';
  }

  #method(): string {
    return this.#methods[this.responses.length] ?? this.#methods.at(-1) ?? 'GET';
  }
}

interface Head {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly length: number;
}

function readHead(text: string): Head | undefined {
  const end = text.indexOf(HEAD_END);
  if (end < 0) return undefined;
  const [line = '', ...fields] = text.slice(0, end).split('\r\n');
  const status = /^HTTP\/1\.1 (\d{3}) /.exec(line)?.[1];
  if (status === undefined) return undefined;
  const headers = new Map<string, string>();
  for (const field of fields) {
    const colon = field.indexOf(':');
    const name = field.slice(0, colon).toLowerCase();
    if (!headers.has(name)) headers.set(name, field.slice(colon + 1).trim());
  }
  return { status: Number(status), headers, length: end + HEAD_END.length };
}

function readBody(
  text: string,
  { status, headers, length }: Head,
  method: string,
): { text: string; end: number } | undefined {
  if (method === 'HEAD' || status === 204 || status === 304) return { text: '', end: length };
  if (headers.get('transfer-encoding') === 'chunked') return readChunks(text, length);
  const announced = headers.get('content-length');
  if (announced === undefined) return undefined;
  const end = length + Number(announced);
  return text.length < end ? undefined : { text: text.slice(length, end), end };
}

function readChunks(text: string, from: number): { text: string; end: number } | undefined {
  let body = '';
  for (let at = from; ; ) {
    const lineEnd = text.indexOf('\r\n', at);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(text.slice(at, lineEnd), 16);
    if (size === 0) {
      if (text.startsWith('\r\n', lineEnd + 2)) return { text: body, end: lineEnd + 4 };
      const end = text.indexOf(HEAD_END, lineEnd);
      return end < 0 ? undefined : { text: body, end: end + HEAD_END.length };
    }
    at = lineEnd + 2 + size + 2;
    if (text.length < at) return undefined;
    body += text.slice(lineEnd + 2, at - 2);
  }
}
