import {
  createServer as createHttp1Server,
  type RequestListener,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import { createServer } from 'node:net';

/*
 * The application behind the flooded sidecar: answers all, in both versions, and as
 * much as is asked for.
 */

/** Comes in one piece, after which there is nothing left to pause. */
const LARGE = Buffer.alloc(40_000, 'x');
const PIECE = Buffer.alloc(64 * 1024, 'x');

const answer: RequestListener = (request, response) => {
  request.on('error', () => {});
  request.resume();
  if (request.url?.startsWith('/huge') === true) {
    sendWithoutEnd(response);
    return;
  }
  const body = request.url === '/large' ? LARGE : 'ok\n';
  request.on('end', () => response.end(body));
};

const http1 = createHttp1Server(answer);
const http2 = createHttp2Server((request, response) => answer(request as never, response as never));
// Its own limits must not be what cuts the attacker.
http1.requestTimeout = 0;
http1.headersTimeout = 0;
http2.on('session', (session) => session.on('error', () => {}));

/** Both versions on one port, by the first byte. */
const server = createServer((socket) => {
  socket.on('error', () => {});
  socket.once('data', (bytes) => {
    socket.pause();
    socket.unshift(bytes);
    const version = bytes.toString('latin1').startsWith('PRI') ? http2 : http1;
    version.emit('connection', socket);
    if (version === http1) socket.resume();
  });
});
server.listen(Number(process.argv.at(-1)), '127.0.0.1', 4096);
// Whoever started this is gone.
process.stdin.on('end', () => process.exit()).resume();

function sendWithoutEnd(response: ServerResponse): void {
  const more = (): void => {
    // A piece a turn: hundreds of these must not keep it from answering others.
    if (!response.destroyed && response.write(PIECE)) setImmediate(more);
  };
  response.on('drain', more);
  more();
}
