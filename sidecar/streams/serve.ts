import type { HttpConnection, HttpContext } from '../context.ts';
import { createHttp2Connection } from '../http2/connection.ts';
import type { Transport } from '../transport.ts';
import { StreamServer } from './server.ts';

/**
 * Serves HTTP/2 with prior knowledge (RFC 9113 §3.3) on a transport: each stream
 * passes through route, policy and cluster by itself. Ends with the transport.
 *
 * @param first bytes that detection read already
 */
export function serveHttp2(
  transport: Transport,
  first: Buffer | undefined,
  context: HttpContext,
): HttpConnection {
  const server = new StreamServer(transport.peer, context);
  const { clock } = context;
  server.start(
    createHttp2Connection(
      transport,
      'server',
      first === undefined ? { clock } : { clock, first },
      server,
    ),
  );
  return server;
}
