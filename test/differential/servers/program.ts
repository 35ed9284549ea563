import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { until } from '../../fakes/until.ts';

const QUOTED_CHARACTERS = 2_000;

export interface ProgramOptions {
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly directory: string;
  /** Each line of its standard output. */
  readonly onLine: (line: string) => void;
}

/** A server as a child process. */
export class Program implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #file: string;
  #errors = '';
  #ended: string | undefined;

  constructor({ file, args, env, directory, onLine }: ProgramOptions) {
    this.#file = file;
    this.#child = spawn(file, args, {
      cwd: directory,
      env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let text = '';
    this.#child.stdout?.setEncoding('latin1').on('data', (chunk: string) => {
      text += chunk;
      const lines = text.split('\n');
      text = lines.pop() ?? '';
      for (const line of lines) onLine(line);
    });
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#errors = (this.#errors + chunk).slice(-QUOTED_CHARACTERS);
    });
    this.#child.on('error', (error) => {
      this.#ended = error.message;
    });
    this.#child.on('exit', (code, signal) => {
      this.#ended ??= `it ended with ${signal ?? code}`;
    });
  }

  /** Waits until the port takes connections. */
  async listens(port: number): Promise<void> {
    await until(async () => this.#ended !== undefined || (await answers(port)), this.#file, 20_000);
    if (this.#ended !== undefined) {
      throw new Error(`${this.#file}: ${this.#ended}: ${this.#errors}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 3_000);
    await exit;
    clearTimeout(timer);
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
