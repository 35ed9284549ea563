import { isIP, isIPv4, type Socket } from 'node:net';
import { spiffeId } from '../../proto/well-known.ts';
import type { Clock } from '../../runtime/clock.ts';
import { describeError, MeshError } from '../../runtime/errors.ts';
import type { Workload } from '../config/types.ts';
import { createSocket } from '../socket-reading.ts';
import { SocketTransport } from '../socket-transport.ts';
import type { OwnedTransport } from '../transport.ts';
import type { TrunkConnector, TrunkHttp2, TrunkRequest } from '../trunk/types.ts';

export interface Dialed {
  readonly transport: OwnedTransport;
  readonly mutualTls: boolean;
}

/** Makes new connections. */
export interface Dialer {
  /**
   * Rejects with a MeshError: `connect-failed`, `connect-timeout`,
   * `peer-identity-mismatch`.
   *
   * @param workload who answers there; decides between the trunk and plain text
   * @param timeoutMs 0 means no limit
   */
  dial(
    host: string,
    port: number,
    workload: Workload,
    timeoutMs: number,
    early?: boolean,
  ): Promise<Dialed>;

  /**
   * The same for requests of HTTP/2, which may have a way of their own. Without this
   * hook they are sent on what `dial` makes.
   */
  dialHttp2?(
    host: string,
    port: number,
    workload: Workload,
    timeoutMs: number,
  ): Promise<DialedHttp2>;
}

/** What carries requests of HTTP/2: a connection for them alone, or a part of the trunk. */
export type DialedHttp2 = Dialed | TrunkHttp2;

/** What a connected socket of no other sidecar is to the rest. */
export function withoutTrunk(socket: Socket, host: string, port: number): Dialed {
  socket.setNoDelay(true);
  socket.setKeepAlive(true, 60_000);
  const peer = { address: host, port, identity: undefined, workload: undefined };
  return { transport: new SocketTransport(socket, peer), mutualTls: false };
}

/** Connects to a plain port, without the trunk. */
export class PlainDialer implements Dialer {
  readonly #clock: Clock;
  readonly #sourceAddress: string | undefined;
  readonly #isOwn: (address: string, port: number) => boolean;

  /**
   * @param sourceAddress the local address of outgoing connections, where rules go by it
   * @param isOwn a port of the sidecar itself, which a name may turn out to mean
   */
  constructor(
    clock: Clock,
    sourceAddress: string | undefined,
    isOwn: (address: string, port: number) => boolean = () => false,
  ) {
    this.#clock = clock;
    this.#sourceAddress = sourceAddress;
    this.#isOwn = isOwn;
  }

  dial(host: string, port: number, _workload: Workload, timeoutMs: number): Promise<Dialed> {
    return new Promise((resolve, reject) => {
      const socket = createSocket();
      const timer =
        timeoutMs === 0
          ? undefined
          : this.#clock.setTimeout(() => {
              socket.destroy(
                new MeshError(
                  'connect-timeout',
                  `${host}:${port} did not answer within ${timeoutMs} ms`,
                ),
              );
            }, timeoutMs);
      const onError = (error: Error): void => {
        timer?.cancel();
        if (error instanceof MeshError) reject(error);
        else {
          const reason = `${host}:${port} is not reached: ${describeError(error)}`;
          reject(new MeshError('connect-failed', reason, { cause: error }));
        }
      };
      socket.once('error', onError);
      socket.once('connect', () => {
        if (isIP(host) === 0 && this.#isOwn(socket.remoteAddress ?? '', port)) {
          const sentence = `${host}:${port} is the sidecar itself`;
          socket.destroy(new MeshError('destination-not-allowed', sentence));
          return;
        }
        timer?.cancel();
        socket.off('error', onError);
        resolve(withoutTrunk(socket, host, port));
      });
      const source = this.#sourceAddress;
      // An IPv4 source cannot reach an IPv6 destination.
      const fits = source !== undefined && isIPv4(source) === isIPv4(host);
      socket.connect(fits ? { host, port, localAddress: source } : { host, port });
    });
  }
}

/** Connects through the trunk to who has one, and plainly to who has none. */
export class MeshDialer implements Dialer {
  readonly #plain: Dialer;
  readonly #trunk: TrunkConnector;
  readonly #trustDomain: () => string;

  constructor(options: { plain: Dialer; trunk: TrunkConnector; trustDomain: () => string }) {
    this.#plain = options.plain;
    this.#trunk = options.trunk;
    this.#trustDomain = options.trustDomain;
  }

  async dial(
    host: string,
    port: number,
    workload: Workload,
    timeoutMs: number,
    early = false,
  ): Promise<Dialed> {
    if (workload.trunkPort === 0) return await this.#plain.dial(host, port, workload, timeoutMs);
    const request = this.#request(host, port, workload, timeoutMs);
    return { transport: await this.#trunk.open({ ...request, early }), mutualTls: true };
  }

  async dialHttp2(
    host: string,
    port: number,
    workload: Workload,
    timeoutMs: number,
  ): Promise<DialedHttp2> {
    if (workload.trunkPort === 0) return await this.#plain.dial(host, port, workload, timeoutMs);
    return await this.#trunk.connectHttp2(this.#request(host, port, workload, timeoutMs));
  }

  #request(host: string, port: number, workload: Workload, timeoutMs: number): TrunkRequest {
    const { trunkPort, namespace, serviceAccount } = workload;
    const identity = spiffeId(this.#trustDomain(), namespace, serviceAccount);
    return { address: host, trunkPort, identity, port, timeoutMs };
  }
}

/** Whatever made a dialer fail, in the mesh's terms. */
export function dialError(error: unknown): MeshError {
  if (error instanceof MeshError) return error;
  return new MeshError('connect-failed', describeError(error), { cause: error });
}
