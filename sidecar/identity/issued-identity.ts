import { type Clock, systemClock } from '../../runtime/clock.ts';
import type { Component } from '../../runtime/component.ts';
import { describeError } from '../../runtime/errors.ts';
import { CertificateClient } from '../../runtime/identity/certificate-client.ts';
import type { ControlPlaneConnection } from '../../runtime/identity/control-plane-connection.ts';
import type { Log } from '../../runtime/log.ts';
import { CertificateSource } from './certificate-source.ts';
import { KeptCertificate } from './kept-certificate.ts';

/** The sidecar's identity from the control plane, kept for the next start. */
export class IssuedIdentity implements Component {
  readonly name = 'identity';
  readonly source = new CertificateSource();
  readonly #connection: ControlPlaneConnection;
  readonly #kept: KeptCertificate;
  readonly #log: Log;
  readonly #clock: Clock;
  #client: CertificateClient | undefined;

  constructor(options: {
    connection: ControlPlaneConnection;
    stateDirectory: string;
    log: Log;
    clock?: Clock;
  }) {
    this.#connection = options.connection;
    this.#log = options.log;
    this.#clock = options.clock ?? systemClock;
    this.#kept = new KeptCertificate(options.stateDirectory, options.log);
  }

  start(): void {
    let kept = this.#kept.load(this.#clock.wallMs());
    if (kept !== undefined) {
      try {
        this.source.replace(kept);
        this.#log.info({ spiffeId: kept.spiffeId }, 'kept identity in use');
      } catch (error) {
        this.#log.warn({ reason: describeError(error) }, 'kept identity ignored');
        kept = undefined;
      }
    }
    this.#client = new CertificateClient({
      connection: this.#connection,
      log: this.#log,
      clock: this.#clock,
      kept,
      onChange: (issued) => {
        this.source.replace(issued);
        void this.#kept.save(issued);
      },
    });
    this.#client.start();
  }

  async stop(signal?: AbortSignal): Promise<void> {
    await this.#client?.stop(signal);
  }
}
