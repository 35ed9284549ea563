/**
 * What a connection that we serve is doing.
 *
 * - `head`: between requests, or some of a head came.
 * - `body`: an exchange is under way and its request is still coming.
 * - `response`: the request is whole; what comes now is the next one and waits.
 * - `drain`: the exchange is over and its response not taken yet; what comes now waits, because
 *   a client that asks on and on and reads nothing would fill the memory.
 * - `discard`: the exchange is over before its request was whole; the rest is read.
 * - `linger`: we have ended; what comes is thrown away until the client ends.
 * - `tunnel`: the connection was switched to another protocol.
 * - `gone`: closed, or in somebody else's hands.
 */
export type ServerState =
  | 'head'
  | 'body'
  | 'response'
  | 'drain'
  | 'discard'
  | 'linger'
  | 'tunnel'
  | 'gone';
