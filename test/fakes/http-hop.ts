import { createServer, Socket } from 'node:net';
import { type Clock, systemClock } from '../../runtime/clock.ts';
import type { MeshError } from '../../runtime/errors.ts';
import { silentLog } from '../../runtime/log.ts';
import type { AccessLog } from '../../sidecar/access-log/access-log.ts';
import { directTarget } from '../../sidecar/compile.ts';
import type { Policy } from '../../sidecar/config/types.ts';
import type { HttpConnection, HttpContext, Unresolved } from '../../sidecar/context.ts';
import { serveHttp1 } from '../../sidecar/http1/serve.ts';
import type { RequestHead } from '../../sidecar/message.ts';
import { effectivePolicy, NO_POLICY } from '../../sidecar/policy/defaults.ts';
import { outboundLayers } from '../../sidecar/policy/outbound.ts';
import { SharedCounts } from '../../sidecar/policy/shared-counts.ts';
import type { HttpTarget } from '../../sidecar/route/route.ts';
import { singleRoute } from '../../sidecar/route/table.ts';
import { SocketTransport } from '../../sidecar/socket-transport.ts';
import { serveHttp2 } from '../../sidecar/streams/serve.ts';
import type {
  Direction,
  HedgeOutcome,
  RequestRecord,
  TrafficObserver,
} from '../../sidecar/telemetry/types.ts';
import { EndpointCluster } from '../../sidecar/upstream/cluster.ts';
import { PlainDialer } from '../../sidecar/upstream/dialer.ts';
import type { AttemptOutcome, Cluster } from '../../sidecar/upstream/types.ts';
import { eventually, listen } from './connections.ts';

export interface HttpHopOptions {
  /** The applications behind it: a port stands for one on 127.0.0.1. */
  readonly endpoints: readonly (number | { readonly address: string; readonly port: number })[];
  readonly direction?: Direction;
  readonly accessLog?: AccessLog;
  /** Of outbound requests. */
  readonly policy?: Partial<Policy>;
  readonly clock?: Clock;
  /** The identity that the clients of this hop have proved. */
  readonly identity?: string;
  readonly onConnect?: HttpContext['onConnect'];
  /** Of HTTP that its clients speak; 1 by default. */
  readonly version?: 1 | 2;
  /** Decides instead of the one target. */
  readonly resolve?: (head: RequestHead, target: HttpTarget) => HttpTarget | MeshError | Unresolved;
}

/** The HTTP engine on a port of its own, in front of applications, with everything real but the configuration. */
export class HttpHop {
  readonly records: RequestRecord[] = [];
  readonly retries: string[] = [];
  readonly hedges: HedgeOutcome[] = [];
  readonly outcomes: AttemptOutcome[] = [];
  /** What balancers would go by, of each attempt. */
  readonly hashKeys: (string | undefined)[] = [];
  readonly connections: HttpConnection[] = [];
  port = 0;
  readonly #cluster: EndpointCluster;
  readonly #server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  readonly #sockets = new Set<Socket>();

  constructor(options: HttpHopOptions) {
    const { clock = systemClock, direction = 'outbound', identity, resolve, onConnect } = options;
    const observer: TrafficObserver = {
      requestFinished: (record) => this.records.push({ ...record }),
      connectionOpened: () => {},
      connectionClosed: () => {},
      retried: (_service, reason) => this.retries.push(reason),
      hedged: (_service, outcome) => this.hedges.push(outcome),
      limitReached: () => {},
      faultInjected: () => {},
      rateLimitStoreFailed: () => {},
      refused: () => {},
      ejected: () => {},
      restored: () => {},
    };
    this.#cluster = new EndpointCluster({
      name: 'shop/cart:80',
      service: 'shop/cart',
      dialer: new PlainDialer(clock, undefined),
      avoidsFailing: false,
      remote: false,
      observer,
      clock,
      random: () => 0,
      source: 'shop/web-1',
      want: () => {},
    });
    this.#cluster.update(
      options.endpoints.map((at) =>
        typeof at === 'number' ? endpointAt('127.0.0.1', at) : endpointAt(at.address, at.port),
      ),
    );
    const { accessLog } = options;
    const target = makeTarget(
      this.#watched(),
      direction,
      clock,
      options.policy,
      accessLog !== undefined,
    );
    const context: HttpContext = {
      direction,
      source: { namespace: 'shop', workload: 'web' },
      mutualTls: identity !== undefined,
      observer,
      clock,
      log: silentLog(),
      accessLog,
      resolve: (head) => resolve?.(head, target) ?? target,
      ...(onConnect === undefined ? {} : { onConnect }),
    };
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      const peer = { address: '127.0.0.1', port: 1, identity, workload: undefined };
      const transport = new SocketTransport(socket, peer);
      const serve = options.version === 2 ? serveHttp2 : serveHttp1;
      this.connections.push(serve(transport, undefined, context));
    });
  }

  async start(): Promise<this> {
    this.port = await listen(this.#server);
    return this;
  }

  close(): void {
    this.#cluster.close();
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  /** The only record, once there is one. */
  async record(index = 0): Promise<RequestRecord> {
    await eventually(() => this.records.length > index, `record ${index}`);
    return this.records[index] as RequestRecord;
  }

  /** The cluster, with a note of what is reported to it. */
  #watched(): Cluster {
    return {
      name: this.#cluster.name,
      hasUntried: (tried) => this.#cluster.hasUntried(tried),
      acquire: (request, waiter) => {
        this.hashKeys.push(request.hashKey);
        return this.#cluster.acquire(request, {
          onError: (error, endpoint) => waiter.onError(error, endpoint),
          onConnection: (connection) => {
            waiter.onConnection({
              transport: connection.transport,
              endpoint: connection.endpoint,
              port: connection.port,
              reused: connection.reused,
              mutualTls: connection.mutualTls,
              responded: () => connection.responded(),
              identity: connection.identity,
              report: (outcome) => {
                this.outcomes.push(outcome);
                connection.report(outcome);
              },
              release: (reusable) => connection.release(reusable),
              share: (first) => connection.share(first),
            });
          },
        });
      },
      acquireStream: (request, waiter) => {
        this.hashKeys.push(request.hashKey);
        return this.#cluster.acquireStream(request, {
          onError: (error, endpoint) => waiter.onError(error, endpoint),
          onSlot: (slot) => {
            waiter.onSlot({
              endpoint: slot.endpoint,
              port: slot.port,
              identity: slot.identity,
              reused: slot.reused,
              mutualTls: slot.mutualTls,
              open: (fields, endStream, handler) => slot.open(fields, endStream, handler),
              heard: (bytes) => slot.heard(bytes),
              said: (bytes) => slot.said(bytes),
              responded: () => slot.responded(),
              report: (outcome) => {
                this.outcomes.push(outcome);
                slot.report(outcome);
              },
              retire: () => {},
              release: () => slot.release(),
            });
          },
        });
      },
    };
  }
}

