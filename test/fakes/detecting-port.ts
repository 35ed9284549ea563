import { createServer, type Socket } from 'node:net';
import { ManualClock } from '../../runtime/clock.ts';
import { MeshError } from '../../runtime/errors.ts';
import { createLog } from '../../runtime/log.ts';
import type { Protocol } from '../../sidecar/config/types.ts';
import { ServerFirstPorts } from '../../sidecar/listener/detect.ts';
import { type ConnectionPlan, DownstreamConnection } from '../../sidecar/listener/downstream.ts';
import { SocketTransport } from '../../sidecar/socket-transport.ts';
import { UNKNOWN_PARTY } from '../../sidecar/telemetry/types.ts';
import { EndpointCluster } from '../../sidecar/upstream/cluster.ts';
import { type Dialer, PlainDialer } from '../../sidecar/upstream/dialer.ts';
import { KeptAccessLog } from './access-log.ts';
import { eventually, listen } from './connections.ts';
import { RawClient } from './http-hop.ts';
import { FakeObserver } from './sidecars.ts';

const PEER = { address: '127.0.0.1', port: 1, identity: undefined, workload: undefined };

/**
 * A port of the sidecar on which connections find their protocol, before an
 * application that does as the test says. What is HTTP is answered with 404. Time
 * stands still, until the test moves it.
 */
export class DetectingPort {
  readonly clock = new ManualClock();
  readonly accessLog = new KeptAccessLog(this.clock);
  readonly debugLines: string[] = [];
  /** What came to the application, a connection each. */
  readonly received: Buffer[] = [];
  /** Connections to the application that came about. */
  dialed = 0;
  readonly #accepted: SocketTransport[] = [];
  readonly #sockets: Socket[] = [];
  readonly #observer = new FakeObserver();
  readonly #serverFirst = new ServerFirstPorts();
  readonly #protocol: Protocol;
  readonly #server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  readonly #application = createServer({ allowHalfOpen: true });
  readonly #cluster: EndpointCluster;
  #port = 0;

  /** @param onSocket the application */
  constructor(protocol: Protocol, onSocket: (socket: Socket) => void = () => {}) {
    this.#protocol = protocol;
    const { clock } = this;
    const plain = new PlainDialer(clock, undefined);
    const dialer: Dialer = {
      dial: async (host, port, workload, timeoutMs) => {
        const dialed = await plain.dial(host, port, workload, timeoutMs);
        this.dialed += 1;
        return dialed;
      },
    };
    this.#cluster = new EndpointCluster({
      name: 'app:80',
      service: '',
      dialer,
      avoidsFailing: false,
      remote: false,
      observer: this.#observer,
      clock,
      random: () => 0,
      source: 'shop/web-1',
      want: () => {},
    });
    this.#server.on('connection', (socket) => this.#accept(socket));
    this.#application.on('connection', (socket) => {
      const index = this.received.push(Buffer.alloc(0)) - 1;
      this.#sockets.push(socket);
      socket.on('error', () => {});
      socket.on('data', (bytes: Buffer) => {
        this.received[index] = Buffer.concat([this.received[index] as Buffer, bytes]);
      });
      onSocket(socket);
    });
  }

  async start(): Promise<this> {
    const port = await listen(this.#application);
    const workload = {
      ...{ address: '127.0.0.1', pod: 'app-1', namespace: 'shop', workload: 'app' },
      ...{ serviceAccount: 'app', node: '', zone: '', trunkPort: 0 },
    };
    const endpoint = { address: '127.0.0.1', ports: new Map(), workload };
    this.#cluster.update([{ endpoint, port }]);
    this.#port = await listen(this.#server);
    return this;
  }

  close(): void {
    this.#cluster.close();
    this.#server.close();
    this.#application.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  /** A client, accepted. */
  async client(): Promise<RawClient> {
    const count = this.#accepted.length;
    const client = await RawClient.connect(this.#port);
    this.#sockets.push(client.socket);
    await eventually(() => this.#accepted.length > count, 'the connection');
    return client;
  }

  /** Waits until the newest connection has read so many bytes. */
  async hasRead(bytes: number): Promise<void> {
    const transport = this.#accepted.at(-1);
    // Not by the clock: some tests ask for every byte.
    while (transport?.bytesRead !== bytes) await new Promise((resolve) => setImmediate(resolve));
  }

  #accept(socket: Socket): void {
    this.#sockets.push(socket);
    const transport = new SocketTransport(socket, PEER);
    const { clock, accessLog } = this;
    const observer = this.#observer;
    const log = createLog('test', 'debug', { write: (line) => this.debugLines.push(line) });
    const party = UNKNOWN_PARTY;
    const plan: ConnectionPlan = {
      direction: 'outbound',
      protocol: this.#protocol,
      key: 'app:80',
      originalDestination: '10.0.0.1:80',
      service: '',
      source: party,
      destination: party,
      mutualTls: false,
      cluster: this.#cluster,
      tcp: { connectTimeoutMs: 1_000, idleTimeoutMs: 0, connectRetries: 0 },
      http: {
        ...{ direction: 'outbound', source: party, mutualTls: false, observer, clock, log },
        resolve: () => new MeshError('no-route', 'it is HTTP'),
      },
    };
    new DownstreamConnection(transport, plan, {
      ...{ serverFirst: this.#serverFirst, observer, clock, log, accessLog },
    }).start();
    this.#accepted.push(transport);
  }
}
