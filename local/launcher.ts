import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { MeshError } from '../runtime/errors.ts';
import { findMode, type Mode } from './capability.ts';
import { CHECKOUT, readLocalFolder } from './image-folders.ts';
import type { LocalOptions } from './options.ts';
import { cleanEarlierRun, knownProcess } from './run-record.ts';
import { StateFolder } from './state-folder.ts';
import type { SupervisorSettings } from './supervisor.ts';
import { RESTORE_TERMINAL } from './view/terminal.ts';

/** Variable by which the supervisor gets its settings. */
export const SETTINGS_VARIABLE = 'REMORA_LOCAL_SUPERVISOR';

/** Descriptor by which the supervisor hears from the launcher, and of its end. */
export const COMMAND_DESCRIPTOR = 3;

/** The folder for files: the one asked for, or the first that can be written. */
export function chooseState(options: LocalOptions): StateFolder {
  const user = process.getuid?.() ?? 0;
  const choices =
    options.state === undefined
      ? [join(CHECKOUT, '.remora'), join(tmpdir(), `remora-${user}`)]
      : [options.state];
  for (const path of choices) {
    try {
      mkdirSync(path, { recursive: true, mode: 0o755 });
      accessSync(path, constants.W_OK);
      return new StateFolder(path);
    } catch {
      // The next one, then.
    }
  }
  throw new MeshError(
    'no-state-folder',
    `${choices.join(' and ')} cannot be written to: name a folder with --state`,
  );
}

/** Ends what a killed run has left. @throws MeshError `already-running` */
export async function cleanUp(state: StateFolder, print: (line: string) => void): Promise<void> {
  const earlier = await cleanEarlierRun(state.runRecord);
  if (earlier.kind === 'running') {
    throw new MeshError(
      'already-running',
      `a mesh runs already from ${state.path} (process ${earlier.pid}): end it with Ctrl-C there, or run this one with another folder, --state <folder>`,
    );
  }
  if (earlier.kind === 'cleaned') {
    print(`An earlier run was killed; ended ${earlier.processes} processes that it had left.`);
  }
}

/**
 * Starts the supervisor, in namespaces where that is possible, and hands on to it
 * what the terminal says. Returns its status when nothing is left of it.
 *
 * The supervisor is the first process of its own process namespace: however it
 * ends, the kernel ends all others with it.
 */
export async function launch(
  options: LocalOptions,
  args: readonly string[],
  print: (line: string) => void,
): Promise<number> {
  const { manifests } = await readLocalFolder(options.folder);
  const state = chooseState(options);
  for (const path of [manifests, state.path]) {
    // The control plane takes its folders as one list.
    if (path.includes(':')) {
      throw new MeshError('bad-folder', `${path} has a colon in it: use a folder without one`);
    }
  }
  await cleanUp(state, print);
  const mode = await findMode(options.loopback);
  for (const line of explainMode(mode)) print(line);

  const launcher = knownProcess(process.pid);
  if (launcher === undefined) throw new MeshError('no-process-table', 'cannot find this process');
  const { folder, logLevel, accessLog } = options;
  const settings: SupervisorSettings = {
    folder,
    state: state.path,
    mode,
    logLevel,
    accessLog,
    launcher,
  };
  const enter = mode.kind === 'namespaces' ? mode.enter : [];
  const main = join(fileURLToPath(new URL('.', import.meta.url)), 'main.ts');
  const [command = process.execPath, ...rest] = [...enter, process.execPath, main, ...args];
  const child = spawn(command, rest, {
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
    // Out of the terminal's reach: it is told what to do, and once.
    detached: true,
    env: { ...process.env, [SETTINGS_VARIABLE]: JSON.stringify(settings) },
  });
  const pipe = child.stdio[COMMAND_DESCRIPTOR] as Writable;
  pipe.on('error', () => {});
  const tell = (line: string): void => {
    pipe.write(`${line}\n`);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => tell('stop'));
  }
  const tellSize = (): void => {
    const { columns, rows, isTTY } = process.stdout;
    if (isTTY) tell(`size ${columns} ${rows}`);
  };
  tellSize();
  process.stdout.on('resize', tellSize);

  const [status] = (await once(child, 'exit')) as [number | null];
  if (status === null && process.stdout.isTTY) process.stdout.write(RESTORE_TERMINAL);
  // Where the supervisor died, what it had started may live.
  if (status !== 0) await cleanEarlierRun(state.runRecord, true);
  return status ?? 1;
}

function explainMode(mode: Mode): string[] {
  if (mode.kind === 'namespaces') return [];
  const reasons = mode.reasons.map((reason) => `  ${reason}`);
  return [
    ...(reasons.length > 0 ? ['Network namespaces cannot be used here:', ...reasons] : []),
    'Running on loopback: programs take their port from PORT and reach services through HTTP_PROXY.',
  ];
}
