import { isIP } from 'node:net';
import { parseSocketAddress, type SocketAddress } from '../../runtime/env.ts';
import type { Http2Options } from '../http2/connection.ts';
import type { Budget, Budgets } from '../http2/flood-limits.ts';
import { DEFAULT_LOCAL_SETTINGS, type LocalSettings } from '../http2/settings.ts';
import type { PeerWorkload } from '../transport.ts';

/** Names the opener's workload: `<namespace>/<workload>`. */
export const SOURCE_HEADER = 'remora-source';
/**
 * Where an HTTP/2 request goes that is a stream by itself: `ip:port`, as in the
 * authority of a CONNECT. Like the source it is the trunk's own, and no
 * application can send or see it.
 */
export const DESTINATION_HEADER = 'remora-destination';
/** The stable code with which a stream was refused. */
export const ERROR_HEADER = 'x-remora-error';

/**
 * Sent as SNI, because the server picks its current certificate when it sees a
 * name. It says nothing of whom we expect: that is checked by identity.
 */
export const SERVER_NAME = 'trunk.remora.dev';

type TrunkHttp2Options = Pick<Http2Options, 'settings' | 'budgets' | 'patient'>;

/** Streams on one connection before a second one is opened. */
export const MAX_STREAMS = 1000;

/** A stream's window, so that one download fills a fast network. */
const STREAM_WINDOW_BYTES = 1024 * 1024;

const SETTINGS: Partial<LocalSettings> = {
  streamWindowBytes: STREAM_WINDOW_BYTES,
  // Credit comes back on arrival, so that one stalled stream holds up no other; only
  // when so many stall that they hold the limit, the others wait for them.
  connectionWindowBytes: 16 * 1024 * 1024,
  maxHeldBytes: 256 * STREAM_WINDOW_BYTES,
  maxQueuedBytes: 64 * STREAM_WINDOW_BYTES,
  // What the largest request may have, and a few fields that sidecars add to it.
  maxHeaderListBytes: DEFAULT_LOCAL_SETTINGS.maxHeaderListBytes + 8 * 1024,
  maxHeaderFields: DEFAULT_LOCAL_SETTINGS.maxHeaderFields + 16,
};

const BUDGETS: Partial<Budgets> = {
  // A connection of the application that breaks is a reset stream, so a busy peer
  // makes many of them.
  resets: { burst: 2_000, perSecond: 500, perStream: 2, perData: 0 },
  // When we reset one, a window of data may be on its way to us.
  lateFrames: { burst: 200_000, perSecond: 64_000, perStream: 64, perData: 0 },
};

/**
 * Streams to what is not the application, or by who is not who he says. A peer whose
 * endpoints are out of date makes some, until it learns better.
 */
export const STRANGE_STREAMS: Budget = { burst: 1_000, perSecond: 100, perStream: 0, perData: 0 };

/** As the client of a connection. */
export const CLIENT_OPTIONS: TrunkHttp2Options = {
  settings: SETTINGS,
  budgets: BUDGETS,
  patient: true,
};

/** As the server of a connection. */
export const SERVER_OPTIONS: TrunkHttp2Options = {
  settings: { ...SETTINGS, maxConcurrentStreams: MAX_STREAMS },
  budgets: BUDGETS,
  patient: true,
};

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
