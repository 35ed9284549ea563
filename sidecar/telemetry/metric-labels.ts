import { GRPC, grpcStatusName, isGrpcServerError } from '../grpc/status.ts';
import type { ConnectionLabels, RequestLabels } from './counters.ts';

/* What rows of the counters are called in Prometheus; docs/metrics.md tells what they mean. */

const PARTIES = [
  'source_workload',
  'source_namespace',
  'destination_workload',
  'destination_namespace',
  'service',
  'mutual_tls',
] as const;

export const REQUEST_LABELS = [
  ...PARTIES,
  'route',
  'http_request_method',
  'http_response_status_code',
  'rpc_grpc_status_code',
  'error_type',
] as const;

export const CONNECTION_LABELS = [...PARTIES, 'direction', 'protocol'] as const;

type Parties = Omit<ConnectionLabels, 'protocol' | 'direction'>;

function partyLabels({ source, destination, service, mutualTls }: Parties): Record<string, string> {
  return {
    source_workload: source.workload,
    source_namespace: source.namespace,
    destination_workload: destination.workload,
    destination_namespace: destination.namespace,
    service,
    mutual_tls: String(mutualTls),
  };
}

/** An empty label is the same as none, for Prometheus; that of gRPC is left out of the many that it does not concern. */
export function requestLabels(labels: RequestLabels): Record<string, string> {
  const { grpcStatus } = labels;
  return {
    ...partyLabels(labels),
    route: labels.route,
    http_request_method: labels.method,
    http_response_status_code: labels.status,
    ...(grpcStatus === '' ? {} : { rpc_grpc_status_code: grpcStatus }),
    error_type: errorType(labels),
  };
}

export function connectionLabels(labels: ConnectionLabels): Record<string, string> {
  const { direction, protocol } = labels;
  return { ...partyLabels(labels), direction, protocol };
}

/** OpenTelemetry's `error.type`: our own code, else the status that counts as an error on that side. */
function errorType({ errorCode, status, grpcStatus, direction }: RequestLabels): string {
  if (errorCode !== '') return errorCode;
  if (grpcStatus !== '') {
    const code = Number(grpcStatus);
    const failed = direction === 'inbound' ? isGrpcServerError(code) : code !== GRPC.ok;
    return failed ? grpcStatusName(code) : '';
  }
  return status >= (direction === 'inbound' ? '500' : '400') ? status : '';
}
