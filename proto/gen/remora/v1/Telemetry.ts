import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { ReportSummary as _remora_v1_ReportSummary, ReportSummary__Output as _remora_v1_ReportSummary__Output } from '../../remora/v1/ReportSummary.ts';
import type { TrafficReport as _remora_v1_TrafficReport, TrafficReport__Output as _remora_v1_TrafficReport__Output } from '../../remora/v1/TrafficReport.ts';

/**
 * Counters for the live view, autoscaling and canary analysis, without a
 * Prometheus in between. One report a second, of what changed since the last.
 */
export interface TelemetryClient extends grpc.Client {
  Report(metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_remora_v1_ReportSummary__Output>): grpc.ClientWritableStream<_remora_v1_TrafficReport>;
  Report(metadata: grpc.Metadata, callback: grpc.requestCallback<_remora_v1_ReportSummary__Output>): grpc.ClientWritableStream<_remora_v1_TrafficReport>;
  Report(options: grpc.CallOptions, callback: grpc.requestCallback<_remora_v1_ReportSummary__Output>): grpc.ClientWritableStream<_remora_v1_TrafficReport>;
  Report(callback: grpc.requestCallback<_remora_v1_ReportSummary__Output>): grpc.ClientWritableStream<_remora_v1_TrafficReport>;
  report(metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_remora_v1_ReportSummary__Output>): grpc.ClientWritableStream<_remora_v1_TrafficReport>;
  report(metadata: grpc.Metadata, callback: grpc.requestCallback<_remora_v1_ReportSummary__Output>): grpc.ClientWritableStream<_remora_v1_TrafficReport>;
  report(options: grpc.CallOptions, callback: grpc.requestCallback<_remora_v1_ReportSummary__Output>): grpc.ClientWritableStream<_remora_v1_TrafficReport>;
  report(callback: grpc.requestCallback<_remora_v1_ReportSummary__Output>): grpc.ClientWritableStream<_remora_v1_TrafficReport>;
  
}

/**
 * Counters for the live view, autoscaling and canary analysis, without a
 * Prometheus in between. One report a second, of what changed since the last.
 */
export interface TelemetryHandlers extends grpc.UntypedServiceImplementation {
  Report: grpc.handleClientStreamingCall<_remora_v1_TrafficReport__Output, _remora_v1_ReportSummary>;
  
}

export interface TelemetryDefinition extends grpc.ServiceDefinition {
  Report: MethodDefinition<_remora_v1_TrafficReport, _remora_v1_ReportSummary, _remora_v1_TrafficReport__Output, _remora_v1_ReportSummary__Output>
}
