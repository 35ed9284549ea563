/** HTTP/1.1 on port 8080 and HTTP/2 with prior knowledge on 8081. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttp2Server, type Http2ServerResponse } from 'node:http2';
import { pipeline, Readable } from 'node:stream';
import { Digest, patternPieces } from './pattern.ts';

type AnyRequest = Readable & Pick<IncomingMessage, 'method' | 'url' | 'headers' | 'httpVersion'>;
type AnyResponse = (ServerResponse | Http2ServerResponse) & NodeJS.WritableStream;

/** `/bytes/<n>`: the first n bytes of the pattern, or a part of them. */
function answerBytes(request: AnyRequest, response: AnyResponse, length: number): void {
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
  const from = Number(range?.[1] ?? 0);
  const to = range?.[2] ? Number(range[2]) + 1 : length;
  response.setHeader('content-length', to - from);
  response.setHeader('accept-ranges', 'bytes');
  if (range !== null) {
    response.statusCode = 206;
    response.setHeader('content-range', `bytes ${from}-${to - 1}/${length}`);
  }
  if (request.method === 'HEAD') response.end();
  else pipeline(Readable.from(slice(patternPieces(to), from)), response, () => {});
}

function* slice(pieces: Iterable<Buffer>, from: number): Generator<Buffer> {
  let at = 0;
  for (const piece of pieces) {
    if (at + piece.length > from) yield piece.subarray(Math.max(0, from - at));
    at += piece.length;
  }
}

/** `/digest`: takes the body, and tells what it was. */
function answerDigest(request: AnyRequest, response: AnyResponse): void {
  const digest = new Digest();
  request.on('data', (chunk: Buffer) => digest.add(chunk));
  request.on('end', () => {
    const { method, headers, httpVersion } = request;
    const { bytes, hex: sha256 } = digest;
    response.setHeader('content-type', 'application/json');
    response.end(`${JSON.stringify({ method, httpVersion, headers, bytes, sha256 })}\n`);
  });
}

/** Streams of events under way; the next event is sent when the one before was acknowledged. */
const streams = new Map<string, () => void>();

/** `/events/<stream>`: events as they are asked for by `/acknowledge/<stream>`. */
function answerEvents(response: AnyResponse, stream: string, count: number): void {
  response.setHeader('content-type', 'text/event-stream');
  response.setHeader('cache-control', 'no-store');
  let sent = 0;
  const next = (): void => {
    sent += 1;
    response.write(`id: ${sent}\nevent: tick\ndata: number ${sent}\n\n`);
    if (sent < count) return;
    streams.delete(stream);
    response.end();
  };
  streams.set(stream, next);
  response.on('close', () => streams.delete(stream));
  next();
}

function answer(request: AnyRequest, response: AnyResponse): void {
  const url = new URL(request.url ?? '/', 'http://server');
  const [, verb = '', argument = ''] = url.pathname.split('/');
  const count = Number(url.searchParams.get('count') ?? 1);
  request.on('error', () => {});
  // Answers before the body is there, and never reads it.
  if (verb !== 'refuse' && verb !== 'digest') request.resume();
  switch (verb) {
    case 'digest':
      answerDigest(request, response);
      return;
    case 'bytes':
      answerBytes(request, response, Number(argument));
      return;
    case 'refuse':
      response.statusCode = 413;
      response.end('too much\n');
      return;
    case 'status':
      response.statusCode = Number(argument);
      response.end();
      return;
    case 'large-header':
      response.setHeader('x-large', 'x'.repeat(Number(argument)));
      response.end('large\n');
      return;
    case 'until-close':
      // Neither a length nor chunks: the end of the connection is the end of the body.
      response.setHeader('connection', 'close');
      (response as ServerResponse).useChunkedEncodingByDefault = false;
      for (const piece of patternPieces(Number(argument))) response.write(piece);
      response.end();
      return;
    case 'trailers':
      response.setHeader('trailer', 'x-checksum');
      response.write('with trailers\n');
      response.addTrailers({ 'x-checksum': 'abc' });
      response.end();
      return;
    case 'events':
      answerEvents(response, argument, count);
      return;
    case 'acknowledge':
      streams.get(argument)?.();
      response.statusCode = 204;
      response.end();
      return;
    default:
      response.setHeader('x-method', request.method ?? '');
      response.end(`hello ${request.url}\n`);
  }
}

const http1 = createServer({ maxHeaderSize: 64 * 1024, keepAliveTimeout: 60_000 }, answer);
http1.on('checkContinue', (request, response) => {
  // Who is refused is not told to go on.
  if (!request.url?.startsWith('/refuse')) response.writeContinue();
  answer(request, response);
});
http1.listen(8080);
const http2 = createHttp2Server(answer);
http2.listen(8081);
