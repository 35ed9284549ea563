import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect as connectHttp2,
  createServer as createHttp2Server,
  type Http2Server,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { after } from 'node:test';
import { listen } from './connections.ts';

export interface Http2Application {
  readonly port: number;
  readonly server: Http2Server;
  readonly sessions: ServerHttp2Session[];
  readonly streams: ServerHttp2Stream[];
}

/** A program that speaks HTTP/2 in plain text, and nothing else. */
export async function http2Application(
  host: string,
  onStream: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void,
  settings: { maxConcurrentStreams?: number } = {},
): Promise<Http2Application> {
  const sessions: ServerHttp2Session[] = [];
  const streams: ServerHttp2Stream[] = [];
  const server = createHttp2Server({ settings });
  server.on('session', (session) => {
    sessions.push(session);
    session.on('error', () => {});
  });
  server.on('stream', (stream, headers) => {
    streams.push(stream);
    stream.on('error', () => {});
    onStream(stream, headers);
  });
  after(() => {
    server.close();
    for (const session of sessions) session.destroy();
  });
  return { port: await listen(server, host), server, sessions, streams };
}

/** Answers with what it was asked. */
export function echo(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
  stream.respond({ ':status': 200, 'x-authority': String(headers[':authority']) });
  stream.write(`${headers[':method']} ${headers[':path']} `);
  stream.pipe(stream);
}

/** What a program of this machine sees when it speaks HTTP/2 with prior knowledge. */
export function http2Client(port: number, host = '127.0.0.1'): ClientHttp2Session {
  const session = connectHttp2(`http://${host}:${port}`);
  session.on('error', () => {});
  after(() => session.destroy());
  return session;
}

/** A response as a client has it in the end. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly trailers: IncomingHttpHeaders;
}

/** All of a response; fails when the stream was reset. */
export function answer(stream: ClientHttp2Stream): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let headers: IncomingHttpHeaders = {};
    let trailers: IncomingHttpHeaders = {};
    let body = '';
    stream.setEncoding('utf8');
    stream.on('response', (received) => {
      headers = received;
    });
    stream.on('trailers', (received) => {
      trailers = received;
    });
    stream.on('data', (text) => {
      body += text;
    });
    stream.on('error', reject);
    stream.on('close', () =>
      resolve({ status: Number(headers[':status']), headers, body, trailers }),
    );
  });
}

/** One request, to its end. */
export async function ask(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
  body?: string,
): Promise<Answer> {
  const stream = session.request(
    { ':authority': 'cart', ...headers },
    { endStream: body === undefined },
  );
  const answered = answer(stream);
  if (body !== undefined) stream.end(body);
  return await answered;
}

/** How a stream was ended; 0 also for one that ended by itself. */
export async function resetCode(stream: ClientHttp2Stream): Promise<number> {
  if (!stream.closed) await new Promise((resolve) => stream.once('close', resolve));
  return stream.rstCode ?? 0;
}
