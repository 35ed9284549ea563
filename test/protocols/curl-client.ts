import type { NamespaceShell } from './namespace-shell.ts';

/** What the HTTP server's `/digest` tells of a request. */
export interface Seen {
  readonly method: string;
  readonly httpVersion: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly bytes: number;
  readonly sha256: string;
}

/** Calls curl in a pod. */
export class CurlClient {
  readonly #shell: NamespaceShell;

  constructor(shell: NamespaceShell) {
    this.#shell = shell;
  }

  /** What curl prints. @throws Error when it does not end well */
  async ask(...args: readonly string[]): Promise<string> {
    return await this.#shell.output('curl', ['-sS', '--max-time', '60', ...args]);
  }

  /** What the server has seen of a request. */
  async see(...args: readonly string[]): Promise<Seen> {
    return JSON.parse(await this.ask(...args));
  }

  /** Of a file. */
  async sha256(path: string): Promise<string> {
    return (await this.#shell.output('sha256sum', ['-z', path])).slice(0, 64);
  }

  /** Of what a URL answers, without a file. */
  async downloadSha256(url: string): Promise<string> {
    const command = 'curl -sS --max-time 120 "$0" | sha256sum';
    const options = { timeoutMs: 150_000 };
    return (await this.#shell.output('sh', ['-c', command, url], options)).slice(0, 64);
  }
}
