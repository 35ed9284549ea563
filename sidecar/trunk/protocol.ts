import type { SecureClientSessionOptions, SecureServerOptions } from 'node:http2';
import { isIP } from 'node:net';
import { parseSocketAddress, type SocketAddress } from '../../runtime/env.ts';
import type { PeerWorkload } from '../transport.ts';

/** Names the opener's workload: `<namespace>/<workload>`. */
export const SOURCE_HEADER = 'remora-source';
/** The stable code with which a stream was refused. */
export const ERROR_HEADER = 'x-remora-error';

/**
 * Sent as SNI, because the server picks its current certificate when it sees a
 * name. It says nothing of whom we expect: that is checked by identity.
 */
export const SERVER_NAME = 'trunk.remora.dev';

/** A stream's window, so that one download fills a fast network. */
const STREAM_WINDOW_BYTES = 1024 * 1024;
/** For all streams together: credit comes back on arrival, so one stalled stream holds up no other. */
export const CONNECTION_WINDOW_BYTES = 16 * 1024 * 1024;
/** Streams on one connection before a second one is opened. */
export const MAX_STREAMS = 1000;

/** Both ends, in Node's terms. */
export const SESSION_OPTIONS = {
  settings: {
    initialWindowSize: STREAM_WINDOW_BYTES,
    maxConcurrentStreams: MAX_STREAMS,
    enablePush: false,
    maxHeaderListSize: 8 * 1024,
  },
  // Each stream may have a whole window in our buffers.
  maxSessionMemory: 1024,
} as const satisfies SecureClientSessionOptions & SecureServerOptions;

/** From the first packet to the peer's SETTINGS. */
export const HANDSHAKE_TIMEOUT_MS = 5_000;
/** A connection without streams is closed. */
export const IDLE_CONNECTION_MS = 60_000;
/** A PING after this long; a peer that does not answer within the same time is gone. */
export const PING_INTERVAL_MS = 10_000;

/** `ip:port` or `[ip]:port`; undefined for names and anything else. */
export function parseAuthority(text: string | undefined): SocketAddress | undefined {
  const address = text === undefined ? undefined : parseSocketAddress(text);
  if (address === undefined || address.port === 0 || isIP(address.host) === 0) return undefined;
  return address;
}

export function formatAuthority(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

export function formatSource(workload: PeerWorkload): string {
  return `${workload.namespace}/${workload.workload}`;
}

/** Undefined when it is not `<namespace>/<workload>` in the characters of Kubernetes names. */
export function parseSource(text: unknown): PeerWorkload | undefined {
  if (typeof text !== 'string') return undefined;
  const match = /^([a-z0-9-]{1,63})\/([a-z0-9.-]{1,253})$/.exec(text);
  return match === null ? undefined : { namespace: match[1] ?? '', workload: match[2] ?? '' };
}
