import { readFile } from 'node:fs/promises';
import { isIPv6 } from 'node:net';
import {
  Channel,
  type ChannelCredentials,
  type Client,
  type ClientOptions,
  connectivityState,
  credentials,
  Metadata,
} from '@grpc/grpc-js';
import type { SocketAddress } from '../env.ts';
import { describeError, MeshError } from '../errors.ts';

/**
 * How much of a stream may be on its way. Node's TLS keeps, for each connection and as
 * long as it lasts, a buffer for all that was ever written to it at once: of the control
 * plane that would be 64 KiB a sidecar, for one long push. In a cluster a round trip
 * more for each 16 KiB is not felt.
 */
export const WINDOW_BYTES = 16 * 1024;

export interface ControlPlaneOptions {
  readonly address: SocketAddress;
  /** The name that the server's certificate must carry. */
  readonly serverName: string;
  /** PEM file with the roots of the mesh. */
  readonly trustBundlePath: string;
  /** File with the bearer token that proves who is calling. */
  readonly tokenPath: string;
}

type ServiceClient<T extends Client> = new (
  target: string,
  channelCredentials: ChannelCredentials,
  options: ClientOptions,
) => T;

/**
 * One gRPC connection to the control plane, over TLS with the roots of the mesh.
 * Roots and token are files that others renew, so both are read again for every
 * stream; when the roots have changed, the next stream gets a new connection and
 * the old one ends with its last stream.
 */
export class ControlPlaneConnection {
  /** `host:port`, for logs. */
  readonly target: string;
  readonly #options: ControlPlaneOptions;
  #channel: Channel | undefined;
  #roots = '';
  #closed = false;

  constructor(options: ControlPlaneOptions) {
    const { host, port } = options.address;
    this.#options = options;
    this.target = `${isIPv6(host) ? `[${host}]` : host}:${port}`;
  }

  /**
   * A client for one stream, and the credentials to open it with. Connects on
   * first use; that it fails is seen on the stream.
   *
   * @throws MeshError `trust-bundle-unreadable`, `token-unreadable`
   */
  async open<T extends Client>(
    service: ServiceClient<T>,
  ): Promise<{ client: T; metadata: Metadata }> {
    const { trustBundlePath, tokenPath } = this.#options;
    const [roots, token] = await Promise.all([
      read(trustBundlePath, 'trust-bundle-unreadable', 'the trust bundle'),
      read(tokenPath, 'token-unreadable', 'the token for the control plane'),
    ]);
    if (this.#closed) throw new MeshError('connection-closed', 'the connection was closed');
    const metadata = new Metadata();
    metadata.set('authorization', `Bearer ${token.trim()}`);
    const channelOverride = this.#channelFor(roots);
    const client = new service(this.target, credentials.createInsecure(), { channelOverride });
    return { client, metadata };
  }

  /** Connected now, whether or not a stream has answered. */
  get ready(): boolean {
    return this.#channel?.getConnectivityState(false) === connectivityState.READY;
  }

  close(): void {
    this.#closed = true;
    this.#channel?.close();
    this.#channel = undefined;
  }

  #channelFor(roots: string): Channel {
    if (this.#channel !== undefined && roots === this.#roots) return this.#channel;
    this.#channel?.close();
    const { serverName, address } = this.#options;
    this.#roots = roots;
    this.#channel = new Channel(this.target, credentials.createSsl(Buffer.from(roots)), {
      ...(serverName === address.host ? {} : { 'grpc.ssl_target_name_override': serverName }),
      'grpc.enable_channelz': 0,
      'grpc.keepalive_time_ms': 20_000,
      'grpc.keepalive_timeout_ms': 10_000,
      'grpc.initial_reconnect_backoff_ms': 250,
      'grpc.max_reconnect_backoff_ms': 10_000,
      // Each ControlPlaneConnection is a connection of its own.
      'grpc.use_local_subchannel_pool': 1,
      // Streams are opened anew by us; the library's own retries would hold messages back.
      'grpc.enable_retries': 0,
      // All the same it would keep each message for a retry until the other side says
      // something, which it does not while it takes reports of traffic.
      'grpc.per_rpc_retry_buffer_size': 0,
      'grpc-node.flow_control_window': WINDOW_BYTES,
      'grpc.max_receive_message_length': 64 * 1024 * 1024,
    });
    return this.#channel;
  }
}

async function read(path: string, code: string, what: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new MeshError(code, `${what} cannot be read: ${describeError(error)}`);
  }
  if (text.trim() === '') throw new MeshError(code, `${what} is empty: ${path}`);
  return text;
}
