import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { after, describe, test } from 'node:test';
import { ManualClock, systemClock } from '../../runtime/clock.ts';
import { MeshError } from '../../runtime/errors.ts';
import { eventually, listen } from '../../test/fakes/connections.ts';
import { echo, http2Application } from '../../test/fakes/http2-application.ts';
import { RecordedStream } from '../../test/fakes/http2-connections.ts';
import type { Endpoint } from '../config/types.ts';
import { headerField } from '../http2/header-field.ts';
import type { TrafficObserver } from '../telemetry/types.ts';
import { EndpointCluster } from './cluster.ts';
import { type Dialer, PlainDialer } from './dialer.ts';
import type { StreamSlot } from './types.ts';

const observer: TrafficObserver = {
  requestFinished: () => {},
  connectionOpened: () => {},
  connectionClosed: () => {},
  retried: () => {},
  hedged: () => {},
  limitReached: () => {},
  faultInjected: () => {},
  rateLimitStoreFailed: () => {},
  refused: () => {},
  ejected: () => {},
  restored: () => {},
};

function endpoint(address: string): Endpoint {
  const workload = {
    address,
    pod: address,
    namespace: 'shop',
    workload: 'cart',
    serviceAccount: 'cart',
    node: '',
    zone: '',
    trunkPort: 0,
  };
  return { address, ports: new Map(), workload };
}

/** A cluster over one port of this machine. */
function clusterOf(
  port: number,
  options: { clock?: ManualClock; dialer?: Dialer; remote?: boolean } = {},
): EndpointCluster {
  const { clock = new ManualClock(), dialer = plain, remote = true } = options;
  const made = new EndpointCluster({
    name: 'shop/cart:80',
    service: 'shop/cart',
    dialer,
    avoidsFailing: true,
    remote,
    observer,
    clock,
    random: () => 0,
    source: 'shop/web-1',
    want: () => {},
  });
  made.update([{ endpoint: endpoint('127.0.0.1'), port }]);
  after(() => made.close());
  return made;
}

const plain = new PlainDialer(systemClock, undefined);

const REQUEST = [
  headerField(':method', 'GET'),
  headerField(':scheme', 'http'),
  headerField(':path', '/'),
  headerField(':authority', 'cart'),
];

interface Opened {
  readonly slot: StreamSlot;
  readonly stream: RecordedStream;
}

/** Opens a stream as an attempt does: within the call that gives the room for it. */
function open(from: EndpointCluster, dialed: () => void = () => {}): Promise<Opened> {
  return new Promise((resolve, reject) => {
    from.acquireStream(
      { tried: [], connectTimeoutMs: 2_000 },
      {
        onDialed: dialed,
        onSlot: (slot) => {
          const stream = new RecordedStream();
          stream.stream = slot.open(REQUEST, true, stream);
          resolve({ slot, stream });
        },
        onError: reject,
      },
    );
  });
}

const described = (cluster: EndpointCluster): { shared: number; inFlight: number } =>
  Object(cluster.describe()[0]);

describe('a connection of HTTP/2', () => {
  test('is shared by all requests, also by those that wait for it together', async () => {
    const app = await http2Application('127.0.0.1', echo);
    const cluster = clusterOf(app.port);
    let dials = 0;
    const together = await Promise.all(
      Array.from({ length: 50 }, () =>
        open(cluster, () => {
          dials += 1;
        }),
      ),
    );
    await Promise.all(together.map(({ stream }) => stream.ended));
    assert.equal(described(cluster).inFlight, 50);
    for (const { slot } of together) slot.release();
    const later = await open(cluster);
    assert.deepEqual([together[0]?.slot.reused, later.slot.reused], [false, true]);
    assert.deepEqual([dials, app.sessions.length], [1, 1]);
    later.slot.release();
    later.slot.release();
    assert.equal(described(cluster).inFlight, 0);
  });

  test('is joined by another when the server takes no more streams on it', async () => {
    const app = await http2Application('127.0.0.1', () => {}, { maxConcurrentStreams: 2 });
    const cluster = clusterOf(app.port);
    await open(cluster);
    await eventually(() => app.streams.length === 1);
    await open(cluster);
    assert.equal(described(cluster).shared, 1);
    await open(cluster);
    assert.equal(described(cluster).shared, 2);
  });

  test('takes no stream after GOAWAY, and those that it has go on', async () => {
    const app = await http2Application('127.0.0.1', () => {});
    const cluster = clusterOf(app.port);
    const first = await open(cluster);
    await eventually(() => app.streams.length === 1);
    app.sessions[0]?.close();
    await eventually(() => described(cluster).shared === 0);
    await open(cluster);
    await eventually(() => app.sessions.length === 2);
    app.streams[0]?.respond({ ':status': 200 }, { endStream: true });
    assert.equal((await first.stream.ended).kind, 'complete');
  });

  test('is closed when it carried no stream for a minute', async () => {
    const app = await http2Application('127.0.0.1', (stream) => stream.respond({ ':status': 200 }));
    const clock = new ManualClock();
    const cluster = clusterOf(app.port, { clock, remote: false });
    const { stream } = await open(cluster);
    // By then the handshake is over, for which there is a time limit as well.
    await eventually(() => stream.heads.length === 1);
    const sweep = (): void => {
      clock.advance(30_000);
      cluster.sweep(clock.monotonicMs());
    };
    for (let i = 0; i < 4; i++) sweep();
    assert.equal(described(cluster).shared, 1);
    app.streams[0]?.end();
    await stream.ended;
    sweep();
    assert.equal(described(cluster).shared, 1);
    sweep();
    assert.equal(described(cluster).shared, 0);
    await eventually(() => app.sessions[0]?.closed === true);
  });

  test('is closed sooner where the policy says so', async () => {
    const app = await http2Application('127.0.0.1', echo);
    const clock = new ManualClock();
    const cluster = clusterOf(app.port, { clock });
    cluster.configure({
      ...{ circuitBreaker: undefined, loadBalancer: undefined, limits: undefined },
      idleTimeoutMs: 5_000,
    });
    const { slot, stream } = await open(cluster);
    await stream.ended;
    slot.release();
    const sweep = (byMs: number): void => {
      clock.advance(byMs);
      cluster.sweep(clock.monotonicMs());
    };
    sweep(0);
    sweep(4_999);
    assert.equal(described(cluster).shared, 1);
    sweep(1);
    assert.equal(described(cluster).shared, 0);
  });

  test('ends with its last stream when its endpoint leaves', async () => {
    const app = await http2Application('127.0.0.1', () => {});
    const cluster = clusterOf(app.port);
    const { stream } = await open(cluster);
    await eventually(() => app.streams.length === 1);
    cluster.update([]);
    app.streams[0]?.respond({ ':status': 200 }, { endStream: true });
    assert.equal((await stream.ended).kind, 'complete');
    await eventually(() => app.sessions[0]?.closed === true);
  });

  test('may be one that was opened for something else', async () => {
    const app = await http2Application('127.0.0.1', echo);
    const cluster = clusterOf(app.port);
    await new Promise<void>((resolve, reject) => {
      cluster.acquire(
        { tried: [], connectTimeoutMs: 2_000, pooled: false },
        {
          onConnection: (connection) => {
            connection.share(undefined);
            resolve();
          },
          onError: reject,
        },
      );
    });
    const { stream } = await open(cluster);
    await stream.ended;
    assert.equal(app.sessions.length, 1);
    assert.deepEqual(described(cluster).shared, 1);
  });
});

