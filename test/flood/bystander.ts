import { Agent, request } from 'node:http';

const INTERVAL_MS = 25;
const FRESH_EVERY = 20;
const TIMEOUT_MS = 5_000;

/** What came of requests in some span of time. */
export interface Experience {
  readonly requests: number;
  readonly failures: readonly string[];
  readonly p99Ms: number;
}

/**
 * A client that asks steadily, one request after the other on its own connection, and
 * now and then on a new one. It has done nothing wrong and must not notice.
 */
export class Bystander {
  readonly #port: number;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  #durationsMs: number[] = [];
  #failures: string[] = [];
  #count = 0;
  #stopped = false;
  #done: Promise<void> | undefined;

  constructor(port: number) {
    this.#port = port;
  }

  start(): void {
    this.#done = this.#run();
  }

  /** What came of the requests since the last call. */
  take(): Experience {
    const sorted = this.#durationsMs.sort((a, b) => a - b);
    const failures = this.#failures;
    const requests = sorted.length + failures.length;
    const p99Ms = sorted[Math.ceil(sorted.length * 0.99) - 1] ?? Number.NaN;
    this.#durationsMs = [];
    this.#failures = [];
    return { requests, failures, p99Ms };
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
    this.#agent.destroy();
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const started = performance.now();
      const failure = await this.#ask(++this.#count % FRESH_EVERY === 0);
      const tookMs = performance.now() - started;
      if (failure === undefined) this.#durationsMs.push(tookMs);
      else this.#failures.push(failure);
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, INTERVAL_MS - tookMs)));
    }
  }

  /** Undefined when the right answer came. */
  #ask(fresh: boolean): Promise<string | undefined> {
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    const asked = request(
      {
        port: this.#port,
        host: '127.0.0.1',
        path: '/bystander',
        timeout: TIMEOUT_MS,
        agent: fresh ? false : this.#agent,
      },
      (response) => {
        let body = '';
        response.setEncoding('latin1').on('data', (text) => {
          body += text;
        });
        response.on('error', (error) => resolve(error.message));
        response.on('end', () => {
          const right = response.statusCode === 200 && body === 'ok\n';
          resolve(right ? undefined : `${response.statusCode} ${JSON.stringify(body)}`);
        });
      },
    );
    asked.on('timeout', () => asked.destroy(new Error(`no answer in ${TIMEOUT_MS} ms`)));
    asked.on('error', (error) => resolve(error.message));
    asked.end();
    return promise;
  }
}

/** Of several bystanders together. */
export function together(experiences: readonly Experience[]): Experience {
  return {
    requests: experiences.reduce((sum, { requests }) => sum + requests, 0),
    failures: experiences.flatMap(({ failures }) => failures),
    p99Ms: Math.max(...experiences.map(({ p99Ms }) => p99Ms)),
  };
}
