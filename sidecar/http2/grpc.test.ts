import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import * as grpc from '@grpc/grpc-js';
import { listen } from '../../test/fakes/connections.ts';
import { relayHttp2 } from '../../test/fakes/http2-relay.ts';

const pass = { serialize: (bytes: Buffer) => bytes, deserialize: (bytes: Buffer) => bytes };

function method(name: string, requestStream: boolean, responseStream: boolean) {
  return {
    path: `/test.Echo/${name}`,
    requestStream,
    responseStream,
    requestSerialize: pass.serialize,
    requestDeserialize: pass.deserialize,
    responseSerialize: pass.serialize,
    responseDeserialize: pass.deserialize,
  };
}

const SERVICE = {
  unary: method('Unary', false, false),
  fails: method('Fails', false, false),
  hangs: method('Hangs', false, false),
  many: method('Many', false, true),
  both: method('Both', true, true),
};

const LARGE = { 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 };
const MESSAGES = 500;

describe("gRPC's own client and server, with the codec between them", () => {
  const origin = new grpc.Server(LARGE);
  const cancelled = Promise.withResolvers<void>();
  let client: InstanceType<ReturnType<typeof grpc.makeClientConstructor>>;
  let stop: () => void;

  before(async () => {
    origin.addService(SERVICE, {
      unary: (call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) => {
        const trailers = new grpc.Metadata();
        trailers.set('x-trailer-bin', Buffer.from([0, 1, 255]));
        done(null, call.request, trailers);
      },
      fails: (_call: unknown, done: grpc.sendUnaryData<Buffer>) => {
        done({ code: grpc.status.FAILED_PRECONDITION, details: 'not äll is well' });
      },
      hangs: (call: grpc.ServerUnaryCall<Buffer, Buffer>) => {
        call.on('cancelled', () => cancelled.resolve());
      },
      many: (call: grpc.ServerWritableStream<Buffer, Buffer>) => {
        for (let i = 0; i < MESSAGES; i++) call.write(call.request);
        call.end();
      },
      both: (call: grpc.ServerDuplexStream<Buffer, Buffer>) => {
        call.on('data', (bytes: Buffer) => call.write(bytes));
        call.on('end', () => call.end());
      },
    });
    const port = await new Promise<number>((resolve, reject) => {
      origin.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    const relay = relayHttp2(port);
    const relayPort = await listen(relay.server);
    const Client = grpc.makeClientConstructor(SERVICE, 'Echo');
    client = new Client(`127.0.0.1:${relayPort}`, grpc.credentials.createInsecure(), LARGE);
    stop = relay.close;
  });

  after(() => {
    client.close();
    origin.forceShutdown();
    stop();
  });

  function unary(
    name: string,
    request: Buffer,
    options: grpc.CallOptions = {},
  ): Promise<{ response: Buffer | undefined; status: grpc.StatusObject }> {
    return new Promise((resolve) => {
      let response: Buffer | undefined;
      const call = client.makeUnaryRequest(
        `/test.Echo/${name}`,
        pass.serialize,
        pass.deserialize,
        request,
        new grpc.Metadata(),
        options,
        (_error, value) => {
          response = value;
        },
      );
      call.on('status', (status) => setImmediate(() => resolve({ response, status })));
    });
  }

  test('a call with trailers', async () => {
    const { response, status } = await unary('Unary', Buffer.from('hello'));
    assert.equal(String(response), 'hello');
    assert.equal(status.code, grpc.status.OK);
    assert.deepEqual(status.metadata.get('x-trailer-bin'), [Buffer.from([0, 1, 255])]);
  });

  test('messages larger than all windows', async () => {
    const request = randomBytes(8_000_000);
    assert.ok((await unary('Unary', request)).response?.equals(request));
  });

  test('many calls at once', async () => {
    const requests = Array.from({ length: 500 }, () => randomBytes(2_000));
    const answers = await Promise.all(requests.map((request) => unary('Unary', request)));
    answers.forEach(({ response }, i) => {
      assert.ok(response?.equals(requests[i] as Buffer), `call ${i}`);
    });
  });

  test('an error, which is trailers alone', async () => {
    const { status } = await unary('Fails', Buffer.alloc(0));
    assert.equal(status.code, grpc.status.FAILED_PRECONDITION);
    assert.equal(status.details, 'not äll is well');
  });

  test('a deadline that passes cancels the call on the other side', async () => {
    const { status } = await unary('Hangs', Buffer.alloc(0), { deadline: Date.now() + 50 });
    assert.equal(status.code, grpc.status.DEADLINE_EXCEEDED);
    await cancelled.promise;
  });

  test('a stream from the server', async () => {
    const request = randomBytes(10_000);
    const call = client.makeServerStreamRequest(
      '/test.Echo/Many',
      pass.serialize,
      pass.deserialize,
      request,
    );
    let count = 0;
    for await (const message of call) {
      assert.ok(request.equals(message));
      count += 1;
    }
    assert.equal(count, MESSAGES);
  });

  test('streams both ways', async () => {
    const call = client.makeBidiStreamRequest('/test.Echo/Both', pass.serialize, pass.deserialize);
    const sent = Array.from({ length: 200 }, (_, i) => randomBytes(i * 50));
    for (const message of sent) call.write(message);
    call.end();
    let count = 0;
    for await (const message of call) {
      assert.ok((sent[count] as Buffer).equals(message), `message ${count}`);
      count += 1;
    }
    assert.equal(count, sent.length);
  });
});
