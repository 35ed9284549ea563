// A server outside the mesh.
import { createServer } from 'node:http';

const server = createServer((_request, response) => response.end('plain\n'));
server.listen(Number(process.env.PORT ?? 8080));
process.on('SIGTERM', () => process.exit());
