import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { eventually } from '../../test/fakes/connections.ts';
import { client, hasCode, ownCredentials, request, serve } from '../../test/fakes/trunk-peer.ts';
import { type HeaderField, headerField } from '../http2/header-field.ts';
import type { Http2Stream, StreamHandler } from '../http2/types.ts';
import { DESTINATION_HEADER, SOURCE_HEADER } from './protocol.ts';
import type { TrunkHttp2Acceptor, TrunkHttp2Client } from './types.ts';

const get = (...more: [name: string, value: string][]): HeaderField[] =>
  [
    [':method', 'GET'],
    [':scheme', 'http'],
    [':authority', 'cart.shop'],
    [':path', '/a'],
    ...more,
  ].map(([name = '', value = '']) => headerField(name, value));

/** Collects one side of a stream. */
class Collector implements StreamHandler {
  readonly heads: Record<string, string>[] = [];
  text = '';
  end: string | undefined;

  onHeaders(fields: readonly HeaderField[]): void {
    this.heads.push(record(fields));
  }

  onData(bytes: Buffer): void {
    this.text += bytes;
  }

  onWritable(): void {}

  onClose({ kind }: { kind: string }): void {
    this.end = kind;
  }
}

function record(fields: readonly HeaderField[]): Record<string, string> {
  return Object.fromEntries(fields.map(({ name, value }) => [name, value]));
}

/** A request as the receiving side sees it. */
interface Asked extends TrunkHttp2Client {
  readonly stream: Http2Stream;
  readonly fields: readonly HeaderField[];
  readonly endStream: boolean;
}

/** Serves each request by itself, whoever it comes from. */
function each(take: (asked: Asked) => StreamHandler): TrunkHttp2Acceptor {
  return (from) => ({
    idle: false,
    onStream: (stream, fields, endStream) => take({ ...from, stream, fields, endStream }),
    onClose: () => {},
  });
}

/** Answers 200 with the path, and the body that came. */
function answer(request: Asked): StreamHandler {
  const { stream, fields, endStream } = request;
  stream.sendHeaders([headerField(':status', '200')], false);
  stream.sendData(Buffer.from(record(fields)[':path'] ?? ''), endStream);
  return {
    onHeaders: () => {},
    onData: (bytes, end) => {
      stream.sendData(bytes, end);
      stream.consumed(bytes.length);
    },
    onWritable: () => {},
    onClose: () => {},
  };
}

const noStreams = (): void => assert.fail('no stream of bytes was asked for');

describe('an HTTP/2 request as a stream of the trunk', () => {
  test('is told with its destination and its caller, and without the names of the trunk', async () => {
    const seen: Asked[] = [];
    const { port } = await serve(
      noStreams,
      undefined,
      each((asked) => {
        seen.push(asked);
        return answer(asked);
      }),
    );
    const requests = await client(ownCredentials()).connectHttp2(request(port));
    const response = new Collector();
    requests.open(get(['x-a', '1']), true, response);
    await eventually(() => response.end === 'complete');
    assert.deepEqual(response.heads, [{ ':status': '200' }]);
    assert.equal(response.text, '/a');
    const [asked] = seen;
    assert.deepEqual(asked?.destination, { host: '127.0.0.1', port: 8080 });
    assert.equal(asked?.peer.identity, 'spiffe://cluster.local/ns/shop/sa/web');
    assert.deepEqual(asked?.peer.workload, { namespace: 'shop', workload: 'web' });
    assert.deepEqual(
      asked?.fields.map(({ name }) => name),
      [...[':method', ':scheme', ':authority', ':path'], 'x-a'],
    );
  });

  test('cannot say itself where it goes and where it comes from', async () => {
    const seen: Asked[] = [];
    const { port } = await serve(
      noStreams,
      undefined,
      each((asked) => {
        seen.push(asked);
        return answer(asked);
      }),
    );
    const requests = await client(ownCredentials()).connectHttp2(request(port));
    const response = new Collector();
    const forged = get([DESTINATION_HEADER, '10.0.0.1:22'], [SOURCE_HEADER, 'bank/teller']);
    requests.open(forged, true, response);
    await eventually(() => response.end === 'complete');
    assert.deepEqual(seen[0]?.destination, { host: '127.0.0.1', port: 8080 });
    assert.equal(seen[0]?.peer.workload?.namespace, 'shop');
    assert.equal(seen[0]?.fields.length, 4);
  });

  test('has a body both ways, and shares its connection with streams of bytes', async () => {
    const { port, server } = await serve((stream) => stream.refuse('no'), undefined, each(answer));
    const trunk = client(ownCredentials());
    const requests = await trunk.connectHttp2(request(port));
    await assert.rejects(trunk.open(request(port)), /refused: no/);
    const response = new Collector();
    const stream = requests.open(get(), false, response);
    stream.sendData(Buffer.from(' and more'), true);
    await eventually(() => response.end === 'complete');
    assert.equal(response.text, '/a and more');
    assert.equal(server.connections, 1);
  });

  test('is refused where nobody takes such requests', async () => {
    const { port } = await serve(noStreams);
    const requests = await client(ownCredentials()).connectHttp2(request(port));
    const response = new Collector();
    requests.open(get(), true, response);
    await eventually(() => response.heads.length === 1);
    assert.deepEqual(response.heads[0], {
      ':status': '400',
      'x-remora-error': 'bad-trunk-request',
    });
  });

  test('goes to a new connection after the certificate was renewed', async () => {
    const { port, server } = await serve(noStreams, undefined, each(answer));
    const credentials = ownCredentials();
    const trunk = client(credentials);
    const before = await trunk.connectHttp2(request(port));
    credentials.replace({ ...(credentials.current as NonNullable<typeof credentials.current>) });
    const after = await trunk.connectHttp2(request(port));
    assert.equal(before.available, false);
    assert.throws(() => before.open(get(), true, new Collector()), hasCode('connection-reset'));
    const response = new Collector();
    after.open(get(), true, response);
    await eventually(() => response.end === 'complete');
    await eventually(() => server.connections === 1);
  });

  test('finds nobody where nobody listens', async () => {
    const { port, listener } = await serve(noStreams);
    await new Promise((resolve) => listener.close(resolve));
    await assert.rejects(
      client(ownCredentials()).connectHttp2(request(port)),
      hasCode('connect-failed'),
    );
  });
});
