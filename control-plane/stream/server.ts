import {
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { Component } from '../../runtime/component.ts';
import type { SocketAddress } from '../../runtime/env.ts';
import { MeshError } from '../../runtime/errors.ts';
import type { StreamCalls } from './call.ts';

/** One service of the server: its methods, and what answers them. */
export interface GrpcService {
  readonly definition: ServiceDefinition;
  readonly handlers: UntypedServiceImplementation;
}

export interface StreamServerOptions {
  readonly address: SocketAddress;
  readonly credentials: RenewableServerCredentials;
  readonly services: readonly GrpcService[];
  readonly calls: StreamCalls;
}

/** A Hello lists every resource that a sidecar holds, which in a large mesh is about 1 MiB. */
const RECEIVE_LIMIT_BYTES = 8 * 1024 * 1024;
/** Only a single enormous resource comes near; pushes are cut long before. */
const SEND_LIMIT_BYTES = 64 * 1024 * 1024;

const OPTIONS = {
  'grpc.enable_channelz': 0,
  'grpc.max_receive_message_length': RECEIVE_LIMIT_BYTES,
  'grpc.max_send_message_length': SEND_LIMIT_BYTES,
  // Four streams a sidecar, and room for a reconnect beside each.
  'grpc.max_concurrent_streams': 16,
  // A peer whose machine vanished is noticed within half a minute.
  'grpc.keepalive_time_ms': 20_000,
  'grpc.keepalive_timeout_ms': 10_000,
  // Without a call there is no reason to stay.
  'grpc.max_connection_idle_ms': 60_000,
  // Spreads sidecars over replicas again after one was replaced; grpc-js adds jitter.
  'grpc.max_connection_age_ms': 3_600_000,
  'grpc.max_connection_age_grace_ms': 10_000,
};

/** The gRPC server of the control plane, over TLS. */
export class StreamServer implements Component {
  readonly name = 'grpc-server';
  readonly #options: StreamServerOptions;
  #server: Server | undefined;
  #port = 0;

  constructor(options: StreamServerOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { address, credentials, services } = this.#options;
    const server = new Server(OPTIONS);
    for (const { definition, handlers } of services) server.addService(definition, handlers);
    this.#server = server;
    const host = address.host.includes(':') ? `[${address.host}]` : address.host;
    this.#port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(`${host}:${address.port}`, credentials, (error, port) => {
        if (error === null) return resolve(port);
        reject(
          new MeshError('cannot-listen', `cannot listen on ${host}:${address.port} for gRPC`, {
            cause: error,
          }),
        );
      });
    });
  }

  /** The port in use, for tests that ask for port 0. */
  get port(): number {
    return this.#port;
  }

  /** Ends the streams with a word to connect again, says GOAWAY, and waits for the connections to close. */
  async stop(signal: AbortSignal): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#options.calls.endAll();
    await new Promise<void>((resolve) => {
      const cut = (): void => server.forceShutdown();
      signal.addEventListener('abort', cut);
      if (signal.aborted) cut();
      server.tryShutdown(() => {
        signal.removeEventListener('abort', cut);
        resolve();
      });
    });
  }
}

/** What Node's TLS server is made with; grpc-js passes it on as it is. */
const TLS_OPTIONS = {
  requestCert: false,
  // Whoever connects and says nothing is cut before a hundred of them add up.
  handshakeTimeout: 10_000,
};

/**
 * Server credentials whose certificate can be replaced while the server runs:
 * new connections get the new one, open ones stay as they are.
 */
export class RenewableServerCredentials extends ServerCredentials {
  constructor() {
    // Callers prove who they are by token: no client certificate is asked for.
    super(TLS_OPTIONS);
  }

  /** PEM. Until the first call, connections are refused. */
  update(certificateChain: string, privateKey: string): void {
    this.updateSecureContextOptions({
      cert: certificateChain,
      key: privateKey,
      minVersion: 'TLSv1.3',
    });
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}
