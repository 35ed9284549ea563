/** The service of echo.proto on port 9090. */
import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { type Bytes, type Count, loadEcho, type Text } from './grpc-echo.ts';

/** Calls of Wait that have begun, and those that have ended without an answer. */
let begun = 0;
let abandoned = 0;

/** What a text asks for, instead of itself. */
function answer(call: ServerUnaryCall<Text, Text>, callback: sendUnaryData<Text>): void {
  const { value } = call.request;
  const [verb = '', first = '', ...rest] = value.split(' ');
  const trailers = new Metadata();
  trailers.set('x-trailer', 'told at the end');
  if (verb === 'fail') {
    callback({ code: Number(first), details: rest.join(' '), metadata: trailers });
    return;
  }
  const initial = new Metadata();
  if (verb === 'headers') initial.set('x-large', 'x'.repeat(Number(first)));
  initial.set('x-initial', 'told at the beginning');
  call.sendMetadata(initial);
  const reply =
    verb === 'metadata'
      ? call.metadata.get(first).map(hexIfBinary).join(',')
      : verb === 'headers'
        ? 'sent'
        : value;
  callback(null, { value: reply }, trailers);
}

function hexIfBinary(value: string | Buffer): string {
  return typeof value === 'string' ? value : value.toString('hex');
}

const server = new Server({ 'grpc.max_receive_message_length': -1 });
server.addService(loadEcho().service, {
  Unary: answer,
  Down(call: ServerWritableStream<Count, Text>) {
    let sent = 0;
    const write = (): void => {
      while (sent < call.request.value) {
        sent += 1;
        if (!call.write({ value: `message ${sent}` })) {
          call.once('drain', write);
          return;
        }
      }
      call.end();
    };
    write();
  },
  Up(call: ServerReadableStream<Text, Count>, callback: sendUnaryData<Count>) {
    let value = 0;
    call.on('data', () => {
      value += 1;
    });
    call.on('end', () => callback(null, { value }));
  },
  Both(call: ServerDuplexStream<Text, Text>) {
    call.on('data', (message: Text) => call.write(message));
    call.on('end', () => call.end());
    call.on('error', () => {});
  },
  Wait(call: ServerUnaryCall<Text, Text>) {
    begun += 1;
    call.on('cancelled', () => {
      abandoned += 1;
    });
  },
  Abandoned({ request }: ServerUnaryCall<Text, Count>, callback: sendUnaryData<Count>) {
    callback(null, { value: request.value === 'begun' ? begun : abandoned });
  },
  Bytes(call: ServerUnaryCall<Bytes, Bytes>, callback: sendUnaryData<Bytes>) {
    callback(null, call.request);
  },
});
server.bindAsync('0.0.0.0:9090', ServerCredentials.createInsecure(), (error) => {
  if (error !== null) throw error;
});
