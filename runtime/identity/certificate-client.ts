import { X509Certificate } from 'node:crypto';
import type { CertifyRequest } from '../../proto/gen/remora/v1/CertifyRequest.ts';
import type { CertifyResponse__Output } from '../../proto/gen/remora/v1/CertifyResponse.ts';
import { v1 } from '../../proto/load.ts';
import type { Backoff } from '../backoff.ts';
import { type Clock, systemClock, type Timer } from '../clock.ts';
import type { Component } from '../component.ts';
import { describeError, MeshError } from '../errors.ts';
import type { Log } from '../log.ts';
import { type CertificateRequest, createCertificateRequest } from './certificate-request.ts';
import type { ControlPlaneConnection } from './control-plane-connection.ts';
import { ControlPlaneStream } from './control-plane-stream.ts';

/** A certificate with its key and the roots to trust. Immutable: a renewal is another one. */
export interface IssuedCertificate {
  /** PEM, PKCS #8. */
  readonly privateKey: string;
  /** PEM, leaf first. */
  readonly chain: string;
  /** PEM, one or more. */
  readonly roots: string;
  readonly spiffeId: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

export interface CertificateClientOptions {
  readonly connection: ControlPlaneConnection;
  readonly log: Log;
  /** Called for each new certificate, and with the old one when only the roots changed. */
  onChange(issued: IssuedCertificate): void;
  /** One that an earlier run of this process left; used until half of its life is over. */
  readonly kept?: IssuedCertificate | undefined;
  readonly clock?: Clock;
  readonly random?: () => number;
  readonly backoff?: Backoff;
}

/** A signing request that is not answered by then is sent again on a new stream. */
const ANSWER_TIMEOUT_MS = 30_000;
/**
 * However wrong the clock: a new certificate is used at least a twentieth of its
 * life, within these bounds, before the next one.
 */
const MIN_RENEWAL_MS = { least: 1000, most: 60_000 } as const;
/** How often the wall clock is looked at: it may have been set since the certificate came. */
const CLOCK_CHECK_MS = 60_000;

/**
 * Keeps a certificate from the control plane: asks for one at start, renews it
 * around half of its life (jittered, so that a fleet that started together does
 * not return together), and at once when the control plane wants it. Takes new
 * roots as they come. While the control plane is away the certificate in hand
 * serves on, and a renewal that is due goes out with the next stream.
 */
export class CertificateClient implements Component {
  readonly name = 'certificates';
  readonly #options: CertificateClientOptions;
  readonly #clock: Clock;
  readonly #stream: ControlPlaneStream<CertifyRequest, CertifyResponse__Output>;
  #current: IssuedCertificate | undefined;
  #pending: CertificateRequest | undefined;
  #renewalDueMs: number;
  /** The certificate is not replaced of our own accord before; by the monotonic clock. */
  #usedFromMs = 0;
  #renewal: Timer | undefined;
  #answer: Timer | undefined;

  constructor(options: CertificateClientOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#current = options.kept;
    this.#renewalDueMs = options.kept === undefined ? 0 : this.#renewalTime(options.kept, 0);
    this.#stream = new ControlPlaneStream({
      carries: 'certificates',
      connection: options.connection,
      open: async (connection) => {
        const { client, metadata } = await connection.open(v1.Identity);
        return client.certify(metadata);
      },
      onOpen: () => {
        if (this.#due()) this.#request();
      },
      onMessage: (response) => this.#received(response),
      onClosed: () => {
        this.#answer?.cancel();
        this.#pending = undefined;
      },
      log: options.log,
      clock: this.#clock,
      ...(options.backoff === undefined ? {} : { backoff: options.backoff }),
    });
  }

  get current(): IssuedCertificate | undefined {
    return this.#current;
  }

  start(): void {
    this.#schedule();
    this.#stream.start();
  }

  async stop(signal?: AbortSignal): Promise<void> {
    this.#renewal?.cancel();
    this.#answer?.cancel();
    await this.#stream.stop(signal);
  }