describe('a peer that vanished', () => {
  const SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
  const SETTINGS_ACK = Buffer.from([0, 0, 0, 4, 1, 0, 0, 0, 0]);

  /** Takes connections, reads what comes, and says nothing but what HTTP/2 begins with. */
  async function silent(): Promise<{ port: number; received: () => Buffer; sockets: Socket[] }> {
    const sockets: Socket[] = [];
    const chunks: Buffer[] = [];
    const server = createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => {});
      socket.on('data', (bytes) => chunks.push(bytes));
      socket.write(Buffer.concat([SETTINGS, SETTINGS_ACK]));
    });
    after(() => {
      server.close();
      for (const socket of sockets) socket.destroy();
    });
    return { port: await listen(server), received: () => Buffer.concat(chunks), sockets };
  }

  const PING = Buffer.from([0, 0, 8, 6, 0]);

  test('is found by a PING that has no answer', async () => {
    const peer = await silent();
    const clock = new ManualClock();
    const cluster = clusterOf(peer.port, { clock });
    const { stream } = await open(cluster);
    await eventually(() => peer.received().includes(SETTINGS_ACK));
    const sweep = (byMs: number): void => {
      clock.advance(byMs);
      cluster.sweep(clock.monotonicMs());
    };
    sweep(9_000);
    assert.equal(peer.received().includes(PING), false);
    sweep(1_000);
    await eventually(() => peer.received().includes(PING));
    sweep(9_000);
    assert.equal(stream.end, undefined);
    sweep(1_000);
    assert.equal((await stream.ended).kind, 'lost');
    assert.equal(described(cluster).shared, 0);
  });

  test('is not looked for on the own machine, where the kernel tells', async () => {
    const peer = await silent();
    const clock = new ManualClock();
    const cluster = clusterOf(peer.port, { clock, remote: false });
    const { stream } = await open(cluster);
    await eventually(() => peer.received().includes(SETTINGS_ACK));
    for (let i = 0; i < 10; i++) {
      clock.advance(10_000);
      cluster.sweep(clock.monotonicMs());
    }
    assert.equal(stream.end, undefined);
    assert.equal(peer.received().includes(PING), false);
  });
});

describe('an endpoint that cannot be reached', () => {
  class DeadDialer implements Dialer {
    dials = 0;

    async dial(): ReturnType<Dialer['dial']> {
      this.dials += 1;
      throw new MeshError('connect-failed', 'dead');
    }
  }

  test('is told to all that wait for it, and dialed once', async () => {
    const dialer = new DeadDialer();
    const cluster = clusterOf(1, { dialer });
    const results = await Promise.allSettled(Array.from({ length: 5 }, () => open(cluster)));
    for (const result of results) {
      assert.equal(result.status, 'rejected');
      assert.equal(result.reason.code, 'connect-failed');
    }
    assert.equal(dialer.dials, 1);
    assert.equal(described(cluster).inFlight, 0);
  });

  test('is not waited for by who gave up', async () => {
    const app = await http2Application('127.0.0.1', echo);
    const cluster = clusterOf(app.port);
    const waiter = {
      onSlot: () => assert.fail('cancelled'),
      onError: () => assert.fail('cancelled'),
    };
    const acquisition = cluster.acquireStream({ tried: [], connectTimeoutMs: 0 }, waiter);
    assert.equal(described(cluster).inFlight, 1);
    acquisition.cancel();
    acquisition.cancel();
    assert.equal(described(cluster).inFlight, 0);
    // The connection that was under way is there for the next.
    await eventually(() => described(cluster).shared === 1);
    assert.equal((await open(cluster)).slot.endpoint.address, '127.0.0.1');
    assert.equal(app.sessions.length, 1);
  });
});
