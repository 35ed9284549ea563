/**
 * Keeps a ledger of what it has done, in a file: `<path>`. Listens on port 8080.
 *
 * `/<n>/<bytes>/<framing>` answers with the bytes of the pattern from n on, framed
 * by `length`, by `chunks`, or by the end of the connection (`close`). A POST is
 * written down once its body is there.
 */
import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { pipeline, Readable } from 'node:stream';
import { patternBytes } from './pattern.ts';

const ledger = process.argv[2] ?? '';
const PIECE_BYTES = 16 * 1024;

function* pieces(from: number, to: number): Generator<Buffer> {
  for (let at = from; at < to; at += PIECE_BYTES) {
    yield patternBytes(at, Math.min(to, at + PIECE_BYTES));
  }
}

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  const [, number = '', bytes = '', framing] = request.url?.split('/') ?? [];
  const from = Number(number);
  request.resume();
  request.on('end', () => {
    if (request.method === 'POST') appendFileSync(ledger, `${number}\n`);
    if (framing === 'length') response.setHeader('content-length', bytes);
    if (framing === 'close') {
      response.setHeader('connection', 'close');
      response.useChunkedEncodingByDefault = false;
    }
    pipeline(Readable.from(pieces(from, from + Number(bytes))), response, () => {});
  });
});
server.listen(8080);
process.on('SIGTERM', () => process.exit());
