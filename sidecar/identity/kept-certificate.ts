import { readFileSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeError } from '../../runtime/errors.ts';
import type { IssuedCertificate } from '../../runtime/identity/certificate-client.ts';
import type { Log } from '../../runtime/log.ts';

/**
 * Key, chain and roots in one file of mode 0600 on the pod's memory volume, so
 * that a sidecar that restarts serves before the control plane answers.
 */
export class KeptCertificate {
  readonly #directory: string;
  readonly #path: string;
  readonly #log: Log;
  #saving: Promise<void> = Promise.resolve();

  constructor(directory: string, log: Log) {
    this.#directory = directory;
    this.#path = join(directory, 'identity.json');
    this.#log = log;
  }

  /** Undefined when there is none, or none that is whole and valid for another minute. */
  load(nowMs: number): IssuedCertificate | undefined {
    let text: string;
    try {
      text = readFileSync(this.#path, 'utf8');
    } catch {
      return undefined;
    }
    try {
      const kept: unknown = JSON.parse(text);
      if (!isIssuedCertificate(kept)) throw new Error('fields are missing');
      if (kept.notAfterMs < nowMs + 60_000) throw new Error('it has expired');
      return kept;
    } catch (error) {
      this.#log.warn({ path: this.#path, reason: describeError(error) }, 'kept identity ignored');
      return undefined;
    }
  }

  /** Replaces the file as a whole; a failure is logged, since the one in memory still serves. */
  save(certificate: IssuedCertificate): Promise<void> {
    this.#saving = this.#saving.then(async () => {
      try {
        await mkdir(this.#directory, { recursive: true, mode: 0o700 });
        const temporary = `${this.#path}.new`;
        await writeFile(temporary, JSON.stringify(certificate), { mode: 0o600 });
        await rename(temporary, this.#path);
      } catch (error) {
        const fields = { path: this.#path, error: describeError(error) };
        this.#log.error(fields, 'identity could not be kept');
      }
    });
    return this.#saving;
  }
}

function isIssuedCertificate(value: unknown): value is IssuedCertificate {
  if (typeof value !== 'object' || value === null) return false;
  const fields = value as Record<string, unknown>;
  const texts = ['privateKey', 'chain', 'roots', 'spiffeId'];
  const numbers = ['notBeforeMs', 'notAfterMs'];
  return (
    texts.every((name) => typeof fields[name] === 'string') &&
    numbers.every((name) => typeof fields[name] === 'number')
  );
}
