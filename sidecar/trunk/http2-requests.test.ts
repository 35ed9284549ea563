import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MeshError } from '../../runtime/errors.ts';
import { eventually, FakeCredentials } from '../../test/fakes/connections.ts';
import { RecordedStream } from '../../test/fakes/http2-connections.ts';
import {
  ca,
  client,
  echo,
  hasCode,
  ownCredentials,
  request,
  SERVER_ID,
  serve,
} from '../../test/fakes/trunk-peer.ts';
import { type HeaderField, headerField } from '../http2/header-field.ts';
import type { Http2Stream, StreamHandler } from '../http2/types.ts';
import { DESTINATION_HEADER, SOURCE_HEADER } from './protocol.ts';
import type { TrunkHttp2, TrunkHttp2Client, TrunkHttp2Server } from './types.ts';

const OK = headerField(':status', '200');
const REQUEST = [
  headerField(':method', 'GET'),
  headerField(':scheme', 'http'),
  headerField(':path', '/'),
  headerField(':authority', 'cart'),
];

/** Takes requests and answers none, unless it is told to. */
class HeldRequests implements TrunkHttp2Server {
  readonly taken: { stream: Http2Stream; fields: readonly HeaderField[] }[] = [];
  closed = 0;
  idle = false;

  onStream(stream: Http2Stream, fields: readonly HeaderField[]): StreamHandler {
    this.taken.push({ stream, fields });
    return new RecordedStream();
  }

  onClose(): void {
    this.closed += 1;
  }
}

interface Served {
  readonly port: number;
  readonly close: () => Promise<void>;
  readonly clients: TrunkHttp2Client[];
  readonly servers: HeldRequests[];
}

async function served(): Promise<Served> {
  const clients: TrunkHttp2Client[] = [];
  const servers: HeldRequests[] = [];
  const { port, server } = await serve(echo, ca.credentials('shop', 'cart'), (asked) => {
    clients.push(asked);
    if (asked.destination.port === 1) return new MeshError('destination-not-allowed', 'no');
    const made = new HeldRequests();
    servers.push(made);
    return made;
  });
  return { port, close: () => server.close(AbortSignal.timeout(20_000)), clients, servers };
}

function open(requests: TrunkHttp2, fields: readonly HeaderField[] = REQUEST): RecordedStream {
  const stream = new RecordedStream();
  stream.stream = requests.open(fields, true, stream);
  return stream;
}

const statusAndCode = ({ heads }: RecordedStream): (string | undefined)[] =>
  [':status', 'x-remora-error'].map(
    (name) => heads[0]?.find((field) => field.name === name)?.value,
  );

describe('requests of HTTP/2 over the trunk', () => {
  test('come to one server an application, without the names that are ours', async () => {
    const { port, clients, servers } = await served();
    const trunk = client(ownCredentials());
    const [first, second] = [
      await trunk.connectHttp2(request(port)),
      await trunk.connectHttp2(request(port, { port: 9090 })),
    ];
    assert.equal(first.peer.identity, SERVER_ID);
    open(first, [...REQUEST, headerField(DESTINATION_HEADER, '127.0.0.1:22')]);
    open(first, [...REQUEST, headerField(SOURCE_HEADER, 'bank/vault')]);
    open(second);
    await eventually(() => servers[1]?.taken.length === 1);
    assert.deepEqual(
      clients.map(({ destination, peer }) => [destination.port, peer.workload?.workload]),
      [
        [8080, 'web'],
        [9090, 'web'],
      ],
    );
    assert.equal(servers[0]?.taken.length, 2);
    for (const { fields } of servers[0]?.taken ?? []) {
      assert.deepEqual(
        fields.map(({ name }) => name),
        [':method', ':scheme', ':path', ':authority'],
      );
    }
    assert.equal(trunk.connections, 1);
  });

  test('are refused with a code where nobody takes them', async () => {
    const { port } = await served();
    const requests = await client(ownCredentials()).connectHttp2(request(port, { port: 1 }));
    const refused = open(requests);
    assert.equal((await refused.ended).kind, 'complete');
    assert.deepEqual(statusAndCode(refused), ['503', 'destination-not-allowed']);
    const other = await serve(echo);
    const old = open(await client(ownCredentials()).connectHttp2(request(other.port)));
    await old.ended;
    assert.deepEqual(statusAndCode(old), ['400', 'bad-trunk-request']);
  });

  test('learn that their connection takes no more, and that it takes more again', async () => {
    const { port, close, servers } = await served();
    const trunk = client(ownCredentials());
    const told: string[] = [];
    const requests = await trunk.connectHttp2(request(port));
    requests.watch({
      onAvailable: () => told.push('available'),
      onFinished: () => told.push('finished'),
    });
    while (requests.available) open(requests);
    await eventually(() => servers[0]?.taken.length === 1_000);
    const another = await trunk.connectHttp2(request(port));
    assert.equal(another.available, true);
    assert.equal(trunk.connections, 2);
    assert.throws(() => open(requests), hasCode('connection-reset'));
    servers[0]?.taken[0]?.stream.sendHeaders([OK], true);
    await eventually(() => told.length === 1);
    assert.equal(requests.available, true);
    const closing = close();
    await eventually(() => told.length === 2);
    assert.deepEqual(told, ['available', 'finished']);
    assert.deepEqual([requests.available, requests.finished], [false, true]);
    for (const { taken } of servers) {
      for (const { stream } of taken) stream.sendHeaders([OK], true);
    }
    await closing;
    assert.ok(servers.every(({ closed }) => closed === 1));
  });

  test('go to a new connection for a new certificate, without being asked', async () => {
    const { port } = await served();
    const credentials = new FakeCredentials(ca.credentials('shop', 'web'));
    const trunk = client(credentials);
    const requests = await trunk.connectHttp2(request(port));
    let finished = 0;
    requests.watch({
      onAvailable: () => {},
      onFinished: () => {
        finished += 1;
      },
    });
    credentials.replace(ca.credentials('shop', 'web'));
    assert.deepEqual([finished, requests.available, requests.finished], [1, false, true]);
    assert.equal((await trunk.connectHttp2(request(port))).available, true);
  });

  test('ask anew who serves them after their server was idle, or of many', async () => {
    const { port, clients, servers } = await served();
    const trunk = client(ownCredentials());
    const requests = await trunk.connectHttp2(request(port));
    open(requests);
    await eventually(() => servers.length === 1);
    clients[0]?.forget();
    clients[0]?.forget();
    assert.equal(servers[0]?.closed, 1);
    open(requests);
    await eventually(() => servers.length === 2);
    const busy = servers[1] as HeldRequests;
    for (let i = 0; i < 100; i++) {
      open(await trunk.connectHttp2(request(port, { port: 2_000 + i })));
      await eventually(() => servers.length === i + 3);
      (servers.at(-1) as HeldRequests).idle = true;
    }
    assert.equal(busy.closed, 0);
    const kept = servers.filter(({ closed }) => closed === 0);
    assert.ok(kept.length <= 65, String(kept.length));
  });

  test('are not waited for when nobody listens, or there is no certificate', async () => {
    const { port } = await served();
    const without = client(new FakeCredentials(undefined));
    await assert.rejects(without.connectHttp2(request(port)), hasCode('connect-failed'));
    const trunk = client(ownCredentials());
    await assert.rejects(trunk.connectHttp2(request(1)), hasCode('connect-failed'));
    const stranger = request(port, { identity: 'spiffe://cluster.local/ns/shop/sa/other' });
    await assert.rejects(trunk.connectHttp2(stranger), hasCode('peer-identity-mismatch'));
    assert.equal(trunk.connections, 0);
  });
});
