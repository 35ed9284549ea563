import { loadPackageDefinition } from '@grpc/grpc-js';
import type { ProtoGrpcType as ConfigType } from './gen/config.ts';
import type { ProtoGrpcType as ElectionType } from './gen/election.ts';
import type { ProtoGrpcType as IdentityType } from './gen/identity.ts';
import type { ProtoGrpcType as TelemetryType } from './gen/telemetry.ts';
import { definitions } from './messages.ts';

type V1 = ConfigType['remora']['v1'] &
  ElectionType['remora']['v1'] &
  IdentityType['remora']['v1'] &
  TelemetryType['remora']['v1'];

/**
 * The four services of `remora.v1`, as client constructors (`new v1.Config(...)`)
 * and as definitions for a server (`v1.Config.service`).
 */
export const v1 = (
  loadPackageDefinition(definitions) as unknown as {
    remora: { v1: V1 };
  }
).remora.v1;
