import assert from 'node:assert/strict';
import { ManualClock } from '../../runtime/clock.ts';
import type { MeshError } from '../../runtime/errors.ts';
import type { Endpoint, Limits, LoadBalancer } from '../../sidecar/config/types.ts';
import { headerField } from '../../sidecar/http2/header-field.ts';
import type { Http2Stream, StreamHandler } from '../../sidecar/http2/types.ts';
import type { OwnedTransport, TransportHandler } from '../../sidecar/transport.ts';
import { EndpointCluster } from '../../sidecar/upstream/cluster.ts';
import type { Dialed, Dialer } from '../../sidecar/upstream/dialer.ts';
import type {
  AcquireRequest,
  Acquisition,
  StreamRequirement,
  StreamSlot,
  UpstreamConnection,
} from '../../sidecar/upstream/types.ts';
import { FakeObserver } from './sidecars.ts';

/** What was written in this turn leaves at its end. */
export function turn(): Promise<void> {
  return new Promise((done) => setImmediate(done));
}

/** A connection without a network. What HTTP/2 says on it goes nowhere. */
export class FakeTransport implements OwnedTransport {
  readonly peer;
  finished = false;
  readonly bytesRead = 0;
  readonly bytesWritten = 0;
  onClosed: (() => void) | undefined;
  onCounted: (() => void) | undefined;
  #handler: TransportHandler | undefined;

  /** @param name given as the peer's identity, so that a stream tells on which connection it is */
  constructor(address: string, name: string) {
    this.peer = { address, port: 80, identity: name, workload: undefined };
  }

  attach(handler: TransportHandler): void {
    this.#handler = handler;
  }

  destroy(): void {
    if (this.finished) return;
    this.finished = true;
    this.#handler?.onClose(undefined);
    this.onClosed?.();
  }

  write(): boolean {
    return true;
  }

  end(): void {
    this.finished = true;
  }

  pause(): void {}
  resume(): void {}

  // As the server of HTTP/2.

  /** Frames from the server. */
  receive(type: number, flags: number, streamId: number, payload: readonly number[]): void {
    const head = [0, 0, payload.length, type, flags, 0, 0, 0, streamId];
    this.#handler?.onData(Buffer.from([...head, ...payload]));
  }

  /** SETTINGS, with the number of streams that it takes at once where there is one. */
  settings(maxConcurrentStreams?: number): void {
    this.receive(
      4,
      0,
      0,
      maxConcurrentStreams === undefined ? [] : [0, 3, 0, 0, 0, maxConcurrentStreams],
    );
  }

  /** GOAWAY: streams that are open go on. */
  goaway(): void {
    this.receive(7, 0, 0, [0, 0, 0, 255, 0, 0, 0, 0]);
  }
}

/** Connects when the test says so. */
export class HeldDialer implements Dialer {
  readonly connected: FakeTransport[] = [];
  readonly dialing: { address: string; answer(error?: Error): Promise<void> }[] = [];

  dial(address: string): Promise<Dialed> {
    const { promise, resolve, reject } = Promise.withResolvers<Dialed>();
    const dial = {
      address,
      answer: async (error?: Error): Promise<void> => {
        this.dialing.splice(this.dialing.indexOf(dial), 1);
        if (error !== undefined) {
          reject(error);
        } else {
          const transport = new FakeTransport(address, `connection ${this.connected.length}`);
          this.connected.push(transport);
          resolve({ transport, mutualTls: false });
        }
        // The cluster hears of it some turns of the microtask queue later.
        await turn();
      },
    };
    this.dialing.push(dial);
    return promise;
  }

  get open(): FakeTransport[] {
    return this.connected.filter((transport) => !transport.finished);
  }
}

/** One acquisition and what came of it. */
export class Caller {
  readonly acquisition: Acquisition;
  connection: UpstreamConnection | undefined;
  error: MeshError | undefined;
  answers = 0;

  constructor(from: EndpointCluster, request: Partial<AcquireRequest> = {}) {
    this.acquisition = from.acquire(
      { tried: [], connectTimeoutMs: 1_000, pooled: true, ...request },
      {
        onConnection: (connection) => {
          this.answers += 1;
          this.connection = connection;
        },
        onError: (error) => {
          this.answers += 1;
          this.error = error;
        },
      },
    );
  }

