/* How long a connection of HTTP/1 may take for what, and how much is read that nobody wants. */

/** A head that takes longer is an attack or a dead peer. As Node's own server has it. */
export const HEAD_TIMEOUT_MS: number = 60_000;
/** After we ended a connection, the client has this long to read the rest and to end it too. */
export const LINGER_MS: number = 60_000;
/** The same for a client whose request was refused and who may go on sending. */
export const REFUSAL_LINGER_MS: number = 2_000;
/** So much of what comes then is thrown away: who sends more does not listen. */
export const LINGER_LIMIT_BYTES: number = 1024 * 1024;
/** A body that nobody wants is read to its end up to this size, so that the connection can go on. */
export const DISCARD_LIMIT_BYTES: number = 64 * 1024;

/**
 * A connection that is drained while nothing was asked on it stays so long: a request
 * may be on its way, and could not be sent again when it is no idempotent one.
 */
export const DRAIN_GRACE_MS: number = 1_000;
