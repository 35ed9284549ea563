import type { SecureContext } from 'node:tls';

/** The certificate in use. Replaced whole at rotation; old connections keep what they have. */
export interface Credentials {
  /** `spiffe://<trust-domain>/ns/<namespace>/sa/<service-account>` */
  readonly spiffeId: string;
  readonly trustDomain: string;
  /** One context for all connections, as client and as server: TLS 1.3, key, chain, roots. */
  readonly secureContext: SecureContext;
  readonly notAfterMs: number;
}

/** Where the data path gets its certificate from. Undefined until the first one was issued. */
export interface CredentialSource {
  readonly current: Credentials | undefined;
  onChange(listener: (next: Credentials) => void): () => void;
}
