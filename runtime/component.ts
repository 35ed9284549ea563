/**
 * A part of a process with a life of its own: a server, a watch, a stream.
 *
 * Constructing one does no I/O. `start` returns when it serves; its signal is
 * aborted when the process gives up during the start. `stop` drains: it returns
 * when nothing is left, or when its signal says that patience has ended.
 */
export interface Component {
  readonly name: string;
  start(signal: AbortSignal): Promise<void> | void;
  stop?(signal: AbortSignal): Promise<void> | void;
}
