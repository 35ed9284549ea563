import { type StatWatcher, unwatchFile, watchFile } from 'node:fs';
import type { Component } from '../../runtime/component.ts';
import { describeError } from '../../runtime/errors.ts';
import type { Log } from '../../runtime/log.ts';
import { readStaticFile, type StaticConfig } from './static-file.ts';
import type { ConfigStore } from './store.ts';

/** Polling sees every kind of replacement: in place, by rename, by symbolic link. */
const POLL_MS = 500;

/**
 * A file in place of the control plane. It is read again when it changes; a bad
 * change is logged, and what was in force stays. Listeners and the paths of the
 * certificate are taken at start only.
 */
export class StaticSource implements Component {
  readonly name = 'static configuration';
  readonly #path: string;
  readonly #store: ConfigStore;
  readonly #log: Log;
  readonly #pollMs: number;
  #watcher: StatWatcher | undefined;
  #started: StaticConfig | undefined;

  constructor(path: string, store: ConfigStore, log: Log, pollMs = POLL_MS) {
    this.#path = path;
    this.#store = store;
    this.#log = log;
    this.#pollMs = pollMs;
  }

  /** @throws MeshError `bad-static-config`: without a first good one there is nothing to serve */
  async start(): Promise<void> {
    this.#started = await readStaticFile(this.#path);
    this.#store.replace(this.#started.config);
    this.#watcher = watchFile(this.#path, { interval: this.#pollMs, persistent: false }, () => {
      void this.#reload();
    });
  }

  stop(): void {
    if (this.#watcher !== undefined) unwatchFile(this.#path);
    this.#watcher = undefined;
  }

  async #reload(): Promise<void> {
    try {
      const next = await readStaticFile(this.#path);
      this.#store.replace(next.config);
      this.#log.info({ path: this.#path }, 'static configuration reloaded');
      if (fixedPart(next) !== fixedPart(this.#started)) {
        this.#log.warn({ path: this.#path }, 'listeners and certificate paths need a restart');
      }
    } catch (error) {
      const fields = { path: this.#path, reason: describeError(error) };
      this.#log.error(fields, 'static configuration refused, the one before stays in force');
    }
  }
}

function fixedPart(config: StaticConfig | undefined): string {
  return JSON.stringify([config?.listeners, config?.certificate]);
}
