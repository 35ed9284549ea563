import type { IncomingMessage } from 'node:http';
import type { Backoff } from '../../runtime/backoff.ts';
import type { Clock, Timer } from '../../runtime/clock.ts';
import { describeError, MeshError } from '../../runtime/errors.ts';
import type { Log } from '../../runtime/log.ts';
import type { SourceCollection } from '../collections/source-collection.ts';
import { ApiError, apiError, type KubernetesApi } from './kubernetes-api.ts';
import {
  type KubernetesObject,
  type ResourceProblem,
  resourceKey,
  type WatchedKind,
} from './source.ts';
import { LineSplitter } from './watch-lines.ts';
import type { WatchMetrics } from './watch-metrics.ts';

/** Times of a reflector; tests shorten them. */
export interface ReflectorTimes {
  /** The API server ends a watch after this long (drawn from it to its double). */
  readonly watchMs: number;
  /** A watch without a byte for this long, bookmarks included, is dead: the server sends some every minute. */
  readonly silenceMs: number;
  /** How often a kind that the server does not have is looked for. */
  readonly absentMs: number;
}

export const REFLECTOR_TIMES: ReflectorTimes = {
  watchMs: 300_000,
  silenceMs: 150_000,
  absentMs: 30_000,
};

export interface ReflectorOptions<T extends KubernetesObject> {
  readonly kind: WatchedKind<T>;
  readonly api: KubernetesApi;
  readonly objects: SourceCollection<T>;
  readonly problems: SourceCollection<ResourceProblem>;
  readonly metrics: WatchMetrics;
  readonly backoff: Backoff;
  readonly clock: Clock;
  readonly log: Log;
  readonly times: ReflectorTimes;
}

/** Objects a page of a list. */
const PAGE_SIZE = 500;

/** A watch that ends sooner than this was not worth much. */
const SHORT_WATCH_MS = 5000;

/** Why a watch ended, other than by an error. */
type WatchEnd = 'ended' | 'expired';

/**
 * Keeps a collection equal to what the API server has of a kind: lists it page
 * by page, then watches from there; a watch that ends is taken up again where
 * it stopped, and one that the server no longer knows (410) begins with a list.
 */
