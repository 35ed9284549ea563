import { GRPC, isGrpcServerError } from '../grpc/status.ts';
import type { ResponseHead } from '../message.ts';
import { type AttemptOutcome, isGatewayStatus } from '../upstream/types.ts';
import { ERROR_HEADER } from './respond.ts';

/**
 * A refusal by the sidecar of an endpoint for which neither the endpoint nor the way to
 * it is to blame: the store of rate limits is the same for all.
 */
const BLAMELESS = 'rate-limit-unavailable';

/**
 * What the head of a response says of the endpoint.
 *
 * @param mutualTls it came from a sidecar that proved itself, which lets no application
 *   speak in our name
 */
export function outcomeOfHead(response: ResponseHead, mutualTls: boolean): AttemptOutcome {
  const { status, grpcStatus } = response;
  const outcome = grpcStatus === undefined ? outcomeOfStatus(status) : outcomeOfCall(grpcStatus);
  if (outcome === 'success' || !mutualTls) return outcome;
  return response.header(ERROR_HEADER) === BLAMELESS ? 'cancelled' : outcome;
}

export function outcomeOfCall(grpcStatus: number): AttemptOutcome {
  if (grpcStatus === GRPC.unavailable || grpcStatus === GRPC.deadlineExceeded) {
    return 'gateway-error';
  }
  return isGrpcServerError(grpcStatus) ? 'error' : 'success';
}

function outcomeOfStatus(status: number): AttemptOutcome {
  if (status < 500) return 'success';
  return isGatewayStatus(status) ? 'gateway-error' : 'error';
}
