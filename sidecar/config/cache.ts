import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Push__Output } from '../../proto/gen/remora/v1/Push.ts';
import { subscribe } from '../../proto/messages.ts';
import { type Clock, systemClock, type Timer } from '../../runtime/clock.ts';
import type { Component } from '../../runtime/component.ts';
import { describeError } from '../../runtime/errors.ts';
import type { Log } from '../../runtime/log.ts';

const { responseSerialize, responseDeserialize } = subscribe;

/** A configuration from the file, and when it was written there. */
export interface KeptConfig {
  readonly push: Push__Output;
  readonly savedWallMs: number;
}

/** Told apart from other files, and from other formats of this one. */
const MAGIC = Buffer.from('remora-config-1\n');
const DIGEST_BYTES = 32;
const SAVE_DELAY_MS = 250;

/**
 * Keeps what was received in a file, so that a sidecar that restarts while the
 * control plane is away serves on. The file is one `Push` in protobuf behind a
 * SHA-256 of it: since protobuf messages merge when they stand one after the
 * other, it is the resources side by side, each as it was encoded when it came.
 */
export class ConfigCache implements Component {
  readonly name = 'configuration cache';
  readonly #path: string;
  readonly #directory: string;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #resources = new Map<string, Buffer>();
  #version = '';
  #timer: Timer | undefined;
  #saving: Promise<void> = Promise.resolve();

  /** @param directory on a volume that outlives the process, such as the pod's memory volume */
  constructor(directory: string, log: Log, clock: Clock = systemClock) {
    this.#directory = directory;
    this.#path = join(directory, 'config.bin');
    this.#log = log;
    this.#clock = clock;
  }

  start(): void {}

  /** What the file holds; undefined when there is none, or when it is damaged, which is logged. */
  load(): KeptConfig | undefined {
    let file: Buffer;
    let savedWallMs: number;
    try {
      file = readFileSync(this.#path);
      savedWallMs = statSync(this.#path).mtimeMs;
    } catch (error) {
      if (!isMissing(error)) this.ignored(describeError(error));
      return undefined;
    }
    const body = file.subarray(MAGIC.length + DIGEST_BYTES);
    const digest = file.subarray(MAGIC.length, MAGIC.length + DIGEST_BYTES);
    if (!file.subarray(0, MAGIC.length).equals(MAGIC) || !sha256(body).equals(digest)) {
      this.ignored('it is damaged, or of another release');
      return undefined;
    }
    try {
      return { push: responseDeserialize(body), savedWallMs };
    } catch (error) {
      this.ignored(describeError(error));
      return undefined;
    }
  }

  /** Says why the kept configuration is not used. */
  ignored(reason: string): void {
    this.#log.warn({ path: this.#path, reason }, 'kept configuration ignored');
  }

  /** Takes over what changed; the file follows soon after, once for many changes. */
  record(push: Push__Output): void {
    for (const resource of push.resources) {
      this.#resources.set(resource.name, responseSerialize({ resources: [resource] }));
    }
    for (const name of push.removed) this.#resources.delete(name);
    this.#version = push.version;
    this.#timer ??= this.#clock.setTimeout(() => {
      this.#timer = undefined;
      void this.#save();
    }, SAVE_DELAY_MS);
  }

  /** Writes what is not written yet. */
  async stop(): Promise<void> {
    if (this.#timer !== undefined) {
      this.#timer.cancel();
      this.#timer = undefined;
      void this.#save();
    }
    await this.#saving;
  }

  /** One write at a time; the file is replaced whole, so a reader never sees half of one. */
  #save(): Promise<void> {
    this.#saving = this.#saving.then(async () => {
      const body = Buffer.concat([
        responseSerialize({ version: this.#version }),
        ...this.#resources.values(),
      ]);
      const temporary = `${this.#path}.new`;
      try {
        await mkdir(this.#directory, { recursive: true, mode: 0o700 });
        await writeFile(temporary, Buffer.concat([MAGIC, sha256(body), body]), { mode: 0o600 });
        await rename(temporary, this.#path);
      } catch (error) {
        this.#log.error(
          { path: this.#path, error: describeError(error) },
          'configuration could not be kept',
        );
        await rm(temporary, { force: true }).catch(() => {});
      }
    });
    return this.#saving;
  }
}

function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
