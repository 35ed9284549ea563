import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { RecordedStream } from '../../test/fakes/http2-connections.ts';
import { frame, RawHttp2Peer, REQUEST, setting, uint32 } from '../../test/fakes/raw-http2-peer.ts';
import { ERROR_CODE } from './error-code.ts';
import { FLAG, FRAME, SETTING } from './frame.ts';
import { headerField, literalField } from './header-field.ts';
import type { ConnectionHandler, Http2Stream, StreamHandler } from './types.ts';

const OK = headerField(':status', '200');

/** A server that answers when it is told to. */
class Server implements ConnectionHandler {
  readonly streams: RecordedStream[] = [];
  error: { code?: string; message?: string } | undefined;
  closed = false;

  onStream(stream: Http2Stream): StreamHandler {
    const recorded = new RecordedStream();
    recorded.stream = stream;
    this.streams.push(recorded);
    return recorded;
  }

  onClose(error: Error | undefined): void {
    this.closed = true;
    this.error = error;
  }
}

function serve(settings?: Buffer): { server: Server; peer: RawHttp2Peer } {
  const server = new Server();
  return { server, peer: new RawHttp2Peer('server', server).begin(settings) };
}

const POST = REQUEST.map(([name, value]): [string, string] => [
  name,
  name === ':method' ? 'POST' : value,
]);

/** Does it again and again until the connection ends; false when it never does. */
function repeat(server: Server, limit: number, step: (i: number) => void): boolean {
  for (let i = 0; i < limit && !server.closed; i++) step(i);
  return server.closed;
}

/** While time stands still. */
const attacks: { name: string; says: RegExp; step: (peer: RawHttp2Peer, i: number) => void }[] = [
  {
    name: 'Rapid Reset',
    says: /ends too many streams/,
    step: (peer, i) => {
      peer.get(i * 2 + 1);
      peer.send(frame(FRAME.resetStream, 0, i * 2 + 1, uint32(ERROR_CODE.cancel)));
    },
  },
  {
    name: 'MadeYouReset by a window of nothing',
    says: /ends too many streams/,
    step: (peer, i) => {
      peer.get(i * 2 + 1);
      peer.send(frame(FRAME.windowUpdate, 0, i * 2 + 1, uint32(0)));
    },
  },
  {
    name: 'MadeYouReset by a window too large',
    says: /ends too many streams/,
    step: (peer, i) => {
      peer.get(i * 2 + 1);
      peer.send(frame(FRAME.windowUpdate, 0, i * 2 + 1, uint32(0x7fff_ffff)));
    },
  },
  {
    name: 'MadeYouReset by data after the end',
    says: /ends too many streams/,
    step: (peer, i) => {
      peer.get(i * 2 + 1);
      peer.send(frame(FRAME.data, 0, i * 2 + 1, 'x'));
    },
  },
  {
    name: 'MadeYouReset by HEADERS after the end',
    says: /ends too many streams/,
    step: (peer, i) => {
      peer.get(i * 2 + 1);
      peer.headers(i * 2 + 1, [['a', 'b']]);
    },
  },
  {
    name: 'MadeYouReset by a PRIORITY of the wrong length',
    says: /ends too many streams/,
    step: (peer, i) => {
      peer.get(i * 2 + 1);
      peer.send(frame(FRAME.priority, 0, i * 2 + 1, [0]));
    },
  },
  {
    name: 'requests that are malformed',
    says: /ends too many streams/,
    step: (peer, i) => peer.headers(i * 2 + 1, REQUEST.slice(1)),
  },
  {
    name: 'streams over the limit',
    says: /over the number/,
    step: (peer, i) => peer.get(i * 2 + 1),
  },
  {
    name: 'PING',
    says: /PING/,
    step: (peer) => peer.send(frame(FRAME.ping, 0, 0, '12345678')),
  },
  {
    name: 'answers to PINGs that nobody sent',
    says: /PING/,
    step: (peer) => peer.send(frame(FRAME.ping, FLAG.ack, 0, '12345678')),
  },
  {
    name: 'SETTINGS',
    says: /SETTINGS/,
    step: (peer, i) =>
      peer.send(frame(FRAME.settings, 0, 0, setting(SETTING.initialWindowSize, i))),
  },
  {
    name: 'PRIORITY',
    says: /PRIORITY/,
    step: (peer) => peer.send(frame(FRAME.priority, 0, 1, [0, 0, 0, 0, 1])),
  },
  {
    name: 'WINDOW_UPDATE',
    says: /WINDOW_UPDATE/,
    step: (peer) => peer.send(frame(FRAME.windowUpdate, 0, 0, uint32(1))),
  },
  {
    name: 'DATA without data',
    says: /without data/,
    step: (peer, i) => {
      if (i === 0) peer.headers(1, POST, FLAG.endHeaders);
      peer.send(frame(FRAME.data, 0, 1));
    },
  },
  {
    name: 'DATA that is padding alone',
    says: /without data/,
    step: (peer, i) => {
      if (i === 0) peer.headers(1, POST, FLAG.endHeaders);
      peer.send(frame(FRAME.data, FLAG.padded, 1, [1, 0]));
    },
  },
  {
    name: 'frames of unknown types',
    says: /unknown types/,
    step: (peer) => peer.send(frame(0xbe, 0, 0)),
  },
  {
    name: 'frames on streams that are over',
    says: /streams that are over/,
    step: (peer, i) => {
      if (i === 0) {
        peer.headers(1, REQUEST.slice(1), FLAG.endHeaders);
      }
      peer.headers(1, [['a', 'b']]);
    },
  },
  {
    name: 'a header block that goes on in empty frames',
    says: /CONTINUATION/,
    step: (peer, i) => {
      if (i === 0) peer.headers(1, REQUEST, 0);
      peer.send(frame(FRAME.continuation, 0, 1));
    },
  },
  {
    name: 'a header block without an end',
    says: /header block has over/,
    step: (peer, i) => {
      if (i === 0) peer.headers(1, REQUEST, 0);
      peer.send(frame(FRAME.continuation, 0, 1, Buffer.alloc(16_000)));
    },
  },
];

