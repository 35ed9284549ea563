import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildProcesses } from '../../build.ts';
import { freePorts } from '../fakes/sidecar-process.ts';
import { until } from '../fakes/until.ts';
import { checkOnce } from './checked-client.ts';
import { Children, type Command, type Running } from './children.ts';
import { Origin } from './origin.ts';
import type { Tools } from './tools.ts';

/** One side's certificate, as files in PEM. */
export interface Certificate {
  readonly chain: string;
  readonly key: string;
  /** Key and chain in one file, as HAProxy wants it. */
  readonly both: string;
  /** The only name in it. */
  readonly spiffeId: string;
}

/** What a proxy under measurement is to do. */
export interface Setup {
  /** One proxy with plain text on both sides, or two with mutual TLS between them. */
  readonly hop: 'plain' | 'pair';
  readonly protocol: 'http1' | 'h2c' | 'grpc' | 'tcp';
  /** One when nothing is said. */
  readonly threads?: number;
  /** How many rules the used services have (`rules.ts`). One when nothing is said. */
  readonly rules?: number;
  /** How many services it knows. */
  readonly services: number;
  /** How many of them have a port of their own. */
  readonly used: number;
  /** Each has ten endpoints; else one. Only with a pair. */
  readonly manyEndpoints?: boolean;
}

/** Processes that carry load, not started yet. */
export interface Plan {
  /** The client's side first. */
  readonly commands: readonly Command[];
  /** One for each used service, on the client's side. */
  readonly ports: readonly number[];
}

/** A plan that runs. */
export interface Subject {
  /** As in the plan. */
  readonly processes: readonly Running[];
  readonly pids: readonly number[];
  readonly ports: readonly number[];
}

const CERTIFICATES = fileURLToPath(
  new URL('../../examples/static-config/certificates.mjs', import.meta.url),
);

/** Certificates, bundle, origin and processes: what all measurements share. */
export class Lab {
  readonly directory: string;
  readonly tools: Tools;
  readonly children: Children;
  readonly origin: Origin;
  /** Folder with `sidecar.js` and `control-plane.js`, as they are in the image. */
  readonly bundle: string;
  /** Where our sidecars write CPU profiles; undefined for none. */
  readonly profileDirectory: string | undefined;
  #files = 0;
  #origin: Running | undefined;

  constructor(tools: Tools, profileDirectory: string | undefined) {
    this.directory = mkdtempSync(join(tmpdir(), 'remora-bench-'));
    this.tools = tools;
    this.children = new Children(this.directory);
    this.origin = new Origin(this.directory);
    this.bundle = join(this.directory, 'bundle');
    this.profileDirectory = profileDirectory;
  }

  /** Builds the processes, issues certificates, and starts the origin if there is nginx. */
  async open(): Promise<void> {
    await buildProcesses(this.bundle, ['sidecar', 'control-plane']);
    execFileSync(process.execPath, [CERTIFICATES, this.directory]);
    for (const side of ['client', 'greeter'] as const) {
      const { chain, key, both } = this.certificate(side);
      writeFileSync(both, readFileSync(chain, 'utf8') + readFileSync(key, 'utf8'), { mode: 0o600 });
    }
    const nginx = this.tools.nginx;
    if (nginx === undefined) return;
    const [http1 = 0, h2c = 0] = await freePorts(2);
    this.#origin = this.children.start(this.origin.command(nginx.path, http1, h2c));
    await this.#answers(http1, 'http1', [this.#origin]);
  }

  /** Path of the load generator. */
  get h2load(): string {
    return this.tools.h2load?.path ?? 'h2load';
  }

  get originPids(): readonly number[] {
    return this.#origin === undefined ? [] : [this.#origin.pid];
  }

  get roots(): string {
    return join(this.directory, 'roots.pem');
  }

  certificate(side: 'client' | 'greeter'): Certificate {
    const path = join(this.directory, side);
    return {
      chain: `${path}.pem`,
      key: `${path}.key`,
      both: `${path}.both.pem`,
      spiffeId: `spiffe://example.local/ns/demo/sa/${side}`,
    };
  }

  /** Writes a configuration, and returns its path. */
  write(extension: string, content: unknown): string {
    this.#files += 1;
    const path = join(this.directory, `${this.#files}.${extension}`);
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
    return path;
  }

  /** Starts processes, the client's side last, and waits until a right answer comes. */
  async start(plan: Plan, protocol: Setup['protocol']): Promise<Subject> {
    const processes = plan.commands.toReversed().map((command) => this.children.start(command));
    const pids = processes.map(({ pid }) => pid);
    try {
      for (const port of plan.ports) await this.#answers(port, protocol, processes);
    } catch (error) {
      await Promise.all(processes.map((running) => running.stop()));
      throw error;
    }
    return { processes: processes.toReversed(), pids: pids.toReversed(), ports: plan.ports };
  }

  /** Politely when there are profiles to write. */
  async stop(subject: Subject): Promise<void> {
    const signal = this.profileDirectory === undefined ? 'SIGKILL' : 'SIGTERM';
    await Promise.all(subject.processes.map((running) => running.stop(signal)));
  }

  /** Leaves nothing behind; does not wait. */
  close(): void {
    this.children.killAll();
    rmSync(this.directory, { recursive: true, force: true });
  }

  async #answers(port: number, protocol: Setup['protocol'], on: readonly Running[]): Promise<void> {
    let reason: unknown;
    const answered = async (): Promise<boolean> => {
      const ended = on.map((running) => running.ended()).find((text) => text !== undefined);
      if (ended !== undefined) return true;
      try {
        await checkOnce(port, protocol, this.origin);
        return true;
      } catch (error) {
        reason = error;
        return false;
      }
    };
    await until(answered, 'the first right answer', 20_000).catch((error: unknown) => {
      throw new Error(`${error}; the last one: ${reason}`);
    });
    const ended = on.map((running) => running.ended()).find((text) => text !== undefined);
    if (ended !== undefined) throw new Error(ended);
  }
}
