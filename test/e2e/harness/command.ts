import { spawn } from 'node:child_process';

/** A command that ended with something else than 0, or was not found. */
export class CommandError extends Error {
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;

  constructor(message: string, exitCode: number | undefined, stdout: string, stderr: string) {
    super(message);
    this.name = 'CommandError';
    this.exitCode = exitCode;
    this.stdout = stdout;
    this.stderr = stderr;
  }
}

export interface CommandOptions {
  input?: string;
  timeoutMs?: number;
  cwd?: string;
}

/** Runs a program and resolves with its standard output. Rejects with a CommandError. */
export function run(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  const { input = '', timeoutMs = 120_000, cwd } = options;
  const line = [program, ...args].join(' ');
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, stdio: ['pipe', 'pipe', 'pipe'] });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill('SIGKILL');
    }, timeoutMs);
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    child.once('error', (error) => {
      clearTimeout(timer);
      const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
      const reason = missing ? `${program} is not on the PATH: install it` : error.message;
      reject(new CommandError(reason, undefined, '', ''));
    });
    child.once('close', (code) => {
      clearTimeout(timer);
      const stdout = Buffer.concat(out).toString('utf8');
      const stderr = Buffer.concat(err).toString('utf8');
      if (code === 0 && !timedOut) return resolve(stdout);
      const how = timedOut ? `took more than ${timeoutMs} ms` : `ended with ${code}`;
      const said = (stderr.trim() || stdout.trim()).slice(-4000);
      reject(new CommandError(`${line} ${how}: ${said}`, code ?? undefined, stdout, stderr));
    });
  });
}
