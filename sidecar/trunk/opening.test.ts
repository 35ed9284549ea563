import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ManualClock } from '../../runtime/clock.ts';
import { collect, eventually } from '../../test/fakes/connections.ts';
import {
  client,
  echo,
  hasCode,
  ownCredentials,
  request,
  serve,
} from '../../test/fakes/trunk-peer.ts';
import type { OwnedTransport } from '../transport.ts';
import type { TrunkStream } from './types.ts';

/** What a transport was told, with what it was told of writing. */
function watch(transport: OwnedTransport): {
  text(): string;
  drains(): number;
  readonly closed: Promise<Error | undefined>;
} {
  const chunks: Buffer[] = [];
  const closed = Promise.withResolvers<Error | undefined>();
  let drains = 0;
  transport.attach({
    onData: (bytes) => chunks.push(bytes),
    onEnd: () => {},
    onDrain: () => {
      drains += 1;
    },
    onClose: (error) => closed.resolve(error),
  });
  transport.resume();
  return {
    text: () => Buffer.concat(chunks).toString(),
    drains: () => drains,
    closed: closed.promise,
  };
}

const early = { early: true } as const;

describe('a stream that may be used before the answer', () => {
  test('brings its first bytes along with the question', async () => {
    const asked: TrunkStream[] = [];
    const { port } = await serve((stream) => asked.push(stream));
    const transport = await client(ownCredentials()).open(request(port, early));
    assert.equal(asked.length, 0, 'nobody has answered, nor even been asked');
    transport.write(Buffer.from('first'));
    await eventually(() => asked.length === 1);
    const received = collect((asked[0] as TrunkStream).accept());
    await eventually(() => received.bytes().toString() === 'first');
  });

  test('asks to wait with more until it is answered', async () => {
    const asked: TrunkStream[] = [];
    const { port } = await serve((stream) => asked.push(stream));
    const transport = await client(ownCredentials()).open(request(port, early));
    const told = watch(transport);
    assert.equal(transport.write(Buffer.from('first')), false);
    await eventually(() => asked.length === 1);
    assert.equal(told.drains(), 0);
    asked[0]?.accept();
    await eventually(() => told.drains() === 1);
    assert.equal(transport.write(Buffer.from('second')), true);
  });

  test('ends with the reason when it is refused', async () => {
    const { port, server } = await serve((stream) => stream.refuse('no-such-port'));
    const trunk = client(ownCredentials());
    const transport = await trunk.open(request(port, early));
    const told = watch(transport);
    transport.write(Buffer.from('first'));
    const error = await told.closed;
    hasCode('connect-failed')(error);
    assert.match(String(error), /refused: no-such-port/);
    assert.equal(transport.finished, true);
    assert.equal(server.connections, 1, 'the connection stays');
  });

  test('ends with the reason when no answer comes in time', async () => {
    const asked: TrunkStream[] = [];
    const { port } = await serve((stream) => asked.push(stream));
    const clock = new ManualClock();
    const trunk = client(ownCredentials(), clock);
    const transport = await trunk.open(request(port, { ...early, timeoutMs: 1_000 }));
    const told = watch(transport);
    transport.write(Buffer.from('first'));
    let aborted = false;
    await eventually(() => asked.length === 1);
    (asked[0] as TrunkStream).onAbort = () => {
      aborted = true;
    };
    clock.advance(1_000);
    hasCode('connect-timeout')(await told.closed);
    await eventually(() => aborted);
  });

  test('goes onto another connection, with all it carried, when the first breaks off', async () => {
    let broken = false;
    const { port, sockets } = await serve((stream) => {
      if (broken) {
        echo(stream);
        return;
      }
      broken = true;
      for (const socket of sockets) socket.destroy();
    });
    const trunk = client(ownCredentials());
    const transport = await trunk.open(request(port, early));
    const told = watch(transport);
    transport.write(Buffer.from('one '));
    transport.write(Buffer.from('two'));
    transport.end();
    assert.equal(await told.closed, undefined);
    assert.equal(told.text(), 'one two');
  });

  test('fails when the second connection breaks off as well', async () => {
    const { port, sockets } = await serve(() => {
      for (const socket of sockets) socket.destroy();
    });
    const transport = await client(ownCredentials()).open(request(port, early));
    const told = watch(transport);
    transport.write(Buffer.from('x'));
    hasCode('connect-failed')(await told.closed);
  });

  test('can be given up before the answer', async () => {
    const asked: TrunkStream[] = [];
    let aborted = false;
    const { port } = await serve((stream) => {
      asked.push(stream);
      stream.onAbort = () => {
        aborted = true;
      };
    });
    const transport = await client(ownCredentials()).open(request(port, early));
    const told = watch(transport);
    transport.write(Buffer.from('x'));
    await eventually(() => asked.length === 1);
    const reason = new Error('enough');
    transport.destroy(reason);
    assert.equal(await told.closed, reason);
    await eventually(() => aborted);
  });
});

test('a stream that may not be used before the answer waits for it', async () => {
  const asked: TrunkStream[] = [];
  const { port } = await serve((stream) => asked.push(stream));
  let opened = false;
  const opening = client(ownCredentials()).open(request(port));
  void opening.then(() => {
    opened = true;
  });
  await eventually(() => asked.length === 1);
  assert.equal(opened, false);
  asked[0]?.accept();
  assert.equal((await opening).finished, false);
});

test('more streams than a connection takes go onto further ones', async () => {
  const { port, server } = await serve(echo);
  const trunk = client(ownCredentials());
  const transports = await Promise.all(
    Array.from({ length: 1_010 }, () => trunk.open(request(port))),
  );
  assert.equal(server.connections, 2);
  const last = collect(transports.at(-1) as OwnedTransport);
  transports.at(-1)?.write(Buffer.from('x'));
  await eventually(() => last.bytes().length === 1);
});
