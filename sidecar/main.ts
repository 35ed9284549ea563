import { describeError } from '../runtime/errors.ts';
import { createLog } from '../runtime/log.ts';
import { run } from '../runtime/process.ts';
import { RELEASE } from '../runtime/release.ts';
import { Admin } from './admin.ts';
import { createDataPath, firstConfiguration } from './data-path.ts';
import { readEnvironment, type SidecarEnvironment } from './environment.ts';
import type { Source } from './source.ts';
import { Counters } from './telemetry/counters.ts';

/** The sidecar, put together in the order in which its parts start. They stop in reverse. */
async function main(environment: SidecarEnvironment): Promise<never> {
  const log = createLog('sidecar', environment.logLevel);
  log.info({ release: RELEASE, source: environment.source.kind }, 'starting');
  const counters = new Counters();

  // Configuration and certificate: from the control plane or a file.
  const source = await createSource(environment, counters, log);

  // Listeners, protocols, routes, policies, upstreams.
  const dataPath = createDataPath(source, environment, counters, log);

  // What the process tells of itself.
  const admin = new Admin({ source, dataPath, counters, environment, log });

  return await run(
    [
      ...admin.servers(),
      ...source.components,
      firstConfiguration(source),
      // The application needs the network until it has ended, so this ends last.
      ...dataPath.outbound,
      ...source.patterns,
      // Drained first.
      dataPath.inbound,
      admin.serving,
    ],
    { log, drainTimeoutMs: environment.drainTimeoutMs },
  );
}

/** Each is loaded when it is used. */
async function createSource(
  { source }: SidecarEnvironment,
  counters: Counters,
  log: ReturnType<typeof createLog>,
): Promise<Source> {
  if (source.kind === 'file') {
    return await (await import('./static-source.ts')).createStaticSource(source.path, log);
  }
  const { createControlPlaneSource } = await import('./control-plane-source.ts');
  return createControlPlaneSource(source, counters, log);
}

try {
  await main(readEnvironment(process.env));
} catch (error) {
  createLog('sidecar').fatal({ error: describeError(error) }, 'start failed');
  process.exitCode = 1;
}