  get waits(): boolean {
    return this.answers === 0;
  }
}

const REQUEST = [
  headerField(':method', 'GET'),
  headerField(':scheme', 'http'),
  headerField(':path', '/'),
  headerField(':authority', 'cart'),
];

/** The same for a stream, which is released as attempts do it: from within its handler. */
export class StreamCaller implements StreamHandler {
  readonly acquisition: Acquisition;
  slot: StreamSlot | undefined;
  stream: Http2Stream | undefined;
  error: MeshError | undefined;
  answers = 0;
  over = false;

  constructor(from: EndpointCluster, request: Partial<StreamRequirement> = {}) {
    this.acquisition = from.acquireStream(
      { tried: [], connectTimeoutMs: 1_000, ...request },
      {
        onSlot: (slot) => {
          this.answers += 1;
          this.slot = slot;
          this.stream = slot.open(REQUEST, true, this);
        },
        onError: (error) => {
          this.answers += 1;
          this.error = error;
        },
      },
    );
  }

  get waits(): boolean {
    return this.answers === 0;
  }

  get open(): boolean {
    return this.slot !== undefined && !this.over;
  }

  get address(): string | undefined {
    return this.slot?.endpoint.address;
  }

  onHeaders(): void {
    this.slot?.responded();
    this.slot?.report('success');
    this.#release();
  }

  onData(): void {}
  onWritable(): void {}

  onClose(): void {
    this.#release();
  }

  /** As who gives up. */
  reset(): void {
    this.stream?.reset(8);
    this.#release();
  }

  /** The server answers 200 without a body. */
  finish({ connected }: HeldDialer): void {
    const transport = connected.find(({ peer }) => peer.identity === this.slot?.identity);
    transport?.receive(1, 5, this.stream?.id ?? 0, [0x88]);
  }

  #release(): void {
    this.over = true;
    this.slot?.release();
  }
}

function endpoint(address: string): Endpoint {
  const workload = {
    ...{ address, pod: address, namespace: 'shop', workload: 'cart', serviceAccount: 'cart' },
    ...{ node: '', zone: '', trunkPort: 0 },
  };
  return { address, ports: new Map(), workload };
}

export const NO_LIMITS: Limits = {
  maxConnections: undefined,
  maxPendingRequests: undefined,
  maxRequests: undefined,
};

/** A cluster of which the test holds all ends. */
export interface Lab {
  cluster: EndpointCluster;
  dialer: HeldDialer;
  clock: ManualClock;
  observer: FakeObserver;
  configure(limits: Partial<Limits>, loadBalancer?: LoadBalancer): void;
  endpoints(...addresses: string[]): void;
  /** A caller whose connection is made at once, if one has to be made. */
  served(request?: Partial<AcquireRequest>): Promise<Caller>;
  counts(): { requests: number; connections: number; pendingRequests: number };
}

export function lab(limits: Partial<Limits>, loadBalancer?: LoadBalancer): Lab {
  const [dialer, clock, observer] = [new HeldDialer(), new ManualClock(), new FakeObserver()];
  const cluster = new EndpointCluster({
    name: 'shop/cart:80',
    service: 'shop/cart',
    source: 'shop/web-1',
    avoidsFailing: false,
    remote: true,
    random: () => 0,
    want: () => {},
    dialer,
    clock,
    observer,
  });
  const configure: Lab['configure'] = (own, balancer) =>
    cluster.configure({
      circuitBreaker: undefined,
      loadBalancer: balancer,
      limits: { ...NO_LIMITS, ...own },
    });
  const endpoints = (...addresses: string[]): void =>
    cluster.update(addresses.map((address) => ({ endpoint: endpoint(address), port: 80 })));
  configure(limits, loadBalancer);
  endpoints('10.0.0.1');
  return {
    ...{ cluster, dialer, clock, observer, configure, endpoints },
    served: async (request) => {
      const caller = new Caller(cluster, request);
      await dialer.dialing[0]?.answer();
      assert.ok(caller.connection, String(caller.error));
      return caller;
    },
    counts: () => {
      const { requests, connections, pendingRequests } = Object(cluster.describePolicy());
      return { requests, connections, pendingRequests };
    },
  };
}
