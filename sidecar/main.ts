import { isMainThread } from 'node:worker_threads';
import { systemClock } from '../runtime/clock.ts';
import { describeError } from '../runtime/errors.ts';
import { LineWriter } from '../runtime/line-writer.ts';
import { createLog, linesTo } from '../runtime/log.ts';
import { run } from '../runtime/process.ts';
import { RELEASE } from '../runtime/release.ts';
import { Admin } from './admin.ts';
import { createDataPath, firstConfiguration, together } from './data-path.ts';
import { readEnvironment, type SidecarEnvironment } from './environment.ts';
import { FreedMemory } from './freed-memory.ts';
import type { Source } from './source.ts';
import { Counters } from './telemetry/counters.ts';
import { IdleSeries } from './telemetry/idle-series.ts';
import type { Threads } from './threads/threads.ts';

/** The sidecar, put together in the order in which its parts start. They stop in reverse. */
async function main(environment: SidecarEnvironment, output: LineWriter): Promise<never> {
  const log = createLog('sidecar', environment.logLevel, linesTo(output));
  output.onRecovered = (lines) => log.warn({ lines }, 'lines of the log were dropped');
  log.info({ release: RELEASE, source: environment.source.kind }, 'starting');
  const counters = new Counters();

  // Configuration and certificate: from the control plane or a file.
  const source = await createSource(environment, counters, log);

  // Listeners, protocols, routes, policies, upstreams.
  const dataPath = createDataPath(source, environment, counters, log, output);
  const threads = await createThreads(source, environment, counters, log, output);

  // What the process tells of itself.
  const admin = new Admin({ source, dataPath, threads, counters, environment, log, output });

  return await run(
    [
      ...admin.servers(),
      new IdleSeries(counters, systemClock),
      ...source.components,
      firstConfiguration(source),
      // The application needs the network until it has ended, so this ends last.
      ...dataPath.outbound,
      ...(threads === undefined ? [] : [threads.component('outbound')]),
      ...source.patterns,
      // Drained first.
      together('inbound', [
        dataPath.inbound,
        ...(threads === undefined ? [] : [threads.component('inbound')]),
      ]),
      admin.serving,
      // The way to the C library is loaded where connections are intercepted.
      ...(source.listeners.outbound?.redirect === true ? [new FreedMemory(systemClock)] : []),
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

/** Loaded where there are several. They begin in this file too. */
async function createThreads(
  source: Source,
  environment: SidecarEnvironment,
  counters: Counters,
  log: ReturnType<typeof createLog>,
  output: LineWriter,
): Promise<Threads | undefined> {
  if (environment.threads === 1) return undefined;
  const { Threads } = await import('./threads/threads.ts');
  return new Threads({ entry: import.meta.filename, source, environment, counters, log, output });
}

/** Whoever stops reading what the process writes does not hold up its traffic. */
async function runProcess(): Promise<void> {
  const output = new LineWriter(process.stdout);
  process.on('exit', () => output.flush());
  try {
    await main(readEnvironment(process.env), output);
  } catch (error) {
    const log = createLog('sidecar', 'info', linesTo(output));
    log.fatal({ error: describeError(error) }, 'start failed');
    process.exitCode = 1;
  }
}

if (isMainThread) await runProcess();
else await (await import('./threads/thread.ts')).serveThread();
