import { createHash } from 'node:crypto';
import { TOKEN_AUDIENCE } from '../../proto/well-known.ts';
import type { Clock } from '../../runtime/clock.ts';
import { MeshError } from '../../runtime/errors.ts';
import { type Guarded, guardApiCalls } from '../api-breaker.ts';
import type { KubernetesApi } from '../watch/kubernetes-api.ts';
import type { Authenticator, CallerIdentity } from './types.ts';

/** The part of a TokenReview (authentication.k8s.io/v1) that is read. */
interface TokenReview {
  status?: {
    authenticated?: boolean;
    audiences?: string[];
    error?: string;
    user?: { username?: string; extra?: Record<string, string[]> };
  };
}

interface CacheEntry {
  readonly identity: Promise<CallerIdentity>;
  untilMs: number;
}

/** A pod that was deleted keeps access for at most this long. */
const CACHE_MS = 60_000;
const CACHE_LIMIT = 20_000;
/** Projected tokens have about 1 KB; more is not sent on. */
const TOKEN_LIMIT = 16 * 1024;

/**
 * Asks the Kubernetes API whose token it is. A token counts when it was made for
 * our audience and is bound to a pod; a pod's usual token, made for the API
 * server, does not.
 */
export class TokenReviewAuthenticator implements Authenticator {
  readonly #clock: Clock;
  readonly #review: Guarded<[string], TokenReview>;
  /** By hash, so that a heap dump holds no tokens. Oldest first. */
  readonly #cache = new Map<string, CacheEntry>();

  constructor(api: KubernetesApi, clock: Clock) {
    this.#clock = clock;
    this.#review = guardApiCalls('token-review', (token) =>
      api.request<TokenReview>({
        method: 'POST',
        path: '/apis/authentication.k8s.io/v1/tokenreviews',
        body: {
          apiVersion: 'authentication.k8s.io/v1',
          kind: 'TokenReview',
          spec: { token, audiences: [TOKEN_AUDIENCE] },
        },
        timeoutMs: 10_000,
      }),
    );
  }

  authenticate(token: string): Promise<CallerIdentity> {
    if (token.length > TOKEN_LIMIT) {
      return Promise.reject(new MeshError('token-invalid', 'the token is too long'));
    }
    const key = createHash('sha256').update(token).digest('base64');
    const nowMs = this.#clock.monotonicMs();
    const cached = this.#cache.get(key);
    if (cached !== undefined && cached.untilMs > nowMs) return cached.identity;
    const identity = this.#ask(token);
    const entry: CacheEntry = { identity, untilMs: nowMs + CACHE_MS };
    this.#cache.delete(key);
    this.#cache.set(key, entry);
    for (const oldest of this.#cache.keys()) {
      if (this.#cache.size <= CACHE_LIMIT) break;
      this.#cache.delete(oldest);
    }
    // A refusal is not kept: the next try asks again.
    identity.catch(() => {
      if (this.#cache.get(key) === entry) this.#cache.delete(key);
    });
    const lifetimeMs = tokenLifetimeMs(token, this.#clock.wallMs());
    entry.untilMs = Math.min(entry.untilMs, nowMs + lifetimeMs);
    return identity;
  }

  /** Ends the breaker's timers. */
  close(): void {
    this.#review.shutdown();
  }

  async #ask(token: string): Promise<CallerIdentity> {
    let review: TokenReview;
    try {
      review = await this.#review(token);
    } catch (error) {
      throw new MeshError(
        'token-review-unavailable',
        'the Kubernetes API could not be asked about the token; try again',
        { cause: error },
      );
    }
    return identityOf(review);
  }
}

function identityOf(review: TokenReview): CallerIdentity {
  const status = review.status ?? {};
  if (status.authenticated !== true) {
    throw new MeshError(
      'token-invalid',
      `the Kubernetes API does not accept the token${status.error ? `: ${status.error}` : ''}`,
    );
  }
  // An API server that knows nothing of audiences answers without them.
  if (!status.audiences?.includes(TOKEN_AUDIENCE)) {
    throw new MeshError(
      'token-invalid',
      `the token was not made for the audience "${TOKEN_AUDIENCE}"`,
    );
  }
  const match = /^system:serviceaccount:([a-z0-9-]+):([a-z0-9.-]+)$/.exec(
    status.user?.username ?? '',
  );
  const [, namespace, serviceAccount] = match ?? [];
  if (namespace === undefined || serviceAccount === undefined) {
    throw new MeshError('token-invalid', 'the token does not belong to a service account');
  }
  const pod = status.user?.extra?.['authentication.kubernetes.io/pod-name']?.[0];
  if (pod === undefined || pod === '') {
    throw new MeshError('token-invalid', 'the token is not bound to a pod');
  }
  return { namespace, serviceAccount, pod };
}

/** How long a JWT still lives by its own word; for another kind of token, without end. */
function tokenLifetimeMs(token: string, nowMs: number): number {
  try {
    const claims: unknown = JSON.parse(
      Buffer.from(token.split('.')[1] ?? '', 'base64url').toString(),
    );
    if (typeof claims === 'object' && claims !== null && 'exp' in claims) {
      if (typeof claims.exp === 'number') return Math.max(0, claims.exp * 1000 - nowMs);
    }
  } catch {
    // Not a JWT: the review decides alone.
  }
  return Number.POSITIVE_INFINITY;
}
