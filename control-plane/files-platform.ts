import type { ResourcesConfig } from './config.ts';
import { FileLeaseStore } from './election/file-leases.ts';
import { FileCaStore } from './identity/ca-store.ts';
import { LocalTokenAuthenticator } from './identity/local-tokens.ts';
import type { Platform, PlatformOptions } from './platform.ts';
import { MemoryStatusSink } from './status/sinks.ts';
import { FilesSource } from './watch/files.ts';

/**
 * Resources from folders, state in files beside them, tokens signed by the local
 * mode. Statuses stand in the log and in `/config_dump`.
 */
export function filesPlatform(
  { folders, stateFolder, tokenKeyPath }: Extract<ResourcesConfig, { kind: 'files' }>,
  { clock, log }: PlatformOptions,
): Platform {
  return {
    source: new FilesSource({ folders, log, clock }),
    authenticator: new LocalTokenAuthenticator(tokenKeyPath),
    caStore: new FileCaStore(stateFolder),
    leaseStore: new FileLeaseStore(stateFolder),
    statusSink: new MemoryStatusSink(log),
    writesStatus: () => true,
    attend: () => [],
  };
}
