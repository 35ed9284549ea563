import { unwatchFile, watchFile } from 'node:fs';
import type { Component } from '../../runtime/component.ts';
import { describeError } from '../../runtime/errors.ts';
import type { Log } from '../../runtime/log.ts';
import { readStaticFile, type StaticConfig } from './static-file.ts';
import type { ConfigStore } from './store.ts';

/** Polling sees every kind of replacement: in place, by rename, by symbolic link. */
const POLL_MS = 500;

/**
 * A file in place of the control plane. It is read again when it changes; a bad
 * change is logged, and what was in force stays. The pod, the listeners, the
 * access log and the paths of the certificate are taken at start only.
 */
export class StaticWatch implements Component {
  readonly name = 'static configuration';
  readonly #path: string;
  readonly #store: ConfigStore;
  readonly #log: Log;
  readonly #pollMs: number;
  readonly #first: StaticConfig;
  #refused = 0;

  /** @param first what was read from the file already */
  constructor(path: string, first: StaticConfig, store: ConfigStore, log: Log, pollMs = POLL_MS) {
    this.#path = path;
    this.#first = first;
    this.#store = store;
    this.#log = log;
    this.#pollMs = pollMs;
  }

  /** Changes of the file that were not taken. */
  get refused(): number {
    return this.#refused;
  }

  start(): void {
    this.#store.replace(this.#first.config);
    watchFile(this.#path, { interval: this.#pollMs, persistent: false }, this.#onChange);
  }

  stop(): void {
    unwatchFile(this.#path, this.#onChange);
  }

  readonly #onChange = (): void => void this.#reload();

  async #reload(): Promise<void> {
    try {
      const next = await readStaticFile(this.#path);
      this.#store.replace(next.config);
      this.#log.info({ path: this.#path }, 'static configuration reloaded');
      if (fixedPart(next) !== fixedPart(this.#first)) {
        this.#log.warn(
          { path: this.#path },
          'pod, listeners, access log and certificate paths need a restart',
        );
      }
    } catch (error) {
      this.#refused += 1;
      const fields = { path: this.#path, reason: describeError(error) };
      this.#log.error(fields, 'static configuration refused, the one before stays in force');
    }
  }
}

function fixedPart(config: StaticConfig): string {
  return JSON.stringify([config.pod, config.listeners, config.accessLog, config.certificate]);
}
