/** Checks of gRPC by grpc-js: `<host:port> <bytes of a large message> <how many calls>`. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  type Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientUnaryCall,
  type ClientWritableStream,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { type Bytes, type Count, loadEcho, type Text } from './grpc-echo.ts';
import { patternBytes } from './pattern.ts';
import { check } from './report.ts';

type Callback<T> = (error: ServiceError | null, reply?: T) => void;
interface Echo extends Client {
  Unary(
    text: Text,
    metadata: Metadata,
    options: { deadline?: number },
    callback: Callback<Text>,
  ): ClientUnaryCall;
  Wait: Echo['Unary'];
  Abandoned(text: Text, callback: Callback<Count>): ClientUnaryCall;
  Bytes(bytes: Bytes, callback: Callback<Bytes>): ClientUnaryCall;
  Down(count: Count): ClientReadableStream<Text>;
  Up(callback: Callback<Count>): ClientWritableStream<Text>;
  Both(): ClientDuplexStream<Text, Text>;
}

const [address = '', largeBytes = '', countText = ''] = process.argv.slice(2);
const count = Number(countText);
const client = new (loadEcho())(address, credentials.createInsecure(), {
  'grpc.max_receive_message_length': -1,
}) as Client as Echo;

interface Unary {
  readonly value: string;
  readonly initial: Metadata;
  readonly trailers: Metadata;
}

/** @throws ServiceError */
function unary(value: string, metadata = new Metadata()): Promise<Unary> {
  return new Promise((resolve, reject) => {
    let initial = new Metadata();
    let reply = '';
    const call = client.Unary({ value }, metadata, {}, (error, message) => {
      if (error !== null) reject(error);
      else reply = message?.value ?? '';
    });
    call.on('metadata', (received: Metadata) => {
      initial = received;
    });
    call.on('status', ({ code, metadata: trailers }) => {
      if (code === status.OK) resolve({ value: reply, initial, trailers });
    });
  });
}

await check('a call, with metadata both ways', async () => {
  const metadata = new Metadata();
  metadata.set('x-asked', 'for this');
  metadata.set('x-binary-bin', Buffer.from([0, 1, 254, 255]));
  const { value, initial, trailers } = await unary('metadata x-asked', metadata);
  assert.equal(value, 'for this');
  assert.deepEqual(initial.get('x-initial'), ['told at the beginning']);
  assert.deepEqual(trailers.get('x-trailer'), ['told at the end']);
  assert.equal((await unary('metadata x-binary-bin', metadata)).value, '0001feff');
});

await check('many calls at a time', async () => {
  const replies = await Promise.all(Array.from({ length: count }, (_, i) => unary(`call ${i}`)));
  for (const [i, { value }] of replies.entries()) assert.equal(value, `call ${i}`);
});

await check('errors, which come as trailers alone', async () => {
  for (const code of [status.NOT_FOUND, status.UNAVAILABLE, status.INTERNAL, status.DATA_LOSS]) {
    const error: ServiceError = await unary(`fail ${code} no such thing: 100% ✓`).then(
      () => assert.fail('it went well'),
      (reason) => reason,
    );
    assert.deepEqual([error.code, error.details], [code, 'no such thing: 100% ✓']);
    assert.deepEqual(error.metadata.get('x-trailer'), ['told at the end']);
  }
});

await check('a method that is not there', async () => {
  const error = await new Promise<ServiceError | null>((resolve) => {
    const identity = (value: Buffer): Buffer => value;
    client.makeUnaryRequest('/protocols.Echo/None', identity, identity, Buffer.alloc(0), resolve);
  });
  assert.equal(error?.code, status.UNIMPLEMENTED);
});

await check('a stream of the server', async () => {
  let received = 0;
  for await (const { value } of client.Down({ value: 10 * count })) {
    received += 1;
    assert.equal(value, `message ${received}`);
  }
  assert.equal(received, 10 * count);
});

await check('a stream of the client', async () => {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const call = client.Up((error, reply) =>
    error === null ? resolve(reply?.value ?? 0) : reject(error),
  );
  for (let i = 0; i < 10 * count; i += 1) {
    if (!call.write({ value: `message ${i}` })) await once(call, 'drain');
  }
  call.end();
  assert.equal(await promise, 10 * count);
});

await check('streams in both directions, message by message', async () => {
  const call = client.Both();
  for (let i = 0; i < count; i += 1) {
    call.write({ value: `message ${i}` });
    const [message] = await once(call, 'data');
    assert.equal(message.value, `message ${i}`);
  }
  const ended = once(call, 'end');
  call.end();
  await ended;
});

await check('a large message', async () => {
  const message = patternBytes(0, Number(largeBytes));
  const reply = await new Promise<Buffer>((resolve, reject) => {
    client.Bytes({ value: message }, (error, answer) =>
      error === null ? resolve(answer?.value ?? Buffer.alloc(0)) : reject(error),
    );
  });
  assert.ok(reply.equals(message));
});

await check('large metadata', async () => {
  const metadata = new Metadata();
  metadata.set('x-large', 'y'.repeat(6000));
  assert.equal((await unary('metadata x-large', metadata)).value, 'y'.repeat(6000));
  const { initial } = await unary('headers 6000');
  assert.deepEqual(initial.get('x-large'), ['x'.repeat(6000)]);
});

/** How many calls of Wait the server has seen begin, or end without an answer. */
function waits(which: 'begun' | 'abandoned'): Promise<number> {
  return new Promise((resolve, reject) => {
    client.Abandoned({ value: which }, (error, reply) =>
      error === null ? resolve(reply?.value ?? 0) : reject(error),
    );
  });
}

await check('a deadline ends a call at both ends', async () => {
  const [begun, abandoned] = [await waits('begun'), await waits('abandoned')];
  // One that was over before it was sent shows nothing.
  while ((await waits('begun')) === begun) {
    const error = await new Promise<ServiceError | null>((resolve) => {
      client.Wait({ value: '' }, new Metadata(), { deadline: Date.now() + 200 }, resolve);
    });
    // Go's server knows the deadline as well, and when it is first it cancels the stream.
    assert.ok([status.DEADLINE_EXCEEDED, status.CANCELLED].includes(error?.code ?? status.OK));
  }
  while ((await waits('abandoned')) === abandoned);
});

await check('a cancelled call ends at both ends', async () => {
  const [begun, abandoned] = [await waits('begun'), await waits('abandoned')];
  const { promise, resolve } = Promise.withResolvers<ServiceError | null>();
  const call = client.Wait({ value: '' }, new Metadata(), {}, resolve);
  while ((await waits('begun')) === begun);
  call.cancel();
  assert.equal((await promise)?.code, status.CANCELLED);
  while ((await waits('abandoned')) === abandoned);
});
client.close();
