// Knows the orders; asks the service "stock" whether the item is there.
import { createServer } from 'node:http';

const stock = process.env.STOCK_URL ?? 'http://stock';
const ITEMS = ['anchor', 'barometer', 'compass', 'dinghy', 'ensign'];

const server = createServer(async (request, response) => {
  if (request.url === '/healthz') {
    response.end('ok\n');
    return;
  }
  const id = Number(request.url?.match(/^\/orders\/(\d+)$/)?.[1] ?? 1);
  const item = ITEMS[id % ITEMS.length];
  try {
    const answer = await fetch(`${stock}/items/${item}`);
    const status = answer.ok ? 200 : 503;
    const found = answer.ok ? await answer.json() : { error: `stock answered ${answer.status}` };
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(`${JSON.stringify({ id, item, stock: found })}\n`);
  } catch (error) {
    console.error('stock cannot be reached:', error.cause?.message ?? error.message);
    response.writeHead(502, { 'content-type': 'application/json' });
    response.end(`${JSON.stringify({ id, item, error: 'stock cannot be reached' })}\n`);
  }
});

const port = Number(process.env.PORT ?? 8080);
server.listen(port, () => console.log(`orders listens on port ${port}`));
process.on('SIGTERM', () => {
  // Requests that are on their way get their answer; nobody waits for idle connections.
  server.close(() => process.exit());
  setInterval(() => server.closeIdleConnections(), 100);
});
