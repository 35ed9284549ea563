/**
 * Servers that speak no protocol that a proxy could know, one a port:
 * 9001 sends back what it gets, until the client has ended its side;
 * 9002 says nothing, and tells on port 9005 what it has read;
 * 9003 sends at once, ends its side, and goes on reading;
 * 9004 greets, and takes commands (a toy of SMTP);
 * 9006 closes at once; 9007 resets after the first byte.
 */
import { createServer, type Socket } from 'node:net';
import { pipeline, Readable } from 'node:stream';
import { Digest, patternPieces, SENT_BYTES } from './pattern.ts';

/** Of what came last on the ports that do not answer. */
let lastRead = { bytes: 0, sha256: '', ended: false };

function serve(port: number, onSocket: (socket: Socket) => void): void {
  createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    onSocket(socket);
  }).listen(port);
}

/** Reads to the end, and keeps what it was. */
function read(socket: Socket): void {
  const digest = new Digest();
  const keep = (ended: boolean): void => {
    lastRead = { bytes: digest.bytes, sha256: digest.hex, ended };
  };
  keep(false);
  socket.on('data', (chunk: Buffer) => digest.add(chunk));
  socket.on('end', () => keep(true));
}

serve(9001, (socket) => pipeline(socket, socket, () => {}));
serve(9002, (socket) => {
  read(socket);
  socket.on('end', () => socket.end());
});
serve(9003, (socket) => {
  read(socket);
  pipeline(Readable.from(patternPieces(SENT_BYTES)), socket, () => {});
});
serve(9004, (socket) => {
  socket.write('220 toy ESMTP\r\n');
  let text = '';
  let inMessage = false;
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk;
    const lines = text.split('\r\n');
    text = lines.pop() ?? '';
    for (const line of lines) {
      if (inMessage) {
        if (line !== '.') continue;
        inMessage = false;
        socket.write('250 taken\r\n');
      } else if (/^EHLO/i.test(line)) socket.write('250-toy\r\n250-PIPELINING\r\n250 SIZE\r\n');
      else if (/^DATA/i.test(line)) {
        inMessage = true;
        socket.write('354 go on\r\n');
      } else if (/^QUIT/i.test(line)) socket.end('221 bye\r\n');
      else socket.write('250 ok\r\n');
    }
  });
  socket.on('end', () => socket.end());
});
serve(9005, (socket) => {
  socket.end(JSON.stringify(lastRead));
  socket.resume();
});
serve(9006, (socket) => socket.end());
serve(9007, (socket) => socket.once('data', () => socket.resetAndDestroy()));
