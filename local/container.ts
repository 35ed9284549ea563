import type { ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { Backoff } from '../runtime/backoff.ts';
import { describeError } from '../runtime/errors.ts';

/** A process that runs is running; after that it has ended, and may be started again. */
export type ContainerState =
  /** Not started yet, or between an end and the next start. */
  | { readonly kind: 'waiting'; readonly reason: string }
  | { readonly kind: 'running'; readonly pid: number; readonly sinceMs: number }
  /** Ended for good. */
  | { readonly kind: 'ended'; readonly exitCode: number };

export interface ContainerOptions {
  readonly name: string;
  readonly restartPolicy: 'Always' | 'OnFailure' | 'Never';
  /** Appended to; made with its folder when it is not there. */
  readonly logPath: string;
  /** Starts the process with its output into a descriptor. */
  readonly spawn: (output: number) => ChildProcess;
  /** Started, ended, waiting for a restart. */
  readonly onChange: (container: ContainerProcess) => void;
  /** Told of each process, so that a later run can end what this one leaves. */
  readonly record: ProcessRecorder;
}

/** Keeps the list of processes that live. */
export interface ProcessRecorder {
  started(pid: number): void;
  ended(pid: number): void;
}

/** A process that lived for so long counts as a good start: the backoff begins anew. */
const STEADY_AFTER_MS = 10_000;

/** One container of a pod: a process, restarted as its policy says, with its output in a file. */
export class ContainerProcess {
  readonly name: string;
  readonly logPath: string;
  restarts = 0;
  state: ContainerState = { kind: 'waiting', reason: 'ContainerCreating' };
  readonly #options: ContainerOptions;
  readonly #backoff = new Backoff({ baseMs: 500, maxMs: 30_000 });
  #child: ChildProcess | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stopping = false;
  #onEnd: (() => void)[] = [];

  constructor(options: ContainerOptions) {
    this.name = options.name;
    this.logPath = options.logPath;
    this.#options = options;
  }

  start(): void {
    if (this.#stopping || this.#child !== undefined) return;
    mkdirSync(dirname(this.logPath), { recursive: true });
    const output = openSync(this.logPath, 'a');
    let child: ChildProcess;
    try {
      child = this.#options.spawn(output);
    } catch (error) {
      const reason = `cannot be started: ${describeError(error)}`;
      writeSync(output, `${reason}\n`);
      closeSync(output);
      this.#ended(128, reason);
      return;
    }
    closeSync(output);
    const startedMs = performance.now();
    this.#child = child;
    const { pid } = child;
    if (pid !== undefined) {
      this.#options.record.started(pid);
      this.state = { kind: 'running', pid, sinceMs: startedMs };
    }
    child.once('error', (error) => {
      // Without a pid it never ran, and no exit follows.
      if (pid !== undefined) return;
      this.#child = undefined;
      const reason = `cannot be started: ${error.message}`;
      this.#note(`${reason}\n`);
      this.#ended(127, reason);
    });
    child.once('exit', (status, signal) => {
      this.#child = undefined;
      if (pid !== undefined) {
        // As in a container, nothing outlives the first process.
        killGroup(pid, 'SIGKILL');
        this.#options.record.ended(pid);
      }
      if (performance.now() - startedMs > STEADY_AFTER_MS) this.#backoff.reset();
      this.#ended(status ?? (signal === 'SIGKILL' ? 137 : 143));
    });
    this.#options.onChange(this);
  }

  /** Ends the process without asking; its policy decides what follows. */
  kill(signal: NodeJS.Signals): void {
    const pid = this.#child?.pid;
    if (pid !== undefined) killGroup(pid, signal);
  }

  /** SIGTERM, then after `graceMs` SIGKILL. Returns when nothing of it runs. */
  async stop(graceMs: number, patience?: AbortSignal): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#timer);
    if (this.#child === undefined) return;
    const ended = new Promise<void>((resolve) => this.#onEnd.push(resolve));
    const cut = (): void => this.kill('SIGKILL');
    const timer = setTimeout(cut, graceMs);
    patience?.addEventListener('abort', cut);
    this.kill(patience?.aborted === true ? 'SIGKILL' : 'SIGTERM');
    await ended;
    clearTimeout(timer);
    patience?.removeEventListener('abort', cut);
  }

  #ended(exitCode: number, reason = `ended with status ${exitCode}`): void {
    const { restartPolicy, onChange } = this.#options;
    const again =
      !this.#stopping &&
      (restartPolicy === 'Always' || (restartPolicy === 'OnFailure' && exitCode !== 0));
    if (again) {
      const delayMs = this.#backoff.nextMs();
      this.state = {
        kind: 'waiting',
        reason: `${reason}; starts again in ${(delayMs / 1000).toFixed(1)} s`,
      };
      this.#timer = setTimeout(() => {
        this.restarts += 1;
        this.start();
      }, delayMs);
    } else {
      this.state = { kind: 'ended', exitCode };
    }
    for (const resolve of this.#onEnd.splice(0)) resolve();
    onChange(this);
  }

  #note(text: string): void {
    const output = openSync(this.logPath, 'a');
    writeSync(output, text);
    closeSync(output);
  }
}

/** To the program and all that it has started. */
function killGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // All of them have ended already.
  }
}
