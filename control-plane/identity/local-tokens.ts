import { readFile } from 'node:fs/promises';
import { errors, jwtVerify } from 'jose';
import { TOKEN_AUDIENCE } from '../../proto/well-known.ts';
import { MeshError } from '../../runtime/errors.ts';
import type { Authenticator, CallerIdentity } from './types.ts';

/** Issuer of the tokens that the local mode gives its pods. */
export const LOCAL_TOKEN_ISSUER = 'remora-local';

/** RFC 7518 §3.2: an HS256 key has at least the size of the hash. */
const MINIMAL_KEY_BYTES = 32;

/**
 * Checks tokens where there is no Kubernetes: JWTs (HS256) that the local mode
 * signed with a key that it shares with the control plane. Claims: `namespace`,
 * `serviceAccount`, `pod`.
 */
export class LocalTokenAuthenticator implements Authenticator {
  readonly #keyPath: string;
  #key: Promise<Uint8Array> | undefined;

  constructor(keyPath: string) {
    this.#keyPath = keyPath;
  }

  async authenticate(token: string): Promise<CallerIdentity> {
    const key = await this.#readKey();
    try {
      const { payload } = await jwtVerify(token, key, {
        algorithms: ['HS256'],
        issuer: LOCAL_TOKEN_ISSUER,
        audience: TOKEN_AUDIENCE,
      });
      const { namespace, serviceAccount, pod } = payload;
      if (isName(namespace) && isName(serviceAccount) && isName(pod)) {
        return { namespace, serviceAccount, pod };
      }
    } catch (error) {
      if (!(error instanceof errors.JOSEError)) throw error;
      throw new MeshError('token-invalid', 'the token is not one of this local mesh', {
        cause: error,
      });
    }
    throw new MeshError('token-invalid', 'the token does not name namespace, account and pod');
  }

  /** Read on first use, and again after a failure. */
  #readKey(): Promise<Uint8Array> {
    this.#key ??= readKey(this.#keyPath).catch((error: unknown) => {
      this.#key = undefined;
      throw error;
    });
    return this.#key;
  }
}

async function readKey(path: string): Promise<Uint8Array> {
  let key: Buffer;
  try {
    key = await readFile(path);
  } catch (error) {
    throw new MeshError('token-review-unavailable', `the token key ${path} cannot be read`, {
      cause: error,
    });
  }
  if (key.length < MINIMAL_KEY_BYTES) {
    throw new MeshError(
      'token-review-unavailable',
      `the token key ${path} has ${key.length} bytes, and needs at least ${MINIMAL_KEY_BYTES}`,
    );
  }
  return new Uint8Array(key);
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(value);
}
