import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { RecordedStream } from '../../test/fakes/http2-connections.ts';
import { frame, RawHttp2Peer, REQUEST, setting, uint32 } from '../../test/fakes/raw-http2-peer.ts';
import { ERROR_CODE } from './error-code.ts';
import { FLAG, FRAME, PREFACE, SETTING } from './frame.ts';
import { type HeaderField, headerField } from './header-field.ts';
import type { ConnectionHandler } from './types.ts';

const OK = headerField(':status', '200');

/** What a server's handler saw, one stream after the other. */
class Server implements ConnectionHandler {
  readonly streams: RecordedStream[] = [];
  readonly requests: (readonly HeaderField[])[] = [];
  closed: { error: Error | undefined } | undefined;

  onStream(stream: RecordedStream['stream'], fields: readonly HeaderField[], endStream: boolean) {
    const recorded = new RecordedStream();
    recorded.stream = stream;
    recorded.remoteEnded = endStream;
    this.streams.push(recorded);
    this.requests.push(fields);
    return recorded;
  }

  onClose(error: Error | undefined): void {
    assert.equal(this.closed, undefined, 'closed twice');
    this.closed = { error };
  }
}

function serve(settings?: Buffer): { server: Server; peer: RawHttp2Peer } {
  const server = new Server();
  return { server, peer: new RawHttp2Peer('server', server).begin(settings) };
}

const POST: readonly [string, string][] = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'svc.test'],
];

const data = (streamId: number, bytes: string | Buffer, endStream = false): Buffer =>
  frame(FRAME.data, endStream ? FLAG.endStream : 0, streamId, bytes);

