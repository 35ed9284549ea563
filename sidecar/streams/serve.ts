import type { HttpConnection, HttpContext } from '../context.ts';
import { createHttp2Connection, type Http2Options } from '../http2/connection.ts';
import type { Transport } from '../transport.ts';
import { StreamServer } from './server.ts';

const STREAM_WINDOW_BYTES = 256 * 1024;
/** Of a stranger, so that a connection of which nothing is ever read takes 25 MiB at most. */
const STRANGERS_STREAMS = 100;
/** Of our own pod and of other sidecars, behind which many clients may stand. */
const TRUSTED_STREAMS = 1000;

const TRUSTED: Omit<Http2Options, 'clock'> = {
  settings: {
    streamWindowBytes: STREAM_WINDOW_BYTES,
    maxConcurrentStreams: TRUSTED_STREAMS,
    // So many streams may stand still before they hold up others.
    maxHeldBytes: TRUSTED_STREAMS * STREAM_WINDOW_BYTES,
  },
  // Calls that many clients give up together are no attack.
  budgets: { resets: { burst: 10_000, perSecond: 1_000, perStream: 2, perData: 0 } },
};

const STRANGERS: Omit<Http2Options, 'clock'> = {
  settings: {
    streamWindowBytes: STREAM_WINDOW_BYTES,
    maxConcurrentStreams: STRANGERS_STREAMS,
    maxHeldBytes: STRANGERS_STREAMS * STREAM_WINDOW_BYTES,
  },
};

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
  const { clock, direction, mutualTls } = context;
  const trusted = direction === 'outbound' || mutualTls;
  const options = { ...(trusted ? TRUSTED : STRANGERS), clock };
  server.start(
    createHttp2Connection(
      transport,
      'server',
      first === undefined ? options : { ...options, first },
      server,
    ),
  );
  return server;
}
