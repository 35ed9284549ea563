import { createSecureContext } from 'node:tls';
import { MeshError } from '../../runtime/errors.ts';
import type { IssuedCertificate } from '../../runtime/identity/certificate-client.ts';
import type { CredentialSource, Credentials } from './types.ts';

/**
 * The certificate in force, ready for TLS. A replacement is another object: new
 * connections take it, old ones keep what they began with.
 */
export class CertificateSource implements CredentialSource {
  #current: Credentials | undefined;
  #issued: IssuedCertificate | undefined;
  readonly #listeners = new Set<(next: Credentials) => void>();
  readonly #issuedListeners = new Set<(next: IssuedCertificate) => void>();

  get current(): Credentials | undefined {
    return this.#current;
  }

  onChange(listener: (next: Credentials) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** As it came, key included: for another thread, which makes its own context of it. */
  get issued(): IssuedCertificate | undefined {
    return this.#issued;
  }

  onIssued(listener: (next: IssuedCertificate) => void): () => void {
    this.#issuedListeners.add(listener);
    return () => this.#issuedListeners.delete(listener);
  }

  /** @throws MeshError `bad-certificate` when key, chain and roots do not make a TLS context. */
  replace(certificate: IssuedCertificate): void {
    const next = credentialsOf(certificate);
    this.#current = next;
    this.#issued = certificate;
    for (const listener of this.#listeners) listener(next);
    for (const listener of this.#issuedListeners) listener(certificate);
  }
}

function credentialsOf(certificate: IssuedCertificate): Credentials {
  const { spiffeId, notAfterMs } = certificate;
  const trustDomain = /^spiffe:\/\/([^/]+)\/./.exec(spiffeId)?.[1];
  if (trustDomain === undefined) {
    throw new MeshError('bad-certificate', `"${spiffeId}" is no SPIFFE ID`);
  }
  try {
    const secureContext = createSecureContext({
      key: certificate.privateKey,
      cert: certificate.chain,
      ca: certificate.roots,
      minVersion: 'TLSv1.3',
    });
    return { spiffeId, trustDomain, secureContext, notAfterMs };
  } catch (error) {
    throw new MeshError('bad-certificate', 'the certificate cannot be used for TLS', {
      cause: error,
    });
  }
}
