import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Request, Result } from './scenario.ts';

/** What a load brought. */
export interface LoadResult {
  readonly sent: number;
  /** `<status> <version>`, or an error, each with how many. */
  readonly results: Readonly<Record<string, number>>;
  /** The first of them. */
  readonly failures: readonly Omit<Result, 'ms'>[];
}

/** A page as it was read. */
interface Page {
  readonly status: number;
  readonly body: string;
  readonly error: string;
}

/** Longer than any order takes. */
const PATIENCE_MS = 60_000;

/** A program in a pod (`programs/agent.mjs`) that sends what it is told to. */
export class PodAgent {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #last = 0;
  #said = '';
  #ended = false;

  /** @param child the running program, with pipes */
  constructor(name: string, child: ChildProcess) {
    this.name = name;
    this.#child = child;
    const lines = createInterface({ input: child.stdout ?? process.stdin });
    lines.on('line', (line) => this.#onLine(line));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#said = `${this.#said}${text}`.slice(-2000);
    });
    child.stdin?.on('error', () => {});
    child.once('close', () => {
      this.#ended = true;
      const error = new Error(`the agent in ${name} ended: ${this.#said}`);
      for (const { reject } of this.#waiting.values()) reject(error);
    });
  }

  send(order: {
    request: Request;
    count: number;
    atOnce: number;
    everyMs: number;
  }): Promise<Result[]> {
    return this.#order('send', order);
  }

  startLoad(load: string, request: Request, perSecond: number): Promise<unknown> {
    return this.#order('startLoad', { load, request, perSecond });
  }

  stopLoad(load: string): Promise<LoadResult> {
    return this.#order('stopLoad', { load });
  }

  openWebSocket(socket: string, url: string): Promise<{ status: number; error: string }> {
    return this.#order('openWebSocket', { socket, url, headers: {} });
  }

  askWebSocket(socket: string, text: string): Promise<{ text?: string; error: string }> {
    return this.#order('askWebSocket', { socket, text });
  }

  closeWebSocket(socket: string): Promise<unknown> {
    return this.#order('closeWebSocket', { socket });
  }

  /** Reads a page until it holds these texts; `error` is empty when it does in time. */
  poll(
    url: string,
    holds: readonly string[],
    options: { lacks?: readonly string[]; timeoutMs?: number } = {},
  ): Promise<{ ms: number; error: string; missing?: readonly string[] }> {
    const { lacks = [], timeoutMs = 20_000 } = options;
    return this.#order('poll', { url, holds, lacks, timeoutMs });
  }

  read(url: string): Promise<Page> {
    return this.#order('read', { url });
  }

  /** Ends it. */
  end(): void {
    this.#child.stdin?.end();
  }

  async #order<T>(order: string, options: object): Promise<T> {
    if (this.#ended) throw new Error(`the agent in ${this.name} has ended: ${this.#said}`);
    this.#last += 1;
    const id = this.#last;
    const answer = Promise.withResolvers<unknown>();
    this.#waiting.set(id, answer);
    const timer = setTimeout(() => {
      const seconds = PATIENCE_MS / 1000;
      answer.reject(new Error(`the agent in ${this.name} did not ${order} within ${seconds} s`));
    }, PATIENCE_MS);
    this.#child.stdin?.write(`${JSON.stringify({ id, order, ...options })}\n`);
    try {
      // The program on the other side answers each order in its own form.
      return (await answer.promise) as T;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(id);
    }
  }

  #onLine(line: string): void {
    if (!line.startsWith('{')) {
      this.#said += `${line}\n`;
      return;
    }
    const { id, result, error } = JSON.parse(line) as {
      id: number;
      result?: unknown;
      error?: string;
    };
    const waiting = this.#waiting.get(id);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(new Error(error));
  }
}
