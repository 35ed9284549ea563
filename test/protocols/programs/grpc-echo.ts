import { fileURLToPath } from 'node:url';
import { loadPackageDefinition, type ServiceClientConstructor } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

export interface Text {
  readonly value: string;
}
export interface Count {
  readonly value: number;
}
export interface Bytes {
  readonly value: Buffer;
}

/** The client's constructor, and with it the service's definition. */
export function loadEcho(): ServiceClientConstructor {
  const path = fileURLToPath(new URL('echo.proto', import.meta.url));
  const loaded = loadPackageDefinition(loadSync(path, { defaults: true }));
  const { protocols } = loaded;
  if (protocols === undefined || !('Echo' in protocols)) throw new Error('no Echo in echo.proto');
  return protocols.Echo as ServiceClientConstructor;
}