describe('a flood ends the connection:', () => {
  for (const { name, says, step } of attacks) {
    test(name, async () => {
      const { server, peer } = serve();
      assert.ok(
        repeat(server, 20_000, (i) => step(peer, i)),
        'it never ended',
      );
      assert.equal(server.error?.code, 'http2-flood');
      assert.match(server.error?.message ?? '', says);
      assert.equal(await peer.goawayCode(), ERROR_CODE.enhanceYourCalm);
      for (const { end } of server.streams) assert.notEqual(end, undefined);
    });
  }

  test('PINGs of a peer that does not read', async () => {
    const { server, peer } = serve();
    await peer.frames();
    peer.transport.takes = false;
    peer.get(1);
    server.streams[0]?.stream?.sendHeaders([OK], false);
    await peer.frames();
    // Slowly, so that the number alone is no flood.
    for (let i = 0; i < 10_000 && !server.closed; i++) {
      peer.send(frame(FRAME.ping, 0, 0, '12345678'));
      peer.clock.advance(20);
      if (i % 100 === 0) await peer.frames();
    }
    assert.match(server.error?.message ?? '', /does not read/);
  });

  test('requests of a peer that does not read stop being read', async () => {
    const { server, peer } = serve();
    await peer.frames();
    peer.transport.takes = false;
    const large = literalField('x-large', 'v'.repeat(1000));
    for (let i = 0; i < 1000 && !peer.transport.paused; i++) {
      peer.get(i * 2 + 1);
      server.streams.at(-1)?.stream?.sendHeaders([OK, large, headerField('x-i', `${i}`)], true);
      await peer.frames();
    }
    assert.equal(peer.transport.paused, true);
    peer.transport.takes = true;
    peer.transport.handler?.onDrain();
    assert.equal(peer.transport.paused, false);
  });
});

