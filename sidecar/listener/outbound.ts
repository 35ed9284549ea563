import type { Socket } from 'node:net';
import type { Clock } from '../../runtime/clock.ts';
import type { Component } from '../../runtime/component.ts';
import type { SocketAddress } from '../../runtime/env.ts';
import { describeError } from '../../runtime/errors.ts';
import type { AccessLog } from '../access-log/access-log.ts';
import type { CompiledConfig } from '../compile.ts';
import type { ConfigView } from '../config/view.ts';
import { adoptSocket } from '../socket-reading.ts';
import { SocketTransport } from '../socket-transport.ts';
import type { Party } from '../telemetry/types.ts';
import type { Peer } from '../transport.ts';
import type { ClusterRegistry } from '../upstream/clusters.ts';
import { AcceptedConnection } from './accepted-connection.ts';
import { Acceptor } from './acceptor.ts';
import { hasRoomIn, type ListenerLimits } from './connection-limit.ts';
import { Destinations } from './destinations.ts';
import { ServerFirstPorts } from './detect.ts';
import { DownstreamConnection } from './downstream.ts';
import { Egress } from './egress.ts';
import { ExplicitProxy } from './explicit-proxy.ts';
import { OpenConnections } from './open-connections.ts';
import {
  canonicalAddress,
  loadOriginalDestination,
  type OriginalDestination,
} from './original-destination.ts';
import { OutboundPlans } from './outbound-plans.ts';
import { isLoopback, type OwnPlaces, ownPlaces } from './own-places.ts';

export interface OutboundOptions extends ListenerLimits {
  readonly address: SocketAddress;
  /** `explicit`: nothing is redirected here, clients speak to an HTTP proxy. */
  readonly interception: 'redirect' | 'explicit';
  /** Where every connection goes, for a listener that stands for one destination: an address or a service's name. */
  readonly destination?: SocketAddress | undefined;
  /** Other threads of the sidecar listen there too. */
  readonly sharesPort?: boolean;
  readonly view: ConfigView;
  readonly compiled: () => CompiledConfig;
  readonly clusters: ClusterRegistry;
  /** This pod, for the records. */
  readonly self: () => Party;
  /** The pod's namespace, where bare service names are looked up. */
  readonly namespace: string;
  readonly ownAddresses: readonly string[];
  /** Ports of the sidecar itself, to which nothing is forwarded. */
  readonly ownPorts: readonly number[];
  readonly clock: Clock;
  readonly accessLog?: AccessLog | undefined;
  /** For tests: instead of asking the kernel. */
  readonly originalDestination?: OriginalDestination;
}

/** Takes the connections that the application opens. */
export class OutboundListener implements Component {
  readonly name = 'outbound listener';
  readonly #options: OutboundOptions;
  readonly #acceptor: Acceptor;
  readonly #open = new OpenConnections();
  readonly #serverFirst = new ServerFirstPorts();
  readonly #destinations: Destinations;
  readonly #egress: Egress;
  readonly #plans: OutboundPlans;
  readonly #proxy: ExplicitProxy;
  readonly #ownAddresses: ReadonlySet<string>;
  readonly #ownPlaces: OwnPlaces;
  #originalDestination: OriginalDestination;

  constructor(options: OutboundOptions) {
    this.#options = options;
    const { address, sharesPort } = options;
    const hasRoom = ({ remoteAddress }: Socket): boolean =>
      hasRoomIn(this.#open, options, 'outbound-connections', remoteAddress);
    const accept = (socket: Socket): void => this.#onSocket(socket);
    this.#acceptor = new Acceptor(address, accept, { sharesPort, hasRoom });
    this.#destinations = new Destinations(options);
    this.#egress = new Egress(options);
    this.#plans = new OutboundPlans({
      ...{ ...options, destinations: this.#destinations, egress: this.#egress },
    });
    this.#ownAddresses = new Set(options.ownAddresses.map(canonicalAddress));
    this.#ownPlaces = ownPlaces(options.ownAddresses, options.ownPorts);
    this.#originalDestination = options.originalDestination ?? (() => undefined);
    this.#proxy = new ExplicitProxy({
      ...options,
      destinations: this.#destinations,
      plans: this.#plans,
      isOwn: (host, port) => this.#isOwn(host, port),
      serve: (connection, destination, first) => this.#serve(connection, destination, first),
    });
  }

  async start(): Promise<void> {
    const { interception, destination, originalDestination } = this.#options;
    if (interception === 'redirect' && destination === undefined && !originalDestination) {
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

  /** To be called last: the application needs the network until it has ended. */
  async stop(signal: AbortSignal): Promise<void> {
    this.#acceptor.stop();
    await this.#open.drain(signal);
  }

  #onSocket(accepted: Socket): void {
    const socket = adoptSocket(accepted);
    const transport = new SocketTransport(socket, peerOf(socket));
    const connection = new AcceptedConnection(transport, this.#open);
    const refuse = (reason: string): void => {
      this.#options.log.warn({ peer: transport.peer.address, reason }, 'connection refused');
      connection.destroy();
    };
    let destination = this.#options.destination;
    try {
      destination ??= this.#originalDestination(socket);
    } catch (error) {
      refuse(describeError(error));
      return;
    }
    if (destination === undefined || this.#isOwn(destination.host, destination.port)) {
      if (destination !== undefined && destination.port !== this.port) {
        refuse(`${destination.host}:${destination.port} is the sidecar itself`);
      } else if (this.#isLocal(socket)) {
        this.#proxy.serve(connection);
      } else {
        refuse('only this pod may use its sidecar as a proxy');
      }
      return;
    }
    this.#serve(connection, destination);
  }

  #serve(connection: AcceptedConnection, destination: SocketAddress, first?: Buffer): void {
    const found = this.#destinations.find(destination.host, destination.port);
    if (found.kind === 'pending') {
      connection.hold(found.wait(() => this.#serve(connection, destination, first)));
      return;
    }
    const wait = this.#egress.pending(found);
    if (wait !== undefined) {
      connection.hold(wait(() => this.#serve(connection, destination, first)));
      return;
    }
    const plan = this.#plans.plan(found, destination);
    const downstream = new DownstreamConnection(connection.transport, plan, {
      ...this.#options,
      serverFirst: this.#serverFirst,
    });
    connection.serveWith(downstream);
    downstream.start(first);
  }

  #isOwn(host: string, port: number): boolean {
    if (this.#ownPlaces(host, port)) return true;
    return port === this.port && ownPlaces(this.#options.ownAddresses, [port])(host, port);
  }

  /** The client runs in this pod. */
  #isLocal(socket: Socket): boolean {
    const remote = canonicalAddress(socket.remoteAddress ?? '');
    return isLoopback(remote) || this.#ownAddresses.has(remote);
  }
}

export function peerOf(socket: Socket): Peer {
  return {
    address: canonicalAddress(socket.remoteAddress ?? ''),
    port: socket.remotePort ?? 0,
    identity: undefined,
    workload: undefined,
  };
}
