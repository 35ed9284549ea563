import type { HttpContext } from '../context.ts';
import { countHttpConnection } from '../count-connection.ts';
import type { HeaderField } from '../http2/header-field.ts';
import type { Http2Stream, StreamHandler } from '../http2/types.ts';
import { StreamServer } from '../streams/server.ts';
import type { Party } from '../telemetry/types.ts';
import type { CountedConnection } from '../transport.ts';
import type { TrunkHttp2Client, TrunkHttp2Server } from '../trunk/types.ts';

/**
 * The HTTP/2 requests of one peer for one port of the application that are streams of
 * the trunk by themselves. They count as one connection.
 */
export class TrunkRequests implements TrunkHttp2Server, CountedConnection {
  onCounted: (() => void) | undefined;
  readonly #server: StreamServer;

  /** @param self this pod, for the records */
  constructor(client: TrunkHttp2Client, context: HttpContext, self: Party) {
    this.#server = new StreamServer(client.peer, context);
    this.#server.start({ drain: () => client.forget() });
    countHttpConnection(context.observer, this, { ...context, service: '', destination: self });
  }

  get idle(): boolean {
    return this.#server.idle;
  }

  get bytesRead(): number {
    return this.#server.requestBytes;
  }

  get bytesWritten(): number {
    return this.#server.responseBytes;
  }

  onStream(stream: Http2Stream, fields: readonly HeaderField[], endStream: boolean): StreamHandler {
    return this.#server.onStream(stream, fields, endStream);
  }

  onClose(): void {
    this.#server.onClose();
    this.onCounted?.();
    this.onCounted = undefined;
  }
}