  #received(response: CertifyResponse__Output): void {
    if (response.certificate) {
      this.#issued(response.certificate);
    } else if (response.trustBundle) {
      this.#newRoots(response.trustBundle.roots);
    } else if (response.renew !== undefined) {
      this.#options.log.info({ reason: response.renew }, 'certificate renewal asked for');
      this.#request();
    }
  }

  #issued(certificate: NonNullable<CertifyResponse__Output['certificate']>): void {
    const pending = this.#pending;
    if (pending === undefined) return;
    this.#pending = undefined;
    this.#answer?.cancel();
    const issued: IssuedCertificate = {
      privateKey: pending.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      chain: certificate.chain,
      roots: certificate.trustBundle?.roots ?? '',
      spiffeId: certificate.spiffeId,
      notBeforeMs: certificate.notBeforeMs,
      notAfterMs: certificate.notAfterMs,
    };
    try {
      checkCertificate(issued, pending);
    } catch (error) {
      this.#options.log.error({ error: describeError(error) }, 'issued certificate refused');
      this.#stream.restart('the issued certificate cannot be used');
      return;
    }
    this.#current = issued;
    const leftMs = issued.notAfterMs - this.#clock.wallMs();
    const { least, most } = MIN_RENEWAL_MS;
    const leastMs = Math.min(Math.max((issued.notAfterMs - issued.notBeforeMs) / 20, least), most);
    this.#usedFromMs = this.#clock.monotonicMs() + leastMs;
    this.#renewalDueMs = this.#renewalTime(issued, Math.max(leftMs / 4, leastMs));
    this.#schedule();
    const { spiffeId } = issued;
    const notAfter = new Date(issued.notAfterMs).toISOString();
    this.#options.log.info({ spiffeId, notAfter }, 'certificate received');
    this.#options.onChange(issued);
  }

  #newRoots(roots: string): void {
    const current = this.#current;
    // Without a certificate the roots arrive with the first one.
    if (current === undefined || current.roots === roots || roots === '') return;
    this.#current = { ...current, roots };
    this.#options.log.info({}, 'trust bundle changed');
    this.#options.onChange(this.#current);
    // The CA was replaced while we were away: nobody else trusts this certificate any more.
    if (!isVouchedFor(current.chain, roots)) this.#request();
  }

  /** By the monotonic clock. When half of the life is over already: after `lateMs`. */
  #renewalTime(issued: IssuedCertificate, lateMs: number): number {
    const lifetimeMs = issued.notAfterMs - issued.notBeforeMs;
    const jitter = ((this.#options.random ?? Math.random)() - 0.5) / 10;
    const halfMs = lifetimeMs * (0.5 + jitter);
    // By a clock that is behind, a new certificate lies in the future.
    const delayMs = Math.min(issued.notBeforeMs + halfMs - this.#clock.wallMs(), halfMs);
    return this.#clock.monotonicMs() + (delayMs > 0 ? delayMs : lateMs);
  }

  #schedule(): void {
    this.#renewal?.cancel();
    if (this.#current === undefined) return;
    const delayMs = Math.max(this.#renewalDueMs - this.#clock.monotonicMs(), 0);
    this.#renewal = this.#clock.setTimeout(
      () => {
        if (this.#due()) this.#request();
        else this.#schedule();
      },
      Math.min(Math.ceil(delayMs), CLOCK_CHECK_MS),
    );
  }

  /** Timers may fire a moment early by the other clock. */
  #due(): boolean {
    const nowMs = this.#clock.monotonicMs();
    return nowMs >= this.#renewalDueMs - 2 || (this.#endsSoon() && nowMs >= this.#usedFromMs);
  }

  /** By the wall clock, which others will judge it by, the last quarter of its life has begun. */
  #endsSoon(): boolean {
    const current = this.#current;
    if (current === undefined) return false;
    const lifetimeMs = current.notAfterMs - current.notBeforeMs;
    return this.#clock.wallMs() > current.notAfterMs - lifetimeMs / 4;
  }

  #request(): void {
    if (this.#pending !== undefined || !this.#stream.open) return;
    this.#pending = createCertificateRequest();
    this.#stream.write({ certificateSigningRequest: this.#pending.der });
    this.#answer = this.#clock.setTimeout(() => {
      this.#stream.restart('a signing request was not answered');
    }, ANSWER_TIMEOUT_MS);
  }
}

/** Whether one of the roots signed the end of the chain. */
function isVouchedFor(chain: string, roots: string): boolean {
  const top = certificatesIn(chain).at(-1);
  return top !== undefined && certificatesIn(roots).some((root) => top.verify(root.publicKey));
}

function certificatesIn(pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block));
}

/** @throws MeshError when the chain, the roots or the key do not belong together. */
function checkCertificate(issued: IssuedCertificate, request: CertificateRequest): void {
  if (issued.roots === '') throw new MeshError('bad-certificate', 'it came without roots');
  const leaf = new X509Certificate(issued.chain);
  if (!leaf.checkPrivateKey(request.privateKey)) {
    throw new MeshError('bad-certificate', 'it is for another key');
  }
  if (leaf.subjectAltName !== undefined && issued.spiffeId !== '') {
    const names = leaf.subjectAltName.split(', ');
    if (!names.includes(`URI:${issued.spiffeId}`)) {
      throw new MeshError('bad-certificate', `it does not carry ${issued.spiffeId}`);
    }
  }
  if (!(issued.notAfterMs > issued.notBeforeMs)) {
    throw new MeshError('bad-certificate', 'it ends before it begins');
  }
}
