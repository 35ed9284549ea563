import { Worker } from 'node:worker_threads';
import type { Component } from '../../runtime/component.ts';
import { describeError, MeshError } from '../../runtime/errors.ts';
import type { LineWriter } from '../../runtime/line-writer.ts';
import type { Log } from '../../runtime/log.ts';
import { EMPTY_CONFIG } from '../config/store.ts';
import type { SidecarEnvironment } from '../environment.ts';
import type { Source } from '../source.ts';
import type { Counters } from '../telemetry/counters.ts';
import { configChange } from './config-change.ts';
import type { FromThread, ThreadPart, ThreadStart, ToThread } from './messages.ts';
import { addTraffic } from './traffic-change.ts';

export interface ThreadsOptions {
  /** The file of the process, which begins as a thread when it is loaded as one. */
  readonly entry: string;
  readonly source: Source;
  readonly environment: SidecarEnvironment;
  readonly counters: Counters;
  readonly log: Log;
  /** Of the process; takes what the threads log. */
  readonly output: LineWriter;
}

/**
 * The further threads of a sidecar, seen from the main thread. Each listens on
 * the same ports as the main thread's own data path; the kernel gives every
 * connection to one of them. Balancers, pools and ejections are of each thread.
 */
export class Threads {
  readonly #options: ThreadsOptions;
  readonly #threads: ThreadLink[];

  constructor(options: ThreadsOptions) {
    this.#options = options;
    const further = options.environment.threads - 1;
    this.#threads = Array.from({ length: further }, (_, i) => new ThreadLink(i + 2, options));
  }

  /** Started behind the main thread's own listeners, and stopped beside them. */
  component(part: ThreadPart): Component {
    return {
      name: `threads, ${part}`,
      // The outbound part starts a thread whole: it is the first to start.
      start: async (signal) => {
        if (part === 'outbound') await this.#start(signal);
      },
      stop: async (signal) => {
        await Promise.all(this.#threads.map((thread) => thread.stop(part, signal)));
      },
    };
  }

  /** By thread, for `/config_dump`. */
  async describe(): Promise<Record<string, object>> {
    const described = await Promise.all(this.#threads.map((thread) => thread.describe()));
    return Object.fromEntries(described.map((clusters, i) => [`thread ${i + 2}`, clusters]));
  }

  setLogLevel(level: string): void {
    for (const thread of this.#threads) thread.post({ kind: 'log-level', level });
  }

  async #start(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.start(signal)));
    if (this.#threads.length > 0) {
      this.#options.log.info({ threads: this.#threads.length + 1 }, 'threads serve');
    }
  }
}

class ThreadLink {
  readonly #number: number;
  readonly #options: ThreadsOptions;
  #worker: Worker | undefined;
  #unsubscribe: (() => void)[] = [];
  #onServing: ((error?: MeshError) => void) | undefined;
  readonly #onDescribed: ((clusters: object) => void)[] = [];
  readonly #onStopped = new Map<ThreadPart, () => void>();

  constructor(number: number, options: ThreadsOptions) {
    this.#number = number;
    this.#options = options;
  }

  async start(signal: AbortSignal): Promise<void> {
    const { entry, source, environment } = this.#options;
    const { store, certificates, pod, listeners, accessLog, needsCertificate, ports } = source;
    const data: ThreadStart = {
      thread: this.#number,
      ...{ pod, listeners, accessLog, needsCertificate, ports, environment },
    };
    const worker = new Worker(entry, { workerData: data, name: `sidecar-${this.#number}` });
    this.#worker = worker;
    const serving = new Promise<void>((resolve, reject) => {
      this.#onServing = (error) => (error === undefined ? resolve() : reject(error));
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
    worker.on('message', (message: FromThread) => this.#onMessage(message));
    worker.once('error', (error) => this.#onDeath(describeError(error)));
    worker.once('exit', (code) => this.#onDeath(`it ended with ${code}`));
    this.post({ kind: 'config', change: configChange(EMPTY_CONFIG, store.current) });
    if (certificates.issued !== undefined) {
      this.post({ kind: 'certificate', certificate: certificates.issued });
    }
    this.#unsubscribe = [
      store.onChange((next, previous) =>
        this.post({ kind: 'config', change: configChange(previous, next) }),
      ),
      certificates.onIssued((certificate) => this.post({ kind: 'certificate', certificate })),
    ];
    await serving;
  }

  post(message: ToThread): void {
    this.#worker?.postMessage(message);
  }

  async describe(): Promise<object> {
    if (this.#worker === undefined) return {};
    return await new Promise((resolve) => {
      this.#onDescribed.push(resolve);
      this.post({ kind: 'describe' });
    });
  }

  async stop(part: ThreadPart, signal: AbortSignal): Promise<void> {
    const worker = this.#worker;
    if (worker === undefined) return;
    const cut = (): void => this.post({ kind: 'cut' });
    await new Promise<void>((resolve) => {
      this.#onStopped.set(part, resolve);
      this.post({ kind: 'stop', part });
      if (signal.aborted) cut();
      signal.addEventListener('abort', cut, { once: true });
    });
    signal.removeEventListener('abort', cut);
    if (part === 'inbound') return;
    this.#worker = undefined;
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    await worker.terminate();
  }

  #onMessage(message: FromThread): void {
    const { source, counters, output } = this.#options;
    switch (message.kind) {
      case 'serving':
        this.#onServing?.();
        break;
      case 'failed':
        this.#onServing?.(new MeshError(message.code, message.sentence));
        break;
      case 'wanted':
        for (const service of message.wanted.services) source.store.wantService(service);
        for (const address of message.wanted.addresses) source.store.wantAddress(address);
        break;
      case 'traffic':
        addTraffic(counters, message.change);
        break;
      case 'endpoint':
        counters[message.change.kind](message.change.service, message.change.endpoint);
        break;
      case 'lines':
        output.writeAll(message.lines, message.dropped);
        this.post({ kind: 'lines-taken' });
        break;
      case 'described':
        this.#onDescribed.shift()?.(message.clusters);
        break;
      case 'stopped':
        this.#onStopped.get(message.part)?.();
        break;
    }
  }

  /** Half a sidecar would serve half of the connections: the process ends, and is started anew. */
  #onDeath(reason: string): void {
    if (this.#worker === undefined) return;
    const { log } = this.#options;
    log.fatal({ thread: this.#number, reason }, 'a thread of the sidecar died');
    process.exit(1);
  }
}
