import { MeshError } from '../../runtime/errors.ts';
import type { Peer } from '../transport.ts';
import { parseAuthority } from './protocol.ts';
import type { TrunkHttp2Acceptor, TrunkHttp2Server } from './types.ts';

/** The ports of a pod are few; of more than so many the idle ones are forgotten. */
const KEPT = 64;

/**
 * Who takes the HTTP/2 requests that come as streams of one connection of the trunk:
 * one for each application that they are for.
 */
export class Http2Servers {
  readonly #acceptor: TrunkHttp2Acceptor | undefined;
  /** By what the peer says that it is, and the destination as sent. */
  readonly #servers = new Map<string, TrunkHttp2Server>();
  // Of the last request: the same as of the next one, almost always.
  #peer: Peer | undefined;
  #target = '';
  #server: TrunkHttp2Server | undefined;

  constructor(acceptor: TrunkHttp2Acceptor | undefined) {
    this.#acceptor = acceptor;
  }

  /** @param target the destination, as sent */
  serverOf(peer: Peer, target: string): TrunkHttp2Server | MeshError {
    if (this.#server !== undefined && target === this.#target && peer === this.#peer) {
      return this.#server;
    }
    const key = `${peer.workload?.namespace}/${peer.workload?.workload} ${target}`;
    const server = this.#servers.get(key) ?? this.#accept(peer, target, key);
    if (!(server instanceof MeshError)) {
      this.#peer = peer;
      this.#target = target;
      this.#server = server;
    }
    return server;
  }

  /** The connection is gone, and all its requests are over. */
  close(): void {
    for (const server of this.#servers.values()) server.onClose();
    this.#servers.clear();
    this.#server = undefined;
  }

  #accept(peer: Peer, target: string, key: string): TrunkHttp2Server | MeshError {
    const destination = parseAuthority(target);
    if (this.#acceptor === undefined || destination === undefined) {
      return new MeshError('bad-trunk-request', 'the destination is no address and port');
    }
    const forget = (): void => this.#forget(key);
    const server = this.#acceptor({ destination, peer, forget });
    if (server instanceof MeshError) return server;
    if (this.#servers.size >= KEPT) {
      for (const [other, { idle }] of this.#servers) if (idle) this.#forget(other);
    }
    this.#servers.set(key, server);
    return server;
  }

  #forget(key: string): void {
    const server = this.#servers.get(key);
    if (server === undefined) return;
    this.#servers.delete(key);
    if (server === this.#server) this.#server = undefined;
    server.onClose();
  }
}
