import type { ServerReadableStream, sendUnaryData } from '@grpc/grpc-js';
import type { Edge__Output } from '../../proto/gen/remora/v1/Edge.ts';
import type { ReportSummary } from '../../proto/gen/remora/v1/ReportSummary.ts';
import type { TrafficReport__Output } from '../../proto/gen/remora/v1/TrafficReport.ts';
import { v1 } from '../../proto/load.ts';
import type { CallerIdentity } from '../identity/types.ts';
import type { ControlPlaneMetrics } from '../metrics.ts';
import type { StreamCalls } from '../stream/call.ts';
import type { GrpcService } from '../stream/server.ts';
import type { TrafficAggregate } from './aggregate.ts';

/** `Telemetry.Report`: takes the sidecars' counters. */
export function createTelemetryService(
  calls: StreamCalls,
  aggregate: TrafficAggregate,
  metrics: ControlPlaneMetrics,
): GrpcService {
  const report = (
    call: ServerReadableStream<TrafficReport__Output, ReportSummary>,
    respond: sendUnaryData<ReportSummary>,
  ): void => {
    calls.accept('telemetry', call, (caller) => {
      call.on('end', () => respond(null, {}));
      return {
        onMessage({ edges }) {
          for (const edge of edges) {
            if (!isOwn(edge, caller)) metrics.reportsDropped.inc({ reason: 'foreign' });
            else if (!aggregate.add(edge)) metrics.reportsDropped.inc({ reason: 'full' });
          }
        },
        onEnd() {},
      };
    });
  };
  return { definition: v1.Telemetry.service, handlers: { Report: report } };
}

/** A sidecar tells of its own traffic: its side of the edge lies in its namespace. */
function isOwn(edge: Edge__Output, caller: CallerIdentity): boolean {
  const own = edge.direction === 'OUTBOUND' ? edge.source : edge.destination;
  return own?.namespace === caller.namespace;
}
