import type { MeshError } from '../../runtime/errors.ts';
import type { HttpContext } from '../context.ts';
import { logRefusal } from '../policy/access-log.ts';
import { recordRefusedHead } from '../policy/metrics.ts';
import { encodeErrorResponse } from '../policy/respond.ts';
import type { Transport } from '../transport.ts';

/**
 * Answers a head that never became an exchange, and records it.
 *
 * @param headBytes that came of it
 */
export function refuseHead(
  context: HttpContext,
  transport: Transport,
  error: MeshError,
  headBytes: number,
): void {
  const answer = encodeErrorResponse(error, '', 'close');
  transport.write(answer);
  recordRefusedHead(context, error, headBytes, answer.length);
  logRefusal(context, 'http1', transport.peer, error, headBytes, answer.length);
}
