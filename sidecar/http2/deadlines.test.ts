import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { RecordedStream } from '../../test/fakes/http2-connections.ts';
import { frame, RawHttp2Peer, REQUEST, setting, uint32 } from '../../test/fakes/raw-http2-peer.ts';
import { ERROR_CODE } from './error-code.ts';
import { FLAG, FRAME, PREFACE, SETTING } from './frame.ts';
import { headerField } from './header-field.ts';

const OK = headerField(':status', '200');

interface Served {
  readonly peer: RawHttp2Peer;
  readonly streams: RecordedStream[];
  readonly errors: ({ code?: string } | undefined)[];
}

function serve(): Served {
  const streams: RecordedStream[] = [];
  const errors: ({ code?: string } | undefined)[] = [];
  const peer = new RawHttp2Peer('server', {
    onStream: (stream) => {
      const recorded = new RecordedStream();
      recorded.stream = stream;
      streams.push(recorded);
      return recorded;
    },
    onClose: (error) => errors.push(error),
  });
  return { peer, streams, errors };
}

describe('a peer has a time limit', () => {
  const cases: {
    name: string;
    limitMs: number;
    code: number;
    start: (peer: RawHttp2Peer) => void;
  }[] = [
    { name: 'for its first bytes', limitMs: 10_000, code: 4, start: () => {} },
    {
      name: 'to acknowledge our settings',
      limitMs: 10_000,
      code: 4,
      start: (peer) => peer.send(PREFACE, frame(FRAME.settings, 0, 0)),
    },
    {
      name: 'for the rest of a header block',
      limitMs: 12_000,
      code: 11,
      start: (peer) => {
        peer.begin();
        peer.headers(1, REQUEST, FLAG.endStream);
      },
    },
    {
      name: 'for the rest of a frame',
      limitMs: 12_000,
      code: 11,
      start: (peer) => {
        peer.begin();
        peer.send(frame(FRAME.headers, 5, 1, peer.block(REQUEST)).subarray(0, 12));
      },
    },
  ];
  for (const { name, limitMs, code, start } of cases) {
    test(name, async () => {
      const { peer, errors } = serve();
      start(peer);
      await peer.frames();
      peer.clock.advance(limitMs - 3_000);
      assert.equal(errors.length, 0);
      peer.clock.advance(3_000);
      assert.equal(errors.length, 1);
      assert.match(errors[0]?.code ?? '', /^http2-(timeout|flood)$/);
      assert.equal(await peer.goawayCode(), code);
    });
  }

  test('to read at all, and is cut without a last word', async () => {
    const { peer, errors } = serve();
    peer.begin();
    peer.transport.takes = false;
    peer.send(frame(FRAME.ping, 0, 0, '12345678'));
    await peer.frames();
    peer.clock.advance(59_000);
    assert.equal(errors.length, 0);
    peer.clock.advance(3_000);
    assert.equal(errors[0]?.code, 'http2-flood');
    assert.deepEqual([peer.transport.ended, peer.transport.destroyed], [false, true]);
    assert.equal(await peer.goawayCode(), undefined);
  });

  test('for much that it asked for and does not take', async () => {
    const { peer, streams, errors } = serve();
    peer.begin(setting(SETTING.initialWindowSize, 0));
    for (let id = 1; id < 60; id += 2) peer.get(id);
    for (const { stream } of streams) {
      stream?.sendHeaders([OK], false);
      stream?.sendData(Buffer.alloc(50_000), false);
    }
    peer.clock.advance(55_000);
    assert.equal(errors.length, 0);
    peer.clock.advance(10_000);
    assert.equal(errors[0]?.code, 'http2-flood');
    assert.equal(await peer.goawayCode(), ERROR_CODE.enhanceYourCalm);
  });

  test('for one stream, of which it takes nothing', () => {
    const { peer, streams, errors } = serve();
    peer.begin(setting(SETTING.initialWindowSize, 0));
    peer.get(1);
    streams[0]?.stream?.sendHeaders([OK], false);
    streams[0]?.stream?.sendData(Buffer.alloc(50_000), false);
    // A byte now and then is no use of it.
    for (let i = 0; i < 29; i++) {
      peer.clock.advance(10_000);
      peer.send(frame(FRAME.windowUpdate, 0, 1, uint32(1)));
    }
    assert.equal(streams[0]?.end, undefined);
    peer.clock.advance(15_000);
    assert.deepEqual(streams[0]?.end, { kind: 'reset', code: ERROR_CODE.enhanceYourCalm });
    assert.deepEqual(errors, [], 'the connection goes on');
  });
});

describe('a peer that is slow keeps its connection', () => {
  test('when data takes long', () => {
    const { peer, streams, errors } = serve();
    peer.begin();
    peer.headers(1, REQUEST, FLAG.endHeaders);
    peer.send(frame(FRAME.data, 0, 1, Buffer.alloc(100)).subarray(0, 20));
    peer.clock.advance(1_000_000);
    assert.deepEqual(errors, []);
    assert.equal(streams[0]?.end, undefined);
  });

  test('when its network is slow', async () => {
    const { peer, errors } = serve();
    peer.begin();
    await peer.frames();
    peer.transport.takes = false;
    peer.transport.unsentBytes = 250_000;
    peer.send(frame(FRAME.ping, 0, 0, '12345678'));
    await peer.frames();
    for (let i = 0; i < 5; i++) {
      peer.clock.advance(50_000);
      peer.transport.unsentBytes -= 50_000;
    }
    assert.deepEqual(errors, []);
  });

  test('when it takes little at a time', () => {
    const { peer, streams, errors } = serve();
    peer.begin(setting(SETTING.initialWindowSize, 0));
    peer.get(1);
    streams[0]?.stream?.sendHeaders([OK], false);
    streams[0]?.stream?.sendData(Buffer.alloc(60_000), true);
    for (let i = 0; i < 60; i++) {
      peer.clock.advance(100_000);
      peer.send(frame(FRAME.windowUpdate, 0, 1, uint32(1_024)));
    }
    assert.deepEqual(errors, []);
    assert.deepEqual(streams[0]?.end, { kind: 'complete' });
  });

  test('and a quiet connection has no timer', () => {
    const { peer } = serve();
    let timers = 0;
    const setTimeout = peer.clock.setTimeout.bind(peer.clock);
    peer.begin();
    peer.clock.advance(2_000);
    peer.clock.setTimeout = (callback, delayMs) => {
      timers += 1;
      return setTimeout(callback, delayMs);
    };
    peer.get(1);
    peer.clock.advance(3_600_000);
    assert.equal(timers, 0);
  });
});
