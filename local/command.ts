import { spawn } from 'node:child_process';
import { MeshError } from '../runtime/errors.ts';

/** A program of the machine that did not do what it was asked. */
export class CommandError extends MeshError {
  /** What it printed, both streams if need be. */
  readonly said: string;

  constructor(message: string, said: string, options?: { cause?: unknown }) {
    super('command-failed', message, options);
    this.said = said;
  }
}

/**
 * Runs a program of the machine to its end.
 *
 * @throws CommandError
 */
export function runCommand(
  command: string,
  args: readonly string[],
  options: { input?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: options.env ?? { ...process.env, PATH: systemPath() },
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.once('error', (cause) => {
      reject(new CommandError(`${command} could not be started`, String(cause), { cause }));
    });
    child.once('close', (status, signal) => {
      if (status === 0) {
        resolve(stdout);
        return;
      }
      const said = (stderr || stdout).trim().replace(/\s*\n\s*/g, '; ');
      const line = [command, ...args].join(' ').slice(0, 200);
      const ended = `"${line}" ended with ${signal ?? status}`;
      reject(new CommandError(`${ended} and said: ${said || 'nothing'}`, said));
    });
    // A program that ends without reading closes the pipe.
    child.stdin.on('error', () => {});
    child.stdin.end(options.input ?? '');
  });
}

/** The PATH with the folders of `ip` and `iptables`, which users often lack. */
export function systemPath(): string {
  const path = (process.env.PATH ?? '/usr/local/bin:/usr/bin:/bin').split(':');
  const missing = ['/usr/local/sbin', '/usr/sbin', '/sbin'].filter((one) => !path.includes(one));
  return [...path, ...missing].join(':');
}
