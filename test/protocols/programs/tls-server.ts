/**
 * HTTPS on port 8443, HTTP/1.1 and HTTP/2, with a certificate for each of two
 * names: `<folder of the certificates>`. Tells what it knows of the connection.
 */
import { readFileSync } from 'node:fs';
import { createSecureServer, type Http2ServerRequest } from 'node:http2';
import { join } from 'node:path';
import { pipeline, Readable } from 'node:stream';
import { createSecureContext, type TLSSocket } from 'node:tls';
import { patternPieces } from './pattern.ts';

const folder = process.argv[2] ?? '';
const read = (name: string): Buffer => readFileSync(join(folder, name));
const contexts = new Map(
  ['one.test', 'two.test'].map((name) => [
    name,
    createSecureContext({
      cert: read(`${name}.crt`),
      key: read(`${name}.key`),
      ca: read('client.crt'),
    }),
  ]),
);

function socketOf(request: Http2ServerRequest): TLSSocket {
  // With HTTP/2 the stream's session has it, behind a proxy that hides what it must not do.
  return (request.stream?.session?.socket ?? request.socket) as TLSSocket;
}

const server = createSecureServer(
  {
    allowHTTP1: true,
    requestCert: true,
    rejectUnauthorized: false,
    SNICallback: (name, callback) => callback(null, contexts.get(name)),
  },
  (request, response) => {
    const socket = socketOf(request);
    const length = /^\/bytes\/(\d+)$/.exec(request.url)?.[1];
    if (length !== undefined) {
      response.setHeader('content-length', length);
      pipeline(Readable.from(patternPieces(Number(length))), response, () => {});
      return;
    }
    const { CN: client } = { CN: 'nobody', ...socket.getPeerCertificate().subject };
    const facts = {
      name: socket.servername,
      protocol: socket.getProtocol(),
      http: request.httpVersion,
      client: socket.authorized ? client : 'nobody',
    };
    response.end(JSON.stringify(facts));
  },
);
server.on('sessionError', () => {});
server.listen(8443);
process.on('SIGTERM', () => process.exit());
