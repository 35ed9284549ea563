import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';

/** A program and how it is called. */
export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** A process that was started. */
export interface Running {
  readonly pid: number;
  /** Undefined while it runs; else why it ended, with the end of what it wrote. */
  ended(): string | undefined;
  /** Returns when it is gone. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** How much of a dead process's output an error quotes. */
const QUOTED_CHARACTERS = 2_000;

/** Every process that the benchmark starts, so that none is left behind. */
export class Children {
  readonly #directory: string;
  readonly #running = new Set<ChildProcess>();
  #count = 0;

  /** @param directory for what the processes write */
  constructor(directory: string) {
    this.#directory = directory;
  }

  start(command: Command): Running {
    this.#count += 1;
    const logPath = `${this.#directory}/${this.#count}-${basename(command.file)}.log`;
    const log = openSync(logPath, 'w');
    const child = spawn(command.file, command.args, {
      cwd: this.#directory,
      env: { PATH: process.env.PATH, ...command.env },
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    let failure: string | undefined;
    this.#running.add(child);
    child.on('error', (error) => {
      failure = error.message;
      this.#running.delete(child);
    });
    child.on('exit', (code, signal) => {
      // killAll() was called, and the folder is gone.
      if (!this.#running.has(child)) return;
      const output = readFileSync(logPath, 'utf8').slice(-QUOTED_CHARACTERS);
      failure = `${basename(command.file)} ended with ${signal ?? code}: ${output}`;
      this.#running.delete(child);
    });
    return {
      pid: child.pid ?? 0,
      ended: () => failure,
      stop: async (signal = 'SIGKILL') => {
        if (!this.#running.has(child)) return;
        const ended = once(child, 'exit');
        child.kill(signal);
        await ended;
      },
    };
  }

  /** Takes a process that somebody else started. */
  adopt(child: ChildProcess): void {
    this.#running.add(child);
    child.on('exit', () => this.#running.delete(child));
  }

  /** At once, without waiting: for the end of the benchmark itself. */
  killAll(): void {
    for (const child of this.#running) child.kill('SIGKILL');
    this.#running.clear();
  }
}
