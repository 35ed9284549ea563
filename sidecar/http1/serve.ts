import { type Clock, systemClock } from '../../runtime/clock.ts';
import type { MeshError } from '../../runtime/errors.ts';
import type { HttpConnection, HttpContext } from '../context.ts';
import { encodeErrorResponse } from '../policy/respond.ts';
import type { Transport } from '../transport.ts';
import { REFUSAL_LINGER_MS } from './limits.ts';
import { ServerConnection } from './server.ts';

export { DRAIN_GRACE_MS } from './limits.ts';

/** The answer to a CONNECT that was taken. */
export const CONNECTION_ESTABLISHED: Buffer = Buffer.from(
  'HTTP/1.1 200 Connection Established\r\n\r\n',
);

/**
 * Parses HTTP/1.1 requests that arrive on a transport and passes each through
 * route, policy and cluster. Ends with the transport.
 *
 * @param first bytes that detection read already
 */
export function serveHttp1(
  transport: Transport,
  first: Buffer | undefined,
  context: HttpContext,
): HttpConnection {
  const connection = new ServerConnection(transport, context);
  connection.start(first);
  return connection;
}

/**
 * Answers a CONNECT with an error's status and sentence, and closes.
 *
 * @returns how many bytes that took
 */
export function writeRefusal(
  transport: Transport,
  error: MeshError,
  clock: Clock = systemClock,
): number {
  const timer = clock.setTimeout(() => transport.destroy(), REFUSAL_LINGER_MS);
  transport.attach({
    onData: () => {},
    onEnd: () => {},
    onDrain: () => {},
    onClose: () => timer.cancel(),
  });
  const answer = encodeErrorResponse(error, 'CONNECT', 'close');
  transport.write(answer);
  transport.end();
  transport.resume();
  return answer.length;
}