describe('a server', () => {
  test('says its settings first, and acknowledges those of the client', async () => {
    const { peer } = serve(setting(SETTING.headerTableSize, 0));
    const frames = await peer.frames();
    assert.deepEqual(
      frames.map(({ type, flags, streamId }) => [type, flags, streamId]),
      [
        [FRAME.settings, 0, 0],
        [FRAME.windowUpdate, 0, 0],
        [FRAME.settings, FLAG.ack, 0],
      ],
    );
    assert.equal(peer.connection.settled, true);
  });

  test('takes bytes that were read before', async () => {
    const server = new Server();
    const head = new RawHttp2Peer('server', { onClose: () => {} });
    const first = Buffer.concat([
      PREFACE,
      frame(FRAME.settings, 0, 0),
      frame(FRAME.headers, FLAG.endHeaders | FLAG.endStream, 1, head.block(REQUEST)),
    ]);
    const peer = new RawHttp2Peer('server', server, { first });
    assert.equal(server.requests.length, 0, 'not before its owner has it');
    assert.equal(peer.transport.paused, true);
    await nextTurn();
    assert.equal(server.requests.length, 1);
    assert.equal(peer.transport.paused, false);
  });

  test('writes what one turn made in one piece', async () => {
    const { server, peer } = serve();
    for (const id of [1, 3, 5]) peer.get(id);
    await peer.frames();
    const before = peer.transport.written.length;
    for (const { stream } of server.streams) {
      stream?.sendHeaders([OK], false);
      stream?.sendData(Buffer.from('body'), true);
    }
    await peer.frames();
    assert.equal(peer.transport.written.length, before + 1);
  });

  test('tells the end within the call that ends the response', () => {
    const { server, peer } = serve();
    peer.get(1);
    server.streams[0]?.stream?.sendHeaders([OK], true);
    assert.deepEqual(server.streams[0]?.end, { kind: 'complete' });
    assert.equal(peer.connection.streamCount, 0);
  });

  const malformed: { name: string; send: (peer: RawHttp2Peer) => void }[] = [
    { name: 'without a method', send: (peer) => peer.headers(1, REQUEST.slice(1)) },
    {
      name: 'whose body is longer than announced',
      send: (peer) => {
        peer.headers(1, [...POST, ['content-length', '3']], FLAG.endHeaders);
        peer.send(data(1, 'four'));
      },
    },
    {
      name: 'whose body is shorter than announced',
      send: (peer) => {
        peer.headers(1, [...POST, ['content-length', '3']], FLAG.endHeaders);
        peer.send(data(1, 'ab', true));
      },
    },
    {
      name: 'that announces a body and has none',
      send: (peer) => peer.headers(1, [...POST, ['content-length', '3']]),
    },
    {
      name: 'whose trailers end nothing',
      send: (peer) => {
        peer.headers(1, POST, FLAG.endHeaders);
        peer.headers(1, [['a', 'b']], FLAG.endHeaders);
      },
    },
    {
      name: 'whose trailers hold a pseudo-header',
      send: (peer) => {
        peer.headers(1, POST, FLAG.endHeaders);
        peer.headers(1, [[':path', '/']]);
      },
    },
    {
      name: 'whose trailers come before the body is whole',
      send: (peer) => {
        peer.headers(1, [...POST, ['content-length', '3']], FLAG.endHeaders);
        peer.headers(1, [['a', 'b']]);
      },
    },
  ];
  for (const { name, send } of malformed) {
    test(`resets a request ${name}, and goes on`, async () => {
      const { server, peer } = serve();
      send(peer);
      const [reset] = await peer.framesOf(FRAME.resetStream);
      assert.deepEqual([reset?.streamId, reset?.payload.readUInt32BE(0)], [1, 1]);
      const { end, heads } = server.streams[0] ?? {};
      assert.deepEqual(heads ?? [], []);
      if (end !== undefined) assert.deepEqual(end, { kind: 'reset', code: 1 });
      peer.get(3);
      assert.equal(server.streams.at(-1)?.end, undefined);
      assert.equal(server.closed, undefined);
    });
  }

  test('answers a head over the limits with 431', async () => {
    const { server, peer } = serve();
    const large = Array.from({ length: 70 }, (_, i): [string, string] => [
      `x-${i}`,
      'v'.repeat(900),
    ]);
    peer.send(
      frame(FRAME.headers, FLAG.endStream, 1, peer.block([...REQUEST, ...large.slice(0, 10)])),
    );
    for (let i = 10; i < 70; i += 10) {
      const flags = i === 60 ? FLAG.endHeaders : 0;
      peer.send(frame(FRAME.continuation, flags, 1, peer.block(large.slice(i, i + 10))));
    }
    const [head] = await peer.framesOf(FRAME.headers);
    assert.deepEqual(peer.decode(head?.payload ?? Buffer.alloc(0))[0], [':status', '431']);
    assert.equal(server.streams.length, 0);
    peer.get(3);
    assert.equal(server.streams.length, 1, 'the tables are in step');
  });

  test('refuses streams over the limit, to be asked again', async () => {
    const server = new Server();
    const peer = new RawHttp2Peer('server', server, {
      settings: { maxConcurrentStreams: 1 },
    }).begin();
    peer.get(1);
    peer.get(3);
    const [reset] = await peer.framesOf(FRAME.resetStream);
    assert.deepEqual(
      [reset?.streamId, reset?.payload.readUInt32BE(0)],
      [3, ERROR_CODE.refusedStream],
    );
  });

  test('leaves alone what comes late on a stream that it reset', async () => {
    const { server, peer } = serve();
    peer.headers(1, POST, FLAG.endHeaders);
    server.streams[0]?.stream?.reset(ERROR_CODE.cancel);
    peer.send(data(1, 'late'), frame(FRAME.windowUpdate, 0, 1, uint32(100)));
    peer.headers(1, [['a', 'b']]);
    peer.send(frame(FRAME.resetStream, 0, 1, uint32(8)));
    assert.equal((await peer.framesOf(FRAME.resetStream)).length, 1);
    assert.equal(server.closed, undefined);
    assert.equal(server.streams[0]?.end, undefined, 'its owner knows');
  });

  const errors: { name: string; code: number; send: (peer: RawHttp2Peer) => void }[] = [
    { name: 'an even stream', code: 1, send: (peer) => peer.get(2) },
    {
      name: 'a stream with a lower number',
      code: 1,
      send: (peer) => {
        peer.get(5);
        peer.get(3);
      },
    },
    {
      name: 'HEADERS on a stream that is over',
      code: 5,
      send: (peer) => {
        peer.get(1);
        peer.send(frame(FRAME.resetStream, 0, 1, uint32(8)));
        peer.get(1);
      },
    },
    { name: 'DATA on an idle stream', code: 1, send: (peer) => peer.send(data(1, 'x')) },
    {
      name: 'PUSH_PROMISE',
      code: 1,
      send: (peer) => peer.send(frame(FRAME.pushPromise, FLAG.endHeaders, 1, uint32(2))),
    },
    {
      name: 'a header block that is interrupted',
      code: 1,
      send: (peer) => {
        peer.headers(1, REQUEST, FLAG.endStream);
        peer.send(frame(FRAME.ping, 0, 0, '12345678'));
      },
    },
    {
      name: 'a header block that nobody can decode',
      code: 9,
      send: (peer) => peer.send(frame(FRAME.headers, FLAG.endHeaders, 1, [0x80])),
    },
    {
      name: 'more data than the connection has window',
      code: 3,
      send: (peer) => {
        for (let id = 1; id <= 85; id += 2) peer.headers(id, POST, FLAG.endHeaders);
        for (let id = 1; id <= 85; id += 2) {
          for (let i = 0; i < 11; i++) peer.send(data(id, Buffer.alloc(16_000)));
        }
      },
    },
    {
      name: 'a window over its maximum',
      code: 3,
      send: (peer) => peer.send(frame(FRAME.windowUpdate, 0, 0, uint32(0x7fff_ffff))),
    },
    {
      name: 'a setting out of its range',
      code: 1,
      send: (peer) => peer.send(frame(FRAME.settings, 0, 0, setting(SETTING.maxFrameSize, 100))),
    },
  ];
  for (const { name, code, send } of errors) {
    test(`ends the connection over ${name}`, async () => {
      const { server, peer } = serve();
      server.onStream = (stream, fields, endStream) => {
        const recorded = Server.prototype.onStream.call(server, stream, fields, endStream);
        recorded.consumes = false;
        return recorded;
      };
      send(peer);
      assert.equal(await peer.goawayCode(), code);
      const { code: told } = (server.closed?.error ?? {}) as { code?: string };
      assert.match(told ?? '', /^http2-/);
      assert.equal(peer.transport.ended, true);
      peer.send(frame(FRAME.ping, 0, 0, '12345678'));
      peer.clock.advance(1_000);
      assert.equal(peer.transport.destroyed, true, 'after a moment for the peer to read');
    });
  }

  test('drains in two steps', async () => {
    const { server, peer } = serve();
    peer.get(1);
    peer.connection.drain();
    const [notice] = await peer.framesOf(FRAME.goaway);
    assert.equal(notice?.payload.readUInt32BE(0), 0x7fff_ffff);
    // It was on its way when the notice went.
    peer.get(3);
    assert.equal(server.streams.length, 2);
    const [ping] = await peer.framesOf(FRAME.ping);
    peer.send(frame(FRAME.ping, FLAG.ack, 0, ping?.payload));
    const [, last] = await peer.framesOf(FRAME.goaway);
    assert.equal(last?.payload.readUInt32BE(0), 3);
    peer.get(5);
    assert.equal(server.streams.length, 2, 'not taken any more');
    for (const { stream } of server.streams) stream?.sendHeaders([OK], true);
    assert.deepEqual(server.closed, { error: undefined });
    assert.equal(peer.transport.ended, true);
  });

  test('drains although the peer answers no PING', async () => {
    const { server, peer } = serve();
    peer.connection.drain();
    peer.clock.advance(5_000);
    assert.deepEqual(server.closed, { error: undefined });
  });
});

