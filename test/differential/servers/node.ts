import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { Server as NetServer } from 'node:net';
import { listen } from '../../fakes/connections.ts';
import type { Seen } from '../vector.ts';
import { formatSeen, SEEN_HEADER, type Server, speaksOfTrust } from './server.ts';

/** Node's own server; also the origin behind those that are proxies themselves. */
export async function startNode(): Promise<Server> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    const hash = createHash('sha256');
    let bodyBytes = 0;
    request.on('data', (bytes: Buffer) => {
      bodyBytes += bytes.length;
      hash.update(bytes);
    });
    // An end without the whole body is an error, and no `end`.
    request.on('error', () => {});
    request.on('end', () => {
      const { method = '', url: target = '' } = request;
      const bodyHash = hash.digest('hex').slice(0, 16);
      const one = { method, target, bodyBytes, bodyHash, trust: trustOf(request.rawHeaders) };
      seen.push(one);
      response.setHeader(SEEN_HEADER, formatSeen(one));
      response.end('seen\n');
    });
  });
  const port = await listen(server as NetServer);
  return {
    name: 'node',
    port,
    seen,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** @param rawHeaders names and values by turns */
function trustOf(rawHeaders: readonly string[]): string {
  const values = rawHeaders.filter((_, i) => i % 2 === 1 && speaksOfTrust(rawHeaders[i - 1] ?? ''));
  return values.join(',') || '-';
}