function makeTarget(
  cluster: Cluster,
  direction: Direction,
  clock: Clock,
  ownPolicy: Partial<Policy> | undefined,
  accessLogged: boolean,
): HttpTarget {
  const destination = { namespace: 'shop', workload: 'cart' };
  const authority = 'cart.shop';
  const direct = directTarget({ direction, authority, destination, cluster, accessLogged });
  if (direction === 'inbound') return direct;
  const policy = effectivePolicy({ ...NO_POLICY, ...ownPolicy }, new SharedCounts(clock));
  const layers = outboundLayers(policy, accessLogged);
  const responseLayers = layers.filter((layer) => layer.onResponse !== undefined).reverse();
  const route = { name: 'rule', cluster, policy, layers, responseLayers };
  return { ...direct, service: 'shop/cart', routes: singleRoute(route) };
}

function endpointAt(address: string, port: number) {
  const workload = {
    address,
    pod: `cart-${port}`,
    namespace: 'shop',
    workload: 'cart',
    serviceAccount: 'cart',
    node: '',
    zone: '',
    trunkPort: 0,
  };
  return { port, endpoint: { address, ports: new Map(), workload } };
}

/** A client that writes what it likes. */
export class RawClient {
  readonly socket = new Socket({ allowHalfOpen: true });
  ended = false;
  closed = false;
  #received = '';

  static async connect(port: number): Promise<RawClient> {
    const client = new RawClient();
    await new Promise<void>((resolve, reject) => {
      client.socket.once('error', reject);
      client.socket.connect(port, '127.0.0.1', () => resolve());
    });
    client.socket.setNoDelay(true);
    client.socket.on('error', () => {});
    client.socket.on('data', (bytes) => {
      client.#received += bytes.toString('latin1');
    });
    client.socket.on('end', () => {
      client.ended = true;
    });
    client.socket.on('close', () => {
      client.closed = true;
    });
    return client;
  }

  get received(): string {
    return this.#received;
  }

  send(text: string | Buffer): void {
    this.socket.write(typeof text === 'string' ? Buffer.from(text, 'latin1') : text);
  }

  /** Waits until what was received holds the text, and gives all of it. */
  async until(text: string): Promise<string> {
    await eventually(
      () => this.#received.includes(text) || this.closed,
      `${JSON.stringify(text)} in ${JSON.stringify(this.#received.slice(0, 500))}`,
    );
    return this.#received;
  }

  /** Waits for the server's end, and gives all that came before. */
  async toEnd(): Promise<string> {
    await eventually(() => this.ended || this.closed, 'the end of the connection');
    return this.#received;
  }

  close(): void {
    this.socket.destroy();
  }
}

/** Sends all of this on a connection of its own, and gives all that came back. */
export async function roundTrip(port: number, text: string | Buffer): Promise<string> {
  const client = await RawClient.connect(port);
  client.send(text);
  const received = await client.toEnd();
  client.close();
  return received;
}

/** An application that answers by hand and remembers what it was sent. */
export class RawOrigin {
  port = 0;
  /** What came on each connection. */
  readonly received: string[] = [];
  readonly sockets: Socket[] = [];
  readonly #server = createServer({ allowHalfOpen: true });

  /** @param onData called for every piece, with all that came on that connection so far */
  constructor(onData: (socket: Socket, received: string, index: number) => void) {
    this.#server.on('connection', (socket) => {
      const index = this.received.length;
      this.received.push('');
      this.sockets.push(socket);
      socket.setNoDelay(true);
      socket.on('error', () => {});
      socket.on('data', (bytes) => {
        const all = this.received[index] + bytes.toString('latin1');
        this.received[index] = all;
        onData(socket, all, index);
      });
      socket.on('end', () => socket.end());
    });
  }

  async start(): Promise<this> {
    this.port = await listen(this.#server);
    return this;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.sockets) socket.destroy();
  }
}