describe('flow control', () => {
  const windowOf = (bytes: number): Buffer => setting(SETTING.initialWindowSize, bytes);
  const sizes = async (peer: RawHttp2Peer, streamId: number): Promise<number[]> =>
    (await peer.framesOf(FRAME.data))
      .filter((sent) => sent.streamId === streamId)
      .map((sent) => sent.payload.length);

  function respond(server: Server, index: number, bytes: Buffer): boolean | undefined {
    const stream = server.streams[index]?.stream;
    stream?.sendHeaders([OK], false);
    return stream?.sendData(bytes, true);
  }

  test('sends what the window allows, and the rest when it widens', async () => {
    const { server, peer } = serve(windowOf(10));
    peer.get(1);
    respond(server, 0, Buffer.from('0123456789abcdef'));
    assert.deepEqual(await sizes(peer, 1), [10]);
    peer.send(frame(FRAME.windowUpdate, 0, 1, uint32(4)));
    assert.deepEqual(await sizes(peer, 1), [10, 4]);
    peer.send(frame(FRAME.windowUpdate, 0, 1, uint32(100)));
    assert.deepEqual(await sizes(peer, 1), [10, 4, 2]);
    assert.deepEqual(server.streams[0]?.end, { kind: 'complete' });
  });

  test('a setting changes the windows of live streams, also to below zero', async () => {
    const { server, peer } = serve(windowOf(10));
    peer.get(1);
    respond(server, 0, Buffer.alloc(30));
    assert.deepEqual(await sizes(peer, 1), [10]);
    peer.send(frame(FRAME.settings, 0, 0, windowOf(5)));
    peer.send(frame(FRAME.windowUpdate, 0, 1, uint32(5)));
    assert.deepEqual(await sizes(peer, 1), [10], 'the window is 0');
    peer.send(frame(FRAME.settings, 0, 0, windowOf(12)));
    assert.deepEqual(await sizes(peer, 1), [10, 7]);
  });

  test('small pieces that wait leave in one frame', async () => {
    const { server, peer } = serve(windowOf(0));
    peer.get(1);
    const stream = server.streams[0]?.stream;
    stream?.sendHeaders([OK], false);
    for (const piece of ['a', 'b', 'c']) stream?.sendData(Buffer.from(piece), false);
    stream?.sendData(Buffer.alloc(0), true);
    peer.send(frame(FRAME.windowUpdate, 0, 1, uint32(100)));
    const [sent] = await peer.framesOf(FRAME.data);
    assert.deepEqual([String(sent?.payload), sent?.flags], ['abc', FLAG.endStream]);
  });

  test('trailers wait for the data before them', async () => {
    const { server, peer } = serve(windowOf(2));
    peer.get(1);
    const stream = server.streams[0]?.stream;
    stream?.sendHeaders([OK], false);
    stream?.sendData(Buffer.from('abcd'), false);
    stream?.sendHeaders([headerField('grpc-status', '0')], true);
    assert.equal((await peer.framesOf(FRAME.headers)).length, 1);
    peer.send(frame(FRAME.windowUpdate, 0, 1, uint32(2)));
    const frames = (await peer.frames()).slice(-2);
    assert.deepEqual(
      frames.map(({ type, flags }) => [type, flags]),
      [
        [FRAME.data, 0],
        [FRAME.headers, FLAG.endHeaders | FLAG.endStream],
      ],
    );
  });

  test('streams take turns in the window of the connection', async () => {
    const { server, peer } = serve(windowOf(1_000_000));
    for (const id of [1, 3, 5]) peer.get(id);
    for (const index of [0, 1, 2]) respond(server, index, Buffer.alloc(100_000));
    await peer.frames();
    peer.transport.written.length = 0;
    peer.send(frame(FRAME.windowUpdate, 0, 0, uint32(16_384 * 6)));
    const order = (await peer.framesOf(FRAME.data)).map(({ streamId }) => streamId);
    const counts = [1, 3, 5].map((id) => order.filter((other) => other === id).length);
    assert.ok(Math.max(...counts) - Math.min(...counts) <= 1, `took turns as ${order}`);
    assert.deepEqual(
      order.filter((id, i) => id === order[i - 1]),
      [],
      'none goes twice in a row',
    );
  });

  test('a late stream with little to say does not wait for a large one', async () => {
    const { server, peer } = serve(windowOf(10_000_000));
    peer.send(frame(FRAME.windowUpdate, 0, 0, uint32(10_000_000)));
    peer.get(1);
    peer.get(3);
    respond(server, 0, Buffer.alloc(8_000_000));
    respond(server, 1, Buffer.alloc(100));
    const frames = await peer.framesOf(FRAME.data);
    const at = frames.findIndex(({ streamId }) => streamId === 3);
    assert.ok(at < 20, `stream 3 came as frame ${at} of ${frames.length}`);
  });

  test('asks its owner to wait over 64 KiB, and says when to go on', async () => {
    const { server, peer } = serve(windowOf(0));
    peer.get(1);
    const recorded = server.streams[0] as RecordedStream;
    recorded.stream?.sendHeaders([OK], false);
    assert.equal(recorded.stream?.sendData(Buffer.alloc(64 * 1024), false), true);
    assert.equal(recorded.stream?.sendData(Buffer.alloc(1), false), false);
    peer.send(frame(FRAME.windowUpdate, 0, 1, uint32(10_000)));
    await peer.frames();
    assert.equal(recorded.writable, 0);
    peer.send(frame(FRAME.windowUpdate, 0, 1, uint32(30_000)));
    await peer.frames();
    assert.equal(recorded.writable, 1);
  });

  test('data stops while the transport asks to wait', async () => {
    const { server, peer } = serve(windowOf(1_000_000));
    peer.get(1);
    peer.get(3);
    await peer.frames();
    peer.transport.takes = false;
    respond(server, 0, Buffer.alloc(10));
    await peer.frames();
    respond(server, 1, Buffer.alloc(10));
    assert.deepEqual(await sizes(peer, 3), []);
    peer.transport.takes = true;
    peer.transport.handler?.onDrain();
    assert.deepEqual(await sizes(peer, 3), [10]);
  });

  test('credits the connection on arrival and the stream when data moved on', async () => {
    const { server, peer } = serve();
    server.onStream = (stream, fields, endStream) => {
      const recorded = Server.prototype.onStream.call(server, stream, fields, endStream);
      recorded.consumes = false;
      return recorded;
    };
    const updates = async (streamId: number): Promise<number[]> =>
      (await peer.framesOf(FRAME.windowUpdate))
        .filter((sent) => sent.streamId === streamId)
        .map((sent) => sent.payload.readUInt32BE(0));
    // Streams of which none is read: two MiB and a little.
    for (let id = 1; id < 29; id += 2) {
      peer.headers(id, POST, FLAG.endHeaders);
      for (let i = 0; i < 10; i++) peer.send(data(id, Buffer.alloc(16_000)));
    }
    const [, first] = await updates(0);
    assert.ok(first !== undefined && first >= 2 * 1024 * 1024, 'the connection has its credit');
    assert.deepEqual(await updates(1), []);
    server.streams[0]?.stream?.consumed(160_000);
    assert.deepEqual(await updates(1), [160_000]);
  });

  test('small pieces that come together are handed on together, and in order', () => {
    const { server, peer } = serve();
    for (const id of [1, 3]) peer.headers(id, POST, FLAG.endHeaders);
    const frames = [
      ...['a', 'b', 'c'].map((piece) => frame(FRAME.data, 0, 1, piece)),
      ...['d', 'e'].map((piece) => frame(FRAME.data, 0, 3, piece)),
      frame(FRAME.data, 0, 1, 'f'),
      frame(FRAME.data, 0, 1, Buffer.alloc(2_000, 'x')),
      frame(FRAME.data, 0, 1, 'g'),
      frame(FRAME.data, FLAG.endStream, 3, 'h'),
    ];
    peer.send(Buffer.concat(frames));
    const chunks = server.streams.map((stream) => stream.chunks.map(String));
    assert.deepEqual(chunks, [
      ['abc', 'f', 'x'.repeat(2_000), 'g'],
      ['de', 'h'],
    ]);
    assert.deepEqual(
      server.streams.map((stream) => stream.remoteEnded),
      [false, true],
    );
  });

  test('padding is credited at once', async () => {
    const { peer } = serve();
    peer.headers(1, POST, FLAG.endHeaders);
    const padded = frame(
      FRAME.data,
      FLAG.padded,
      1,
      Buffer.concat([Buffer.from([255]), Buffer.alloc(256)]),
    );
    for (let i = 0; i < 600; i++) peer.send(padded);
    assert.equal((await peer.framesOf(FRAME.windowUpdate)).at(-1)?.streamId, 1);
  });

  test('a stream that goes beyond its window is reset', async () => {
    const { server, peer } = serve();
    server.onStream = (stream, fields, endStream) => {
      const recorded = Server.prototype.onStream.call(server, stream, fields, endStream);
      recorded.consumes = false;
      return recorded;
    };
    peer.headers(1, POST, FLAG.endHeaders);
    for (let i = 0; i < 13; i++) peer.send(data(1, Buffer.alloc(16_384)));
    assert.deepEqual(server.streams[0]?.end, { kind: 'reset', code: 3 });
  });
});

