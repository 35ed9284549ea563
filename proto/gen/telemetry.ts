import type * as grpc from '@grpc/grpc-js';
import type { EnumTypeDefinition, MessageTypeDefinition } from '@grpc/proto-loader';

import type { Edge as _remora_v1_Edge, Edge__Output as _remora_v1_Edge__Output } from './remora/v1/Edge.ts';
import type { Party as _remora_v1_Party, Party__Output as _remora_v1_Party__Output } from './remora/v1/Party.ts';
import type { ReportSummary as _remora_v1_ReportSummary, ReportSummary__Output as _remora_v1_ReportSummary__Output } from './remora/v1/ReportSummary.ts';
import type { TelemetryClient as _remora_v1_TelemetryClient, TelemetryDefinition as _remora_v1_TelemetryDefinition } from './remora/v1/Telemetry.ts';
import type { TrafficReport as _remora_v1_TrafficReport, TrafficReport__Output as _remora_v1_TrafficReport__Output } from './remora/v1/TrafficReport.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  remora: {
    v1: {
      Direction: EnumTypeDefinition
      Edge: MessageTypeDefinition<_remora_v1_Edge, _remora_v1_Edge__Output>
      Party: MessageTypeDefinition<_remora_v1_Party, _remora_v1_Party__Output>
      ReportSummary: MessageTypeDefinition<_remora_v1_ReportSummary, _remora_v1_ReportSummary__Output>
      /**
       * Counters for the live view, autoscaling and canary analysis, without a
       * Prometheus in between. One report a second, of what changed since the last.
       */
      Telemetry: SubtypeConstructor<typeof grpc.Client, _remora_v1_TelemetryClient> & { service: _remora_v1_TelemetryDefinition }
      TrafficReport: MessageTypeDefinition<_remora_v1_TrafficReport, _remora_v1_TrafficReport__Output>
    }
  }
}

