import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { SocketAddress } from '../../runtime/env.ts';
import { MeshError } from '../../runtime/errors.ts';

export interface AcceptorOptions {
  /** Other threads listen there too, and the kernel chooses among them. */
  readonly sharesPort?: boolean | undefined;
  /** Asked of each connection; one for which there is no room is closed at once. */
  readonly hasRoom?: (socket: Socket) => boolean;
}

/**
 * Accepts connections on an address. `0.0.0.0` means all addresses of both
 * families, because interception redirects each family to itself.
 */
export class Acceptor {
  readonly #address: SocketAddress;
  readonly #onSocket: (socket: Socket) => void;
  readonly #options: AcceptorOptions;
  #servers: Server[] = [];

  /** @param onSocket gets each socket paused, half-open allowed */
  constructor(
    address: SocketAddress,
    onSocket: (socket: Socket) => void,
    options: AcceptorOptions = {},
  ) {
    this.#address = address;
    this.#onSocket = onSocket;
    this.#options = options;
  }

  async start(): Promise<void> {
    const { host, port } = this.#address;
    this.#servers.push(await this.#listen({ host, port }));
    if (host !== '0.0.0.0') return;
    try {
      this.#servers.push(await this.#listen({ host: '::', port: this.port, ipv6Only: true }));
    } catch (error) {
      // A machine without IPv6 has nobody to intercept there.
      if (!hasCode(error, 'EAFNOSUPPORT') && !hasCode(error, 'EADDRNOTAVAIL')) throw error;
    }
  }

  /** The port in use, for tests that ask for port 0. */
  get port(): number {
    const bound = this.#servers[0]?.address() as AddressInfo | null | undefined;
    return bound?.port ?? this.#address.port;
  }

  /** Accepts nothing new; what was accepted goes on. */
  stop(): void {
    for (const server of this.#servers) server.close();
    this.#servers = [];
  }

  async #listen(where: { host: string; port: number; ipv6Only?: boolean }): Promise<Server> {
    const { sharesPort = false, hasRoom } = this.#options;
    const server = createServer(
      { allowHalfOpen: true, pauseOnConnect: true, noDelay: true, keepAlive: true },
      (socket) => {
        if (hasRoom === undefined || hasRoom(socket)) this.#onSocket(socket);
        // The other side learns at once that it is not served.
        else socket.resetAndDestroy();
      },
    );
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ ...where, backlog: 4096, reusePort: sharesPort }, resolve);
    }).catch((error: unknown) => {
      if (!hasCode(error, 'EADDRINUSE') && !hasCode(error, 'EACCES')) throw error;
      const sentence = `cannot listen on ${where.host}:${where.port}: another program holds it, or it is not allowed`;
      throw new MeshError('cannot-listen', sentence, { cause: error });
    });
    return server;
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