describe('a client', () => {
  function connect(settings?: Buffer): {
    peer: RawHttp2Peer;
    events: string[];
    get: (method?: string) => RecordedStream;
  } {
    const events: string[] = [];
    const peer = new RawHttp2Peer('client', {
      onSettled: () => events.push('settled'),
      onAvailable: () => events.push('available'),
      onGoaway: () => events.push('goaway'),
      onClose: (error) => events.push(`close ${(error as { code?: string })?.code}`),
    }).begin(settings);
    const get = (method = 'GET'): RecordedStream => {
      const recorded = new RecordedStream();
      const fields = REQUEST.map(([name, value]) =>
        headerField(name, name === ':method' ? method : value),
      );
      recorded.stream = peer.connection.open(fields, true, recorded);
      return recorded;
    };
    return { peer, events, get };
  }

  test('begins with the preface, and turns push off', async () => {
    const { peer } = connect();
    const [settings] = await peer.frames();
    assert.equal(settings?.payload.toString('hex', 0, 6), '000200000000');
  });

  test('streams above the last that the server takes may be sent again', () => {
    const { peer, events, get } = connect();
    const [first, second] = [get(), get()];
    peer.send(frame(FRAME.goaway, 0, 0, uint32(1, 0)));
    assert.deepEqual(second.end, { kind: 'refused' });
    assert.equal(first.end, undefined);
    assert.equal(peer.connection.available, false);
    assert.deepEqual(events, ['settled', 'goaway']);
    peer.headers(1, [[':status', '200']]);
    assert.deepEqual(first.end, { kind: 'complete' });
    assert.deepEqual(events, ['settled', 'goaway', 'close undefined']);
  });

  test('a stream that was refused may be sent again', () => {
    const { peer, get } = connect();
    const recorded = get();
    peer.send(frame(FRAME.resetStream, 0, 1, uint32(ERROR_CODE.refusedStream)));
    assert.deepEqual(recorded.end, { kind: 'refused' });
  });

  test('is available again when the server takes more', () => {
    const { peer, events, get } = connect(setting(SETTING.maxConcurrentStreams, 1));
    get();
    assert.equal(peer.connection.available, false);
    peer.send(frame(FRAME.settings, 0, 0, setting(SETTING.maxConcurrentStreams, 2)));
    assert.deepEqual(events, ['settled', 'available']);
    assert.equal(peer.connection.available, true);
  });

  test('is available when a server that took nothing takes something', () => {
    const { peer, events } = connect(setting(SETTING.maxConcurrentStreams, 0));
    assert.equal(peer.connection.available, false);
    peer.send(frame(FRAME.settings, 0, 0, setting(SETTING.maxConcurrentStreams, 1)));
    assert.deepEqual(events, ['settled', 'available']);
  });

  const malformed: { name: string; method?: string; send: (peer: RawHttp2Peer) => void }[] = [
    { name: 'without a status', send: (peer) => peer.headers(1, [['a', 'b']]) },
    { name: 'that is interim and ends', send: (peer) => peer.headers(1, [[':status', '103']]) },
    {
      name: 'that switches protocols',
      send: (peer) => peer.headers(1, [[':status', '101']], FLAG.endHeaders),
    },
    { name: 'that begins with data', send: (peer) => peer.send(data(1, 'x')) },
    {
      name: 'with a body after 204',
      send: (peer) => {
        peer.headers(1, [[':status', '204']], FLAG.endHeaders);
        peer.send(data(1, 'x'));
      },
    },
    {
      name: 'with a body after HEAD',
      method: 'HEAD',
      send: (peer) => {
        peer.headers(1, [[':status', '200']], FLAG.endHeaders);
        peer.send(data(1, 'x'));
      },
    },
    {
      name: 'that ends too early',
      send: (peer) => {
        peer.headers(
          1,
          [
            [':status', '200'],
            ['content-length', '5'],
          ],
          FLAG.endHeaders,
        );
        peer.send(data(1, 'abc', true));
      },
    },
  ];
  for (const { name, method, send } of malformed) {
    test(`resets a response ${name}`, () => {
      const { peer, get } = connect();
      const recorded = get(method);
      send(peer);
      assert.deepEqual(recorded.end, { kind: 'reset', code: ERROR_CODE.protocolError });
      assert.deepEqual(recorded.chunks, []);
      assert.equal(peer.connection.streamCount, 0);
    });
  }

  test('a stream that was reset stays silent when its response comes late', async () => {
    const { peer, events, get } = connect();
    const recorded = get();
    recorded.stream?.reset(ERROR_CODE.cancel);
    peer.headers(1, [[':status', '200']], FLAG.endHeaders);
    peer.send(data(1, 'late', true));
    assert.deepEqual([recorded.heads, recorded.chunks, recorded.end], [[], [], undefined]);
    assert.deepEqual(events, ['settled']);
    assert.equal((await peer.framesOf(FRAME.resetStream)).length, 1);
  });

  test('an owner that drains lets streams end, and closes with the last', async () => {
    const { peer, events, get } = connect();
    const recorded = get();
    peer.connection.drain();
    assert.throws(get, { code: 'connection-reset' });
    peer.headers(1, [[':status', '200']]);
    assert.deepEqual(recorded.end, { kind: 'complete' });
    assert.deepEqual(events, ['settled', 'close undefined']);
    assert.equal(await peer.goawayCode(), 0);
  });

  test('a transport that breaks loses all streams', () => {
    const { peer, events, get } = connect();
    const recorded = get();
    peer.transport.destroy(new Error('cut'));
    assert.equal(recorded.end?.kind, 'lost');
    assert.deepEqual(events, ['settled', 'close connection-reset']);
    assert.equal(peer.connection.available, false);
  });
});
