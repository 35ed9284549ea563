// An application that knows nothing of a mesh.
import { createServer } from 'node:http';

createServer((request, response) => {
  response.end(`hello from ${request.url}\n`);
}).listen(process.env.PORT ?? 17080, '127.0.0.1');
