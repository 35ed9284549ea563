/**
 * An error that an operator or a client may see.
 *
 * `code` is stable and lower-case with dashes (`no-healthy-endpoint`): it stands
 * in `x-remora-error`, in logs and in metric labels. The message is a sentence
 * that says what was wrong, where, and where possible what to do.
 */
export class MeshError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'MeshError';
    this.code = code;
  }
}

/** The sentence of anything that was thrown, with the sentences of its causes. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own = error.message || error.name;
  const { cause } = error;
  // Some libraries hang a bare object there, which is no sentence.
  if (
    cause === undefined ||
    cause === null ||
    (typeof cause === 'object' && !(cause instanceof Error))
  ) {
    return own;
  }
  const reason = describeError(cause);
  // Many sentences end with their reason already.
  return own.endsWith(reason) ? own : `${own}: ${reason}`;
}
