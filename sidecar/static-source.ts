import type { Log } from '../runtime/log.ts';
import { readStaticFile } from './config/static-file.ts';
import { StaticWatch } from './config/static-watch.ts';
import { ConfigStore } from './config/store.ts';
import { CertificateSource } from './identity/certificate-source.ts';
import { StaticIdentity } from './identity/static-identity.ts';
import type { Source } from './source.ts';

/**
 * A sidecar that runs alone, from a file.
 *
 * @throws MeshError `bad-static-config`
 */
export async function createStaticSource(path: string, log: Log): Promise<Source> {
  const file = await readStaticFile(path);
  const store = new ConfigStore();
  const watch = new StaticWatch(path, file, store, log);
  const identity =
    file.certificate === undefined ? undefined : new StaticIdentity(file.certificate, log);
  return {
    store,
    certificates: identity?.source ?? new CertificateSource(),
    needsCertificate: identity !== undefined,
    pod: file.pod,
    listeners: file.listeners,
    accessLog: file.accessLog,
    components: identity === undefined ? [watch] : [watch, identity],
    patterns: [],
    ports: [],
    facts: {
      configAgeMs: () => 0,
      configRefusals: () => watch.refused,
      controlPlaneConnected: () => undefined,
    },
  };
}
