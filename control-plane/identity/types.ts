/** What a caller's credentials proved. */
export interface CallerIdentity {
  readonly namespace: string;
  readonly serviceAccount: string;
  /** The pod that the token is bound to. */
  readonly pod: string;
}

/**
 * Checks the token that a caller shows.
 *
 * Rejects with a MeshError: `token-invalid` (the caller must get another one) or
 * `token-review-unavailable` (nobody could tell; the caller tries again).
 */
export interface Authenticator {
  authenticate(token: string): Promise<CallerIdentity>;
}
