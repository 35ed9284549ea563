import { readFile } from 'node:fs/promises';
import { SignJWT } from 'jose';
import { LOCAL_TOKEN_ISSUER } from '../control-plane/identity/local-tokens.ts';
import { TOKEN_AUDIENCE } from '../proto/well-known.ts';

/** Signs the tokens that stand in for a cluster's service-account tokens. */
export class PodTokens {
  readonly #keyPath: string;

  constructor(keyPath: string) {
    this.#keyPath = keyPath;
  }

  async sign(pod: { namespace: string; serviceAccount: string; name: string }): Promise<string> {
    const { namespace, serviceAccount, name } = pod;
    return await new SignJWT({ namespace, serviceAccount, pod: name })
      .setProtectedHeader({ alg: 'HS256' })
      .setIssuer(LOCAL_TOKEN_ISSUER)
      .setAudience(TOKEN_AUDIENCE)
      .setIssuedAt()
      // Longer than anyone leaves it running; there is no kubelet to renew it.
      .setExpirationTime('90d')
      .sign(await readFile(this.#keyPath));
  }
}
