// The shop's front: shows an order. Asks the service "orders" by its name.
import { createServer } from 'node:http';

const orders = process.env.ORDERS_URL ?? 'http://orders';

const server = createServer(async (request, response) => {
  if (request.url === '/healthz') {
    response.end('ok\n');
    return;
  }
  try {
    const id = request.url?.match(/^\/orders\/(\d+)$/)?.[1] ?? '1';
    const answer = await fetch(`${orders}/orders/${id}`);
    const order = await answer.text();
    response.writeHead(answer.status, { 'content-type': 'application/json' });
    response.end(order);
  } catch (error) {
    console.error('orders cannot be reached:', error.cause?.message ?? error.message);
    response.writeHead(502, { 'content-type': 'text/plain' });
    response.end('orders cannot be reached\n');
  }
});

const port = Number(process.env.PORT ?? 8080);
server.listen(port, () => console.log(`frontend listens on port ${port}`));
process.on('SIGTERM', () => {
  // Requests that are on their way get their answer; nobody waits for idle connections.
  server.close(() => process.exit());
  setInterval(() => server.closeIdleConnections(), 100);
});
