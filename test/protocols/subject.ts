import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { CHECKOUT } from '../../local/image-folders.ts';
import type { NamespaceShell } from './namespace-shell.ts';
import type { ProtocolMesh } from './protocol-mesh.ts';

/** Counts a check: never rejects, whatever became of it. */
export type Recorder = (name: string, check: () => Promise<void>) => Promise<void>;

/** How much a suite is to do. */
export interface Effort {
  /** Of each large transfer. */
  readonly bulkBytes: number;
  /** Of requests or connections, where many are made. */
  readonly count: number;
  /** Of the configuration, while something lasts. */
  readonly changes: number;
}

export const FULL_EFFORT: Effort = { bulkBytes: 100 * 2 ** 20, count: 2000, changes: 100 };
/** For `npm test`: everything, of each thing little. */
export const QUICK_EFFORT: Effort = { bulkBytes: 4 * 2 ** 20, count: 100, changes: 3 };

/** A line that a program of `programs/` prints. */
type Line =
  | { readonly check: string; readonly error?: string }
  /** Something has come to pass, for which the suite may wait. */
  | { readonly note: string };

/** Longer than any program of these suites needs. */
const PROGRAM_TIMEOUT_MS = 180_000;

/** A program in the client's pod that tells of its own checks. */
export interface ClientProgram {
  /** Returns when the program has told so. */
  noted(note: string): Promise<void>;
  tell(line: string): void;
  /** Ends what would not end by itself; nothing is reported of it. */
  kill(): void;
  /** Returns when it has ended and its checks are counted. */
  ended(): Promise<void>;
}

/** What a suite works with. */
export class Subject {
  readonly mesh: ProtocolMesh;
  readonly client: NamespaceShell;
  readonly effort: Effort;
  readonly check: Recorder;

  constructor(mesh: ProtocolMesh, client: NamespaceShell, effort: Effort, check: Recorder) {
    this.mesh = mesh;
    this.client = client;
    this.effort = effort;
    this.check = check;
  }

  /** The same, and its checks are told from those of others by a label. */
  labelled(label: string): Subject {
    const { mesh, client, effort, check } = this;
    return new Subject(mesh, client, effort, (name, body) => check(`${label}: ${name}`, body));
  }

  /** Runs a program of `programs/` to its end; each check that it reports is counted. */
  async program(file: string, ...args: readonly string[]): Promise<void> {
    await this.start(process.execPath, [programPath(file), ...args]).ended();
  }

  /** Starts something that reports checks as `programs/report.ts` does. */
  start(command: string, args: readonly string[]): ClientProgram {
    const child = this.client.spawn(command, args);
    const timer = setTimeout(() => child.kill('SIGKILL'), PROGRAM_TIMEOUT_MS);
    const checks: Promise<void>[] = [];
    const notes = new Map<string, PromiseWithResolvers<void>>();
    const noted = (note: string): PromiseWithResolvers<void> => {
      const known = notes.get(note) ?? Promise.withResolvers<void>();
      notes.set(note, known);
      return known;
    };
    let rest = '';
    let killed = false;
    const lines = createInterface({ input: child.stdout ?? process.stdin });
    lines.on('line', (text) => {
      if (!text.startsWith('{')) {
        rest += `${text}\n`;
        return;
      }
      const line: Line = JSON.parse(text);
      if ('note' in line) noted(line.note).resolve();
      else checks.push(this.check(line.check, async () => failIf(line.error)));
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      rest += text;
    });
    child.stdin?.on('error', () => {});
    const name = args[0]?.split('/').at(-1) ?? command;
    const closed = once(child, 'close').then(async ([status, signal]) => {
      clearTimeout(timer);
      for (const { resolve } of notes.values()) resolve();
      await Promise.all(checks);
      if (status === 0 || killed) return;
      const reason = `${name} ended with ${signal ?? status}: ${rest.slice(-1000).trim()}`;
      await this.check(`${name} ends well`, async () => failIf(reason));
    });
    return {
      noted: (note) => Promise.race([noted(note).promise, closed]),
      tell: (line) => {
        child.stdin?.write(`${line}\n`);
      },
      kill: () => {
        killed = true;
        child.kill('SIGKILL');
      },
      ended: () => closed,
    };
  }
}

export function programPath(file: string): string {
  return join(CHECKOUT, 'test/protocols/programs', file);
}

function failIf(error: string | undefined): void {
  if (error !== undefined) throw new Error(error);
}
