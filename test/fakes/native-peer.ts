import {
  createSecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { after } from 'node:test';
import { listen } from './connections.ts';
import { ca } from './pods.ts';

/** What came to a peer, exactly as it was on the wire. */
export interface NativeRequest {
  readonly headers: IncomingHttpHeaders;
  /** Names and values in turn, as they came. */
  readonly raw: readonly string[];
  readonly stream: ServerHttp2Stream;
}

/** The trunk of a pod, served by Node's HTTP/2: it sees all that sidecars hide from applications. */
export class NativePeer {
  readonly requests: NativeRequest[] = [];
  readonly sessions: ServerHttp2Session[] = [];
  #port = 0;

  /** @param onRequest answers */
  static async start(
    address: string,
    onRequest: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void,
    identity = 'spiffe://cluster.local/ns/shop/sa/cart',
  ): Promise<NativePeer> {
    const peer = new NativePeer();
    const { key, certificate } = ca.issue([identity]);
    const server = createSecureServer({
      ...{ key, cert: certificate, ca: ca.root, requestCert: true },
      minVersion: 'TLSv1.3',
      settings: { maxConcurrentStreams: 1000 },
    });
    server.on('session', (session) => {
      peer.sessions.push(session);
      session.on('error', () => {});
    });
    server.on(
      'stream',
      (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _flags: number, raw: string[]) => {
        stream.on('error', () => {});
        peer.requests.push({ headers, raw, stream });
        onRequest(stream, headers);
      },
    );
    after(() => {
      server.close();
      for (const session of peer.sessions) session.destroy();
    });
    peer.#port = await listen(server, address);
    return peer;
  }

  get port(): number {
    return this.#port;
  }
}
