import { Backoff } from '../../runtime/backoff.ts';
import type { Clock, Timer } from '../../runtime/clock.ts';
import type { Component } from '../../runtime/component.ts';
import { describeError, MeshError } from '../../runtime/errors.ts';
import type { Log } from '../../runtime/log.ts';
import { type CaMaterial, CLOCK_SKEW_MS, createCa, readCa, rotateCa } from './ca-material.ts';
import type { CaStore } from './ca-store.ts';
import { certificatePem, issueLeafCertificate, type SubjectNames } from './x509.ts';

export interface AuthorityOptions {
  readonly store: CaStore;
  readonly leafLifetimeMs: number;
  readonly rootLifetimeMs: number;
  /** How often the store is looked at for a CA that somebody else put there. */
  readonly pollMs: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** From when on the end of the issuer is warned of, in lifetimes of a leaf. */
const WARN_LIFETIMES = 7;
const WARN_AGAIN_MS = 3_600_000;

/** A certificate with what goes with it. */
export interface IssuedCertificate {
  /** PEM, leaf first. */
  readonly chain: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** What changed in the CA. */
export interface AuthorityChange {
  /** Certificates of the earlier issuer should be replaced. */
  readonly issuerChanged: boolean;
}

/**
 * The mesh's certificate authority. On the first start it makes a root; replicas
 * that start together agree on the one that was stored first. It looks after
 * the stored CA from then on: takes what others put there, and replaces a root
 * in time. While the store cannot be reached, or holds something unusable, it
 * goes on with what it has.
 */
export class CertificateAuthority implements Component {
  readonly name = 'certificate-authority';
  readonly #options: AuthorityOptions;
  readonly #listeners = new Set<(change: AuthorityChange) => void>();
  #material: CaMaterial | undefined;
  #timer: Timer | undefined;
  #warnedAtMs = Number.NEGATIVE_INFINITY;
  #stopped = false;
  /** Problems with the store in a row, so that each is logged once. */
  #failures = 0;

  constructor(options: AuthorityOptions) {
    this.#options = options;
  }

  /** Returns once there is a CA; asks again while the store cannot be reached. */
  async start(signal: AbortSignal): Promise<void> {
    const backoff = new Backoff({ baseMs: 500, maxMs: 10_000 });
    for (;;) {
      try {
        await this.refresh();
        break;
      } catch (error) {
        signal.throwIfAborted();
        this.#options.log.error(
          { ca: this.#options.store.where, error: describeError(error) },
          'cannot read the CA, trying again',
        );
        await this.#sleep(backoff.nextMs(), signal);
      }
    }
    this.#schedule();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  get ready(): boolean {
    return this.#material !== undefined;
  }

  /** PEM of the roots to trust. */
  get roots(): string {
    return this.#current.roots;
  }

  /** When what issues now ends. */
  get issuerNotAfterMs(): number {
    return this.#current.issuer.notAfterMs;
  }

  /** @throws MeshError `bad-name` when a name cannot stand in a certificate. */
  issue(publicKeySpki: Buffer, names: SubjectNames): IssuedCertificate {
    const { issuer, intermediates } = this.#current;
    const nowMs = this.#options.clock.wallMs();
    const validity = {
      notBeforeMs: nowMs - CLOCK_SKEW_MS,
      notAfterMs: Math.min(nowMs + this.#options.leafLifetimeMs, issuer.notAfterMs),
    };
    const leaf = issueLeafCertificate(issuer, publicKeySpki, names, validity);
    return { chain: certificatePem(leaf) + intermediates, ...validity };
  }

  /** Calls `listener` when issuer or roots have changed; returns the way to stop it. */
  onChange(listener: (change: AuthorityChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Looks at the store now: takes, creates or rotates the CA. */
  async refresh(): Promise<void> {
    const { store, clock } = this.#options;
    // A round ends without a CA in hand when this or another replica has just written it.
    for (let round = 0; round < 5; round += 1) {
      const stored = await store.read();
      if (stored === undefined) {
        if (await store.create(createCa(clock.wallMs(), this.#options))) {
          this.#options.log.info('created a CA');
        }
        continue;
      }
      const rotated = rotateCa(stored.data, clock.wallMs(), this.#options);
      if (rotated === undefined) {
        this.#take(readCa(stored.data));
        this.#warnOfTheEnd();
        return;
      }
      if (await store.replace(rotated, stored.version)) {
        this.#options.log.info({ nextFrom: rotated['next.from'] }, 'rotated the CA');
      }
    }
    throw new MeshError('ca-contention', 'the stored CA changes faster than it can be read');
  }

  /** A root is followed by another long before; an intermediate is for those to renew who brought it. */
  #warnOfTheEnd(): void {
    const { clock, leafLifetimeMs, log, store } = this.#options;
    const { issuer, intermediates } = this.#current;
    const leftMs = issuer.notAfterMs - clock.wallMs();
    if (intermediates === '' || leftMs > WARN_LIFETIMES * leafLifetimeMs) return;
    const nowMs = clock.monotonicMs();
    if (nowMs - this.#warnedAtMs < WARN_AGAIN_MS) return;
    this.#warnedAtMs = nowMs;
    log.warn(
      { ca: store.where, notAfter: new Date(issuer.notAfterMs) },
      'the certificate that issues all others ends soon: renew it',
    );
  }

  #take(material: CaMaterial): void {
    const before = this.#material;
    const issuerChanged = before?.data['ca.crt'] !== material.data['ca.crt'];
    if (!issuerChanged && before?.roots === material.roots) return;
    this.#material = material;
    if (before === undefined) return;
    this.#options.log.info({ issuerChanged }, 'the CA has changed');
    for (const listener of this.#listeners) listener({ issuerChanged });
  }

  #schedule(): void {
    if (this.#stopped) return;
    this.#timer = this.#options.clock.setTimeout(() => void this.#poll(), this.#options.pollMs);
  }

  async #poll(): Promise<void> {
    try {
      await this.refresh();
      this.#failures = 0;
    } catch (error) {
      this.#failures += 1;
      if (this.#failures === 1) {
        this.#options.log.error(
          { ca: this.#options.store.where, error: describeError(error) },
          'cannot use the stored CA, going on with the earlier one',
        );
      }
    }
    this.#schedule();
  }

  #sleep(delayMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = this.#options.clock.setTimeout(resolve, delayMs);
      signal.addEventListener('abort', () => {
        timer.cancel();
        reject(signal.reason);
      });
    });
  }

  get #current(): CaMaterial {
    if (this.#material === undefined) {
      throw new MeshError('ca-not-ready', 'the CA is not there yet');
    }
    return this.#material;
  }
}
