/**
 * WebSocket on port 8082. Sends back what it gets; some words have a meaning:
 * `close <code> <reason>`, `ping`, `terminate`, `last` (how the last session ended).
 */
import { type RawData, WebSocketServer } from 'ws';

let last = 'none';

const server = new WebSocketServer({
  port: 8082,
  maxPayload: 256 * 2 ** 20,
  perMessageDeflate: true,
  handleProtocols: (offered) => (offered.has('chat') ? 'chat' : false),
});
server.on('connection', (socket) => {
  socket.on('error', () => {});
  socket.on('close', (code, reason) => {
    last = `${code} ${reason}`;
  });
  socket.on('pong', (data) => socket.send(`pong ${data}`));
  socket.on('message', (data: RawData, binary: boolean) => {
    const text = binary ? '' : data.toString();
    const [word, code, reason] = text.split(' ');
    if (word === 'close') socket.close(Number(code), reason);
    else if (word === 'ping') socket.ping('from the server');
    else if (word === 'terminate') socket.terminate();
    else if (word === 'last') socket.send(last);
    else socket.send(data, { binary });
  });
});
