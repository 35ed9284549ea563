import type { Socket } from 'node:net';
import type { Component } from '../../runtime/component.ts';
import type { SocketAddress } from '../../runtime/env.ts';
import { describeError } from '../../runtime/errors.ts';
import { adoptSocket } from '../socket-reading.ts';
import { SocketTransport } from '../socket-transport.ts';
import { AcceptedConnection } from './accepted-connection.ts';
import { Acceptor } from './acceptor.ts';
import { hasRoomIn, type ListenerLimits } from './connection-limit.ts';
import type { InboundPlans } from './inbound-plans.ts';
import { OpenConnections } from './open-connections.ts';
import { loadOriginalDestination, type OriginalDestination } from './original-destination.ts';
import { peerOf } from './outbound.ts';

export interface InboundOptions extends ListenerLimits {
  readonly address: SocketAddress;
  /** Where every connection goes, for a listener that stands for one port of the application. */
  readonly destination?: SocketAddress | undefined;
  /** Other threads of the sidecar listen there too. */
  readonly sharesPort?: boolean;
  readonly plans: InboundPlans;
  /** For tests: instead of asking the kernel. */
  readonly originalDestination?: OriginalDestination;
}

/** Takes redirected connections to the application that come in plain text, from outside the mesh. */
export class InboundListener implements Component {
  readonly name = 'inbound listener';
  readonly #options: InboundOptions;
  readonly #acceptor: Acceptor;
  readonly #open = new OpenConnections();
  #originalDestination: OriginalDestination;

  constructor(options: InboundOptions) {
    this.#options = options;
    const { address, sharesPort } = options;
    const hasRoom = ({ remoteAddress }: Socket): boolean =>
      hasRoomIn(this.#open, options, 'inbound-connections', remoteAddress);
    const accept = (socket: Socket): void => this.#onSocket(socket);
    this.#acceptor = new Acceptor(address, accept, { sharesPort, hasRoom });
    this.#originalDestination = options.originalDestination ?? (() => undefined);
  }

  async start(): Promise<void> {
    const { destination, originalDestination } = this.#options;
    if (destination === undefined && originalDestination === undefined) {
      this.#originalDestination = await loadOriginalDestination();
    }
    await this.#acceptor.start();
  }

  get port(): number {
    return this.#acceptor.port;
  }

  get connections(): number {
    return this.#open.size;
  }

  /** Accepts nothing new, finishes requests, waits for the rest. */
  async stop(signal: AbortSignal): Promise<void> {
    this.#acceptor.stop();
    await this.#open.drain(signal);
  }

  #onSocket(accepted: Socket): void {
    const socket = adoptSocket(accepted);
    const transport = new SocketTransport(socket, peerOf(socket));
    const connection = new AcceptedConnection(transport, this.#open);
    const { destination: fixed, plans, log } = this.#options;
    const refuse = (reason: string): void => {
      log.warn({ peer: transport.peer.address, reason }, 'connection refused');
      connection.destroy();
    };
    let destination: SocketAddress | undefined;
    try {
      destination = fixed ?? this.#originalDestination(socket);
    } catch (error) {
      refuse(describeError(error));
      return;
    }
    if (destination === undefined) {
      refuse('the connection was not redirected here');
    } else if (fixed === undefined && !plans.allows(destination)) {
      refuse(`${destination.host}:${destination.port} is not the application`);
    } else {
      const downstream = plans.serve(transport, destination);
      connection.serveWith(downstream);
      downstream.start();
    }
  }
}