describe('a busy peer is not hurt:', () => {
  test('one that cancels what takes too long', () => {
    const { server, peer } = serve();
    for (let round = 0; round < 200; round++) {
      const ids = Array.from({ length: 100 }, (_, i) => round * 200 + i * 2 + 1);
      for (const id of ids) peer.get(id);
      peer.clock.advance(100);
      for (const id of ids) peer.send(frame(FRAME.resetStream, 0, id, uint32(8)));
    }
    assert.equal(server.error, undefined);
    assert.equal(server.streams.length, 20_000);
  });

  test('one that asks twice and cancels the slower', () => {
    const { server, peer } = serve();
    for (let i = 0; i < 20_000; i += 2) {
      peer.get(i * 2 + 1);
      peer.get(i * 2 + 3);
      server.streams.at(-1)?.stream?.sendHeaders([OK], true);
      peer.send(frame(FRAME.resetStream, 0, i * 2 + 1, uint32(8)));
    }
    assert.equal(server.error, undefined);
  });

  test('one that credits each piece of a download, and measures the network by PINGs', async () => {
    const { server, peer } = serve();
    for (let i = 0; i < 5_000; i++) {
      const id = i * 2 + 1;
      peer.get(id);
      server.streams.at(-1)?.stream?.sendHeaders([OK], false);
      server.streams.at(-1)?.stream?.sendData(Buffer.alloc(4_000), true);
      for (let update = 0; update < 3; update++) {
        peer.send(frame(FRAME.windowUpdate, 0, 0, uint32(2_000)));
        peer.send(frame(FRAME.windowUpdate, 0, id, uint32(2_000)));
      }
      peer.send(frame(FRAME.ping, 0, 0, '12345678'));
      if (i % 50 === 0) await nextTurn();
    }
    assert.equal(server.error, undefined);
  });

  test('one that sends priorities with each request', () => {
    const { server, peer } = serve();
    for (let i = 0; i < 5_000; i++) {
      const id = i * 2 + 1;
      for (let n = 0; n < 3; n++) peer.send(frame(FRAME.priority, 0, id, [0, 0, 0, 0, 1]));
      peer.get(id);
      server.streams.at(-1)?.stream?.sendHeaders([OK], true);
    }
    assert.equal(server.error, undefined);
  });

  test('one that does a little of all for an hour', () => {
    const { server, peer } = serve();
    for (let second = 0; second < 3_600; second++) {
      peer.clock.advance(1_000);
      for (let i = 0; i < 20; i++) {
        peer.send(frame(FRAME.ping, 0, 0, '12345678'));
        peer.send(frame(FRAME.windowUpdate, 0, 0, uint32(1)));
        peer.send(frame(0xbe, 0, 0));
      }
      peer.send(frame(FRAME.settings, 0, 0));
    }
    assert.equal(server.error, undefined);
  });

  test('a server that refuses all that a client asks', () => {
    const closed: unknown[] = [];
    const peer = new RawHttp2Peer('client', { onClose: (error) => closed.push(error) }).begin();
    for (let i = 0; i < 5_000; i++) {
      const recorded = new RecordedStream();
      peer.connection.open([headerField(':method', 'GET')], true, recorded);
      peer.send(frame(FRAME.resetStream, 0, i * 2 + 1, uint32(ERROR_CODE.refusedStream)));
      assert.deepEqual(recorded.end, { kind: 'refused' });
    }
    assert.deepEqual(closed, []);
  });
});

describe('what a peer can make us hold is bounded:', () => {
  test('uploads that nobody reads', () => {
    const { server, peer } = serve();
    for (let id = 1; id < 200; id += 2) peer.headers(id, POST, FLAG.endHeaders);
    for (const recorded of server.streams) recorded.consumes = false;
    for (let round = 0; round < 12; round++) {
      for (let id = 1; id < 200; id += 2) peer.send(frame(FRAME.data, 0, id, Buffer.alloc(16_000)));
    }
    const held = server.streams.reduce((sum, { body }) => sum + body.length, 0);
    assert.ok(held <= 6.5 * 1024 * 1024, `${held} bytes`);
  });

  test('downloads that it does not take', () => {
    const { server, peer } = serve(setting(SETTING.initialWindowSize, 0));
    for (let id = 1; id < 200; id += 2) peer.get(id);
    let queued = 0;
    const chunk = Buffer.alloc(16_384);
    for (const { stream } of server.streams) {
      stream?.sendHeaders([OK], false);
      do queued += chunk.length;
      while (stream?.sendData(chunk, false));
    }
    assert.ok(queued <= 4 * 1024 * 1024, `${queued} bytes`);
  });

  test('pieces that would keep large buffers alive', () => {
    const { server, peer } = serve(setting(SETTING.initialWindowSize, 0));
    peer.get(1);
    const large = Buffer.alloc(65_536);
    server.streams[0]?.stream?.sendHeaders([OK], false);
    server.streams[0]?.stream?.sendData(large.subarray(0, 10), false);
    large[0] = 1;
    peer.send(frame(FRAME.windowUpdate, 0, 1, uint32(10)));
    return peer.framesOf(FRAME.data).then(([sent]) => assert.equal(sent?.payload[0], 0));
  });
});
