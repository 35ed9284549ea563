// Counts what is in the warehouse. Version 1 is old and stumbles now and then;
// version 2 takes a little longer and does not.
import { createServer } from 'node:http';

const version = process.env.VERSION ?? 'v1';
const failurePercent = Number(process.env.FAILURE_PERCENT ?? 0);
const delayMs = Number(process.env.DELAY_MS ?? 0);

const server = createServer((request, response) => {
  if (request.url === '/healthz') {
    response.end('ok\n');
    return;
  }
  const item = request.url?.match(/^\/items\/([a-z]+)$/)?.[1] ?? 'unknown';
  setTimeout(() => {
    if (Math.random() * 100 < failurePercent) {
      response.writeHead(503, { 'content-type': 'text/plain' });
      response.end('counting again, come back later\n');
      return;
    }
    response.writeHead(200, { 'content-type': 'application/json', 'x-version': version });
    response.end(`${JSON.stringify({ item, count: item.length, version })}\n`);
  }, delayMs);
});

const port = Number(process.env.PORT ?? 8080);
server.listen(port, () => console.log(`stock ${version} listens on port ${port}`));
process.on('SIGTERM', () => {
  // Requests that are on their way get their answer; nobody waits for idle connections.
  server.close(() => process.exit());
  setInterval(() => server.closeIdleConnections(), 100);
});
