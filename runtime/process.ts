import type { Component } from './component.ts';
import { describeError } from './errors.ts';
import type { Log } from './log.ts';

/** How a process runs its components. */
export interface RunOptions {
  log: Log;
  /** What is left of the drain after this long is cut. */
  drainTimeoutMs: number;
}

/**
 * Starts the components in order, waits for SIGTERM or SIGINT, and stops them in
 * reverse. A second signal cuts at once. A component that fails to start ends
 * the process with status 1 after those before it were stopped.
 */
export async function run(components: readonly Component[], options: RunOptions): Promise<never> {
  const { log } = options;
  const starting = new AbortController();
  let cut: AbortController | undefined;
  let wake = (): void => {};
  const signalled = new Promise<void>((resolve) => {
    wake = resolve;
  });
  const onSignal = (signal: NodeJS.Signals): void => {
    log.info({ signal }, 'stopping');
    if (cut !== undefined) cut.abort(new Error(`second ${signal}`));
    cut = new AbortController();
    starting.abort(new Error(signal));
    wake();
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);

  const started: Component[] = [];
  let status = 0;
  try {
    for (const component of components) {
      started.push(component);
      await component.start(starting.signal);
      starting.signal.throwIfAborted();
    }
    await signalled;
  } catch (error) {
    if (!starting.signal.aborted) {
      status = 1;
      log.fatal({ component: started.at(-1)?.name, error: describeError(error) }, 'start failed');
    }
  }
  cut ??= new AbortController();
  const patience = AbortSignal.any([cut.signal, AbortSignal.timeout(options.drainTimeoutMs)]);
  for (const component of started.reverse()) {
    try {
      await component.stop?.(patience);
    } catch (error) {
      log.error({ component: component.name, error: describeError(error) }, 'stop failed');
    }
  }
  log.info({ status }, 'stopped');
  process.exit(status);
}
