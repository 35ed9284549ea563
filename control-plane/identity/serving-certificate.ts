import { isIP } from 'node:net';
import { spiffeId } from '../../proto/well-known.ts';
import type { Clock, Timer } from '../../runtime/clock.ts';
import type { Component } from '../../runtime/component.ts';
import type { Log } from '../../runtime/log.ts';
import type { CertificateAuthority } from './authority.ts';
import { exportSpki, generateKeyPair } from './x509.ts';

export interface ServingCertificateOptions {
  readonly authority: CertificateAuthority;
  /** DNS names and IP addresses under which the server is reached. */
  readonly serverNames: readonly string[];
  readonly trustDomain: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Puts a certificate (PEM chain, PEM key) into use. */
  readonly use: (chain: string, privateKey: string) => void;
}

/**
 * The certificate of the control plane's own server, from its own authority.
 * Renewed at half its life, and at once when the issuer changes.
 */
export class ServingCertificate implements Component {
  readonly name = 'serving-certificate';
  readonly #options: ServingCertificateOptions;
  #timer: Timer | undefined;
  #unsubscribe: (() => void) | undefined;
  #notAfterMs = 0;

  constructor(options: ServingCertificateOptions) {
    this.#options = options;
  }

  start(): void {
    this.#renew();
    this.#unsubscribe = this.#options.authority.onChange(({ issuerChanged }) => {
      if (issuerChanged) this.#renew();
    });
  }

  stop(): void {
    this.#timer?.cancel();
    this.#unsubscribe?.();
  }

  get notAfterMs(): number {
    return this.#notAfterMs;
  }

  #renew(): void {
    const { authority, serverNames, trustDomain, namespace, serviceAccount, clock } = this.#options;
    const keys = generateKeyPair();
    const { chain, notAfterMs } = authority.issue(exportSpki(keys.publicKey), {
      uris: [spiffeId(trustDomain, namespace, serviceAccount)],
      dnsNames: serverNames.filter((name) => isIP(name) === 0),
      ipAddresses: serverNames.filter((name) => isIP(name) !== 0),
    });
    this.#options.use(chain, keys.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString());
    this.#notAfterMs = notAfterMs;
    this.#options.log.info({ notAfter: new Date(notAfterMs) }, 'serving certificate renewed');
    this.#timer?.cancel();
    // An issuer at the end of its life gives short certificates: not more than one a second.
    const delayMs = Math.max(1_000, (notAfterMs - clock.wallMs()) / 2);
    this.#timer = clock.setTimeout(() => this.#renew(), Math.min(delayMs, LONGEST_TIMER_MS));
  }
}

/** setTimeout takes 31 bits of milliseconds. */
const LONGEST_TIMER_MS = 2_000_000_000;
