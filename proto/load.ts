import { loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync, type Options } from '@grpc/proto-loader';
import { PROTO_FILES } from './files.ts';
import type { ProtoGrpcType as ConfigType } from './gen/config.ts';
import type { ProtoGrpcType as ElectionType } from './gen/election.ts';
import type { ProtoGrpcType as IdentityType } from './gen/identity.ts';
import type { ProtoGrpcType as TelemetryType } from './gen/telemetry.ts';

/**
 * How every message looks in JavaScript: camelCase fields, numbers for 64-bit
 * integers (all of ours stay below 2^53), enum names as strings, every field
 * present, and the name of the set member of a oneof beside it.
 */
export const LOADER_OPTIONS: Options = {
  keepCase: false,
  longs: Number,
  enums: String,
  bytes: Buffer,
  defaults: true,
  arrays: true,
  objects: true,
  oneofs: true,
};

type V1 = ConfigType['remora']['v1'] &
  ElectionType['remora']['v1'] &
  IdentityType['remora']['v1'] &
  TelemetryType['remora']['v1'];

/**
 * The four services of `remora.v1`, as client constructors (`new v1.Config(...)`)
 * and as definitions for a server (`v1.Config.service`).
 */
export const v1 = (
  loadPackageDefinition(loadSync(PROTO_FILES, LOADER_OPTIONS)) as unknown as {
    remora: { v1: V1 };
  }
).remora.v1;
