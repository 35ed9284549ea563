import { createServer, type ServerResponse } from 'node:http';

/** The application behind the flooded sidecar: answers all, and as much as is asked for. */
/** Comes in one piece, after which there is nothing left to pause. */
const LARGE = Buffer.alloc(40_000, 'x');
const PIECE = Buffer.alloc(64 * 1024, 'x');

const server = createServer((request, response) => {
  request.on('error', () => {});
  request.resume();
  if (request.url?.startsWith('/huge') === true) {
    sendWithoutEnd(response);
    return;
  }
  const body = request.url === '/large' ? LARGE : 'ok\n';
  request.on('end', () => response.end(body));
});
// Its own limits must not be what cuts the attacker.
server.requestTimeout = 0;
server.headersTimeout = 0;
server.listen(Number(process.argv.at(-1)), '127.0.0.1', 4096);
// Whoever started this is gone.
process.stdin.on('end', () => process.exit()).resume();

function sendWithoutEnd(response: ServerResponse): void {
  const more = (): void => {
    while (!response.destroyed && response.write(PIECE)) {}
  };
  response.on('drain', more);
  more();
}
