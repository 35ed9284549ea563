import { loadSync, type Options } from '@grpc/proto-loader';
import { PROTO_FILES } from './files.ts';
import type { ConfigDefinition } from './gen/remora/v1/Config.ts';

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

/** Everything of `remora.v1`, by its full name. */
export const definitions = loadSync(PROTO_FILES, LOADER_OPTIONS);

/**
 * The messages of `Config.Subscribe` as bytes. Who only reads and writes messages
 * needs no gRPC, which takes as long to load as all of the sidecar.
 */
export const { Subscribe: subscribe } = definitions[
  'remora.v1.Config'
] as unknown as ConfigDefinition;

/** What the loader tells of a message or an enumeration. */
export interface Descriptor {
  readonly field?: readonly {
    readonly name: string;
    readonly label: string;
    readonly type: string;
    readonly typeName: string;
  }[];
  readonly value?: readonly { readonly name: string }[];
}

/** @param name in `remora.v1`, for example `Resource`; of what does not exist nothing is told */
export function descriptorOf(name: string): Descriptor {
  const definition = definitions[`remora.v1.${name}`];
  return (definition as { type?: Descriptor } | undefined)?.type ?? {};
}
