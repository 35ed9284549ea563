import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { systemPath } from '../../local/command.ts';

/** What a program wrote and how it ended. */
export interface Output {
  /** 128 and more: ended by a signal, as a shell tells it. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string;
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 60_000;
const KILLED_STATUS = 137;

/** Runs programs of this machine inside the namespaces of a process, as `kubectl exec` does in a pod. */
export class NamespaceShell {
  readonly #pid: number;

  /** @param pid as this process sees it */
  constructor(pid: number) {
    this.#pid = pid;
  }

  spawn(command: string, args: readonly string[]): ChildProcess {
    const enter = [`--target=${this.#pid}`, '--net', '--mount', '--uts', '--wd=/'];
    // Without root, the others belong to a user namespace, which comes first.
    if (namespaceOf(this.#pid) !== namespaceOf('self')) {
      enter.push('--user', '--preserve-credentials');
    }
    return spawn('nsenter', [...enter, '--', command, ...args], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: {
        PATH: `${dirname(process.execPath)}:${systemPath()}`,
        HOME: process.env.HOME ?? '/',
        LC_ALL: 'C.UTF-8',
      },
    });
  }

  /** Waits for the program's end, whatever its status. One that takes too long is killed. */
  async run(
    command: string,
    args: readonly string[],
    { input = '', timeoutMs = TIMEOUT_MS }: RunOptions = {},
  ): Promise<Output> {
    const child = this.spawn(command, args);
    let stdout = '';
    let stderr = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    // It may end without reading.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
    const timer = setTimeout(() => {
      stderr += `\nkilled after ${timeoutMs / 1000} s`;
      child.kill('SIGKILL');
    }, timeoutMs);
    const [status] = (await once(child, 'close')) as [number | null];
    clearTimeout(timer);
    return { status: status ?? KILLED_STATUS, stdout, stderr };
  }

  /** @throws Error with what it wrote, when it does not end well */
  async output(
    command: string,
    args: readonly string[],
    options: RunOptions = {},
  ): Promise<string> {
    const { status, stdout, stderr } = await this.run(command, args, options);
    if (status === 0) return stdout;
    const line = [command, ...args].join(' ');
    throw new Error(`"${line}" ended with ${status}: ${(stderr + stdout).slice(-1000).trim()}`);
  }
}

function namespaceOf(pid: number | 'self'): string {
  return readlinkSync(`/proc/${pid}/ns/user`);
}
