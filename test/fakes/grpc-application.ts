import { after } from 'node:test';
import {
  type CallOptions,
  Client,
  type ClientDuplexStream,
  type ClientOptions,
  type ClientReadableStream,
  type ClientUnaryCall,
  type ClientWritableStream,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  type ServiceError,
  type UntypedHandleCall,
} from '@grpc/grpc-js';

const asIs = (bytes: Buffer): Buffer => bytes;

/** The methods of a service whose messages are bytes: may the request stream, may the response. */
const METHODS = {
  unary: [false, false],
  clientStream: [true, false],
  serverStream: [false, true],
  bidi: [true, true],
} as const;

type Method = keyof typeof METHODS;
const pathOf = (name: Method): string => `/shop.Cart/${name}`;

/** A program that serves these methods over gRPC, and no other. */
export async function grpcApplication(
  host: string,
  handlers: Partial<Record<Method, UntypedHandleCall>>,
): Promise<{ readonly port: number; stop(): void }> {
  // With channelz off, forceShutdown of @grpc/grpc-js 1.14 leaves connections open.
  const server = new Server();
  for (const name of Object.keys(handlers) as Method[]) {
    const [requestStream, responseStream] = METHODS[name];
    const definition = {
      path: pathOf(name),
      requestStream,
      responseStream,
      requestSerialize: asIs,
      requestDeserialize: asIs,
      responseSerialize: asIs,
      responseDeserialize: asIs,
    };
    server.addService({ [name]: definition }, { [name]: handlers[name] as UntypedHandleCall });
  }
  const stop = (): void => server.forceShutdown();
  after(stop);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`${host}:0`, ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  return { port, stop };
}

/** How a call ended. */
export interface Reply {
  readonly code: number;
  readonly details: string;
  readonly metadata: Metadata;
  readonly message: string;
}

/** A client of that service, with one connection to a port of this machine. */
export class GrpcClient {
  readonly #client: Client;

  constructor(port: number, options: ClientOptions = {}) {
    this.#client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
      // Retries of its own would hide what the mesh does.
      'grpc.enable_retries': 0,
      ...options,
    });
    after(() => this.#client.close());
  }

  /** @param onCall gets the call, so as to cancel it */
  unary(
    message: string,
    options: CallOptions = {},
    onCall: (call: ClientUnaryCall) => void = () => {},
  ): Promise<Reply> {
    return new Promise((resolve) => {
      const call = this.#client.makeUnaryRequest(
        pathOf('unary'),
        asIs,
        asIs,
        Buffer.from(message),
        new Metadata(),
        options,
        (error, answer) => resolve(reply(error, answer)),
      );
      onCall(call);
    });
  }

  clientStream(done: (reply: Reply) => void): ClientWritableStream<Buffer> {
    return this.#client.makeClientStreamRequest(
      pathOf('clientStream'),
      asIs,
      asIs,
      new Metadata(),
      (error, answer) => done(reply(error, answer)),
    );
  }

  serverStream(message: string, options: CallOptions = {}): ClientReadableStream<Buffer> {
    return this.#client.makeServerStreamRequest(
      pathOf('serverStream'),
      asIs,
      asIs,
      Buffer.from(message),
      new Metadata(),
      options,
    );
  }

  bidi(options: CallOptions = {}): ClientDuplexStream<Buffer, Buffer> {
    return this.#client.makeBidiStreamRequest(pathOf('bidi'), asIs, asIs, new Metadata(), options);
  }
}

function reply(error: ServiceError | null, answer: Buffer | undefined): Reply {
  return {
    code: error?.code ?? 0,
    details: error?.details ?? '',
    metadata: error?.metadata ?? new Metadata(),
    message: answer?.toString() ?? '',
  };
}