export class Reflector<T extends KubernetesObject> {
  readonly #options: ReflectorOptions<T>;
  readonly #stopped = new AbortController();
  #running: Promise<void> | undefined;
  /** From where the next watch continues; empty when a list is due. */
  #resourceVersion = '';
  #listedBefore = false;
  #absentNoted = false;

  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { backoff, clock, kind, metrics } = this.#options;
    while (!this.#stopped.signal.aborted) {
      try {
        if (this.#resourceVersion === '') await this.#list();
        const startedMs = clock.monotonicMs();
        const end = await this.#watch();
        metrics.watchEnded(kind.kind, end);
        if (end === 'expired') this.#resourceVersion = '';
        // A server that ends watches at once must not be asked in a tight loop.
        if (clock.monotonicMs() - startedMs > SHORT_WATCH_MS) backoff.reset();
        else await this.#sleep(backoff.nextMs());
      } catch (error) {
        if (this.#stopped.signal.aborted) return;
        await this.#recover(error);
      }
    }
  }

  /** Notes the failure and waits before the next attempt. */
  async #recover(error: unknown): Promise<void> {
    const { backoff, kind, log, metrics, objects, problems, times } = this.#options;
    const status = error instanceof ApiError ? error.status : 0;
    if (status === 410) {
      // Also a list can expire between two of its pages.
      this.#resourceVersion = '';
      metrics.watchEnded(kind.kind, 'expired');
      await this.#sleep(backoff.nextMs());
      return;
    }
    if (kind.optional && (status === 404 || status === 403)) {
      // Not installed, or not to be read: empty until it is.
      this.#resourceVersion = '';
      for (const [key] of objects.entries()) objects.delete(key);
      objects.markSynced();
      if (!this.#absentNoted) {
        log.info({ kind: kind.kind, apiVersion: kind.apiVersion, status }, 'kind not served');
        this.#absentNoted = true;
      }
      if (status === 403) problems.set(this.#problemKey(), this.#problem(error));
      await this.#sleep(times.absentMs);
      return;
    }
    metrics.watchEnded(kind.kind, 'failed');
    problems.set(this.#problemKey(), this.#problem(error));
    const waitMs = backoff.nextMs();
    log.warn({ kind: kind.kind, error: describeError(error), waitMs }, 'watch failed');
    await this.#sleep(waitMs);
  }

  #problemKey(): string {
    return `${this.#options.kind.apiVersion}/${this.#options.kind.kind}`;
  }

  #problem(error: unknown): ResourceProblem {
    return { where: this.#problemKey(), message: describeError(error) };
  }

  /** Reads everything there is; what is no longer among it is removed. */
  async #list(): Promise<void> {
    const { api, kind, metrics, objects, problems } = this.#options;
    const seen = new Map<string, T | undefined>();
    let next = '';
    let resourceVersion = '';
    do {
      const page: ListPage = await api.request({
        method: 'GET',
        path: `${this.#path()}?limit=${PAGE_SIZE}${next === '' ? '' : `&continue=${encodeURIComponent(next)}`}`,
        signal: this.#stopped.signal,
      });
      for (const item of page.items ?? []) {
        const key = keyOf(item);
        seen.set(key, this.#parse(key, item));
      }
      next = page.metadata?.continue ?? '';
      resourceVersion = page.metadata?.resourceVersion ?? '';
    } while (next !== '');
    if (resourceVersion === '') {
      throw new MeshError('kubernetes-api', `the list of ${kind.kind} has no resourceVersion`);
    }
    // All at once, so that nobody computes with half a list.
    for (const [key, object] of seen) if (object !== undefined) objects.set(key, object);
    for (const [key] of objects.entries()) if (!seen.has(key)) this.#remove(key);
    objects.markSynced();
    problems.delete(this.#problemKey());
    this.#absentNoted = false;
    this.#resourceVersion = resourceVersion;
    metrics.listed(kind.kind, this.#listedBefore, objects.size);
    this.#listedBefore = true;
  }

  async #watch(): Promise<WatchEnd> {
    const { api, problems, times } = this.#options;
    const seconds = Math.ceil((times.watchMs * (1 + Math.random())) / 1000);
    const request = {
      method: 'GET',
      path: `${this.#path()}?watch=true&allowWatchBookmarks=true&timeoutSeconds=${seconds}&resourceVersion=${encodeURIComponent(this.#resourceVersion)}`,
      signal: this.#stopped.signal,
    } as const;
    const response = await api.open(request);
    const status = response.statusCode ?? 0;
    if (status !== 200) {
      let text = '';
      for await (const chunk of response) text += String(chunk);
      throw apiError(request, status, text);
    }
    problems.delete(this.#problemKey());
    return await this.#readEvents(response);
  }

  #readEvents(response: IncomingMessage): Promise<WatchEnd> {
    const { backoff, clock, times } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<WatchEnd>();
    const lines = new LineSplitter();
    let silence: Timer | undefined;
    const listen = (): void => {
      silence?.cancel();
      silence = clock.setTimeout(() => {
        response.destroy(new Error(`nothing was heard for ${times.silenceMs / 1000} s`));
      }, times.silenceMs);
    };
    listen();
    response.on('data', (chunk: Buffer) => {
      listen();
      try {
        lines.push(chunk, (line) => {
          backoff.reset();
          if (this.#apply(JSON.parse(line)) === 'expired') {
            resolve('expired');
            response.destroy();
          }
        });
      } catch (error) {
        response.destroy(error instanceof Error ? error : new Error(String(error)));
      }
    });
    response.on('end', () => resolve('ended'));
    response.on('error', reject);
    response.on('close', () => {
      silence?.cancel();
      reject(new Error('the connection was cut'));
    });
    return promise;
  }

  /** Takes one event in; errors of the watch are thrown. */
  #apply(event: WatchEvent): 'expired' | undefined {
    const { kind, metrics, objects } = this.#options;
    if (event.type === 'ERROR') {
      const { code = 0, reason = '', message = '' } = event.object as StatusObject;
      if (code === 410) return 'expired';
      throw new ApiError(code, reason, `watching ${kind.plural} failed: ${message}`);
    }
    const resourceVersion = (event.object as ListedObject).metadata?.resourceVersion ?? '';
    if (event.type !== 'BOOKMARK') {
      metrics.event(kind.kind, event.type);
      const key = keyOf(event.object);
      if (event.type === 'DELETED') {
        this.#remove(key);
      } else {
        const object = this.#parse(key, event.object);
        if (object !== undefined) objects.set(key, object);
      }
    }
    if (resourceVersion !== '') this.#resourceVersion = resourceVersion;
    return undefined;
  }

  /** The object, pruned; undefined when it cannot be understood, and the last good one stays. */
  #parse(key: string, raw: unknown): T | undefined {
    const { kind, log, problems } = this.#options;
    const where = `${kind.kind}/${key}`;
    let object: T;
    try {
      object = kind.parse(raw);
    } catch (error) {
      log.warn({ where, error: describeError(error) }, 'resource not understood');
      problems.set(where, { where, message: describeError(error) });
      return undefined;
    }
    if (object.invalid === undefined) problems.delete(where);
    else problems.set(where, { where, message: object.invalid.message });
    return object;
  }

  #remove(key: string): void {
    this.#options.objects.delete(key);
    this.#options.problems.delete(`${this.#options.kind.kind}/${key}`);
  }

  #path(): string {
    const { apiVersion, plural } = this.#options.kind;
    return `/${apiVersion.includes('/') ? 'apis' : 'api'}/${apiVersion}/${plural}`;
  }

  #sleep(delayMs: number): Promise<void> {
    const { signal } = this.#stopped;
    if (signal.aborted) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    const end = (): void => {
      timer.cancel();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = this.#options.clock.setTimeout(end, delayMs);
    signal.addEventListener('abort', end);
    return promise;
  }
}

interface ListedObject {
  readonly metadata?: {
    readonly name?: string;
    readonly namespace?: string;
    readonly resourceVersion?: string;
  };
}

interface ListPage {
  readonly metadata?: { readonly continue?: string; readonly resourceVersion?: string };
  readonly items?: readonly ListedObject[];
}

interface WatchEvent {
  readonly type: string;
  readonly object: unknown;
}

interface StatusObject {
  readonly code?: number;
  readonly reason?: string;
  readonly message?: string;
}

function keyOf(raw: unknown): string {
  const { name = '', namespace = '' } = (raw as ListedObject).metadata ?? {};
  return resourceKey({ name, namespace });
}
