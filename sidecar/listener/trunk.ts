import type { Socket } from 'node:net';
import type { Clock } from '../../runtime/clock.ts';
import type { Component } from '../../runtime/component.ts';
import type { SocketAddress } from '../../runtime/env.ts';
import { MeshError } from '../../runtime/errors.ts';
import type { CredentialSource } from '../identity/types.ts';
import type { Peer } from '../transport.ts';
import { TrunkServer } from '../trunk/server.ts';
import type { TrunkHttp2Client, TrunkHttp2Server, TrunkStream } from '../trunk/types.ts';
import type { Acquisition, UpstreamConnection } from '../upstream/types.ts';
import { AcceptedConnection } from './accepted-connection.ts';
import { Acceptor } from './acceptor.ts';
import { DEFAULT_MAX_CONNECTIONS, type ListenerLimits, tellRefusal } from './connection-limit.ts';
import type { InboundPlans } from './inbound-plans.ts';
import { OpenConnections } from './open-connections.ts';
import { TrunkRequests } from './trunk-requests.ts';

/** The application is on the same machine. */
const CONNECT_TIMEOUT_MS = 5_000;
const NOT_ALLOWED = 'destination-not-allowed';

export interface TrunkListenerOptions extends ListenerLimits {
  readonly address: SocketAddress;
  /** Other threads of the sidecar listen there too. */
  readonly sharesPort?: boolean;
  readonly plans: InboundPlans;
  readonly credentials: CredentialSource;
  readonly clock: Clock;
}

/** Takes connections from other sidecars. */
export class TrunkListener implements Component {
  readonly name = 'trunk listener';
  readonly #options: TrunkListenerOptions;
  readonly #acceptor: Acceptor;
  readonly #server: TrunkServer;
  readonly #open = new OpenConnections();

  constructor(options: TrunkListenerOptions) {
    this.#options = options;
    this.#server = new TrunkServer({
      ...options,
      maxConnections: options.maxConnections ?? DEFAULT_MAX_CONNECTIONS,
      onLimit: (reason, peer) => tellRefusal(options, reason, peer),
      onStream: (stream) => this.#onStream(stream),
      onHttp2: (client) => this.#onHttp2(client),
    });
    const accept = (socket: Socket): void => {
      // HTTP/2 knows no half-open connections: the end of a peer that was killed
      // would be waited for in vain, until a PING finds out.
      socket.allowHalfOpen = false;
      this.#server.accept(socket);
    };
    this.#acceptor = new Acceptor(options.address, accept, { sharesPort: options.sharesPort });
  }

  async start(): Promise<void> {
    await this.#acceptor.start();
  }

  get port(): number {
    return this.#acceptor.port;
  }

  get connections(): number {
    return this.#server.connections;
  }

  get streams(): number {
    return this.#open.size;
  }

  /** Peers are told to go elsewhere; requests under way are finished. */
  async stop(signal: AbortSignal): Promise<void> {
    this.#acceptor.stop();
    await Promise.all([this.#server.close(signal), this.#open.drain(signal)]);
  }

  #onHttp2(client: TrunkHttp2Client): TrunkHttp2Server | MeshError {
    const { plans } = this.#options;
    const { destination, peer } = client;
    if (!this.#allows(destination, peer)) {
      return new MeshError(NOT_ALLOWED, 'the destination is not the application');
    }
    return new TrunkRequests(client, plans.context(peer, destination), plans.self);
  }

  #allows(destination: SocketAddress, peer: Peer): boolean {
    const { plans, log } = this.#options;
    if (plans.allows(destination)) return true;
    log.warn({ peer: peer.identity, destination }, 'stream to a strange destination refused');
    return false;
  }

  #onStream(stream: TrunkStream): void {
    const { plans, log } = this.#options;
    const { destination, peer } = stream;
    if (!this.#allows(destination, peer)) {
      stream.refuse(NOT_ALLOWED);
      return;
    }
    const serve = (upstream: UpstreamConnection | undefined): void => {
      stream.onAbort = undefined;
      const transport = stream.accept();
      const connection = new AcceptedConnection(transport, this.#open);
      const downstream = plans.serve(transport, destination);
      connection.serveWith(downstream);
      downstream.start(undefined, upstream);
    };
    const onError = (error: MeshError): void => {
      log.info({ destination, code: error.code, error: error.message }, 'application not reached');
      stream.refuse(error.code);
      plans.logRefusal(peer, destination, error);
    };
    let aborted = false;
    stream.onAbort = () => {
      aborted = true;
    };
    // Connected before the stream is accepted, so that the opener learns of a
    // dead application while it can still choose another endpoint. Not before all is
    // read that came with it: what is taken back in the same breath costs no connection.
    queueMicrotask(() => {
      if (aborted) return;
      const acquisition = this.#reach(destination, serve, onError);
      stream.onAbort = () => acquisition.cancel();
    });
  }

  /** @param onReached with a connection, where it is not one that all requests share */
  #reach(
    destination: SocketAddress,
    onReached: (upstream: UpstreamConnection | undefined) => void,
    onError: (error: MeshError) => void,
  ): Acquisition {
    const { plans } = this.#options;
    const cluster = plans.cluster(destination);
    const protocol = plans.protocol(destination.port);
    const request = { tried: [], connectTimeoutMs: CONNECT_TIMEOUT_MS };
    if (protocol === 'http2' || protocol === 'grpc') {
      return cluster.acquireStream(request, {
        onSlot: (slot) => {
          slot.release();
          onReached(undefined);
        },
        onError,
      });
    }
    return cluster.acquire(
      { ...request, pooled: protocol === 'http1' },
      { onConnection: onReached, onError },
    );
  }
}
