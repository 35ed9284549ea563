import type { MeshError } from '../../runtime/errors.ts';
import type { Transport } from '../transport.ts';
import type { HttpConnection, HttpContext } from './context.ts';

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
  throw new Error(`not served: ${transport.peer.address} ${first?.length} ${context.direction}`);
}

/** Answers with an error's status and sentence, and closes. */
export function writeRefusal(transport: Transport, error: MeshError): void {
  transport.destroy(error);
}
