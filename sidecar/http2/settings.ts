import { flowControlError, frameSizeError, protocolError } from './error-code.ts';
import {
  DEFAULT_MAX_FRAME_BYTES,
  DEFAULT_WINDOW_BYTES,
  MAX_MAX_FRAME_BYTES,
  MAX_WINDOW_BYTES,
  SETTING,
} from './frame.ts';
import { HEADER_TABLE_BYTES } from './hpack-decoder.ts';

/** What we tell the peer, and hold it to. */
export interface LocalSettings {
  /** Streams that the peer may have open at once; as a client we take none. */
  readonly maxConcurrentStreams: number;
  /** Data that a stream may have on the way to us: memory is streams times this. */
  readonly streamWindowBytes: number;
  /** The same for all streams together; credited on arrival, so that one cannot stall others. */
  readonly connectionWindowBytes: number;
  /** While owners hold more than this of all streams, the connection gets no credit. */
  readonly maxHeldBytes: number;
  /** Data queued for all streams, over which every owner is asked to wait. */
  readonly maxQueuedBytes: number;
  readonly maxFrameBytes: number;
  /** Names, values and 32 bytes for each field. */
  readonly maxHeaderListBytes: number;
  readonly maxHeaderFields: number;
}

export const DEFAULT_LOCAL_SETTINGS: LocalSettings = {
  maxConcurrentStreams: 100,
  streamWindowBytes: 192 * 1024,
  connectionWindowBytes: 4 * 1024 * 1024,
  maxHeldBytes: 2 * 1024 * 1024,
  maxQueuedBytes: 2 * 1024 * 1024,
  maxFrameBytes: DEFAULT_MAX_FRAME_BYTES,
  maxHeaderListBytes: 64 * 1024,
  maxHeaderFields: 256,
};

/** Ids and values as SETTINGS carries them. */
export function settingsOf(local: LocalSettings, role: 'client' | 'server'): [number, number][] {
  const settings: [number, number][] = [
    [SETTING.initialWindowSize, local.streamWindowBytes],
    [SETTING.maxFrameSize, local.maxFrameBytes],
    [SETTING.maxHeaderListSize, local.maxHeaderListBytes],
    [SETTING.noRfc7540Priorities, 1],
  ];
  if (role === 'client') settings.unshift([SETTING.enablePush, 0]);
  else settings.unshift([SETTING.maxConcurrentStreams, local.maxConcurrentStreams]);
  return settings;
}

/** What a client may assume of a server before it said so; RFC 9113 asks for no fewer. */
const ASSUMED_CONCURRENT_STREAMS = 100;

/** What the peer told us. */
export class PeerSettings {
  headerTableBytes: number = HEADER_TABLE_BYTES;
  maxConcurrentStreams: number = ASSUMED_CONCURRENT_STREAMS;
  streamWindowBytes: number = DEFAULT_WINDOW_BYTES;
  maxFrameBytes: number = DEFAULT_MAX_FRAME_BYTES;
  /** The first SETTINGS came. */
  received = false;
  readonly #role: 'client' | 'server';

  /** @param role our own */
  constructor(role: 'client' | 'server') {
    this.#role = role;
  }

  /**
   * Reads the payload of SETTINGS (RFC 9113 §6.5).
   *
   * @throws ConnectionError when a value is out of its range
   */
  read(bytes: Buffer, from: number, to: number): void {
    if ((to - from) % 6 !== 0) throw frameSizeError('SETTINGS is not a row of settings');
    if (!this.received) {
      this.received = true;
      this.maxConcurrentStreams = Number.POSITIVE_INFINITY;
    }
    for (let at = from; at < to; at += 6) {
      this.#set(bytes.readUInt16BE(at), bytes.readUInt32BE(at + 2));
    }
  }

  #set(id: number, value: number): void {
    switch (id) {
      case SETTING.headerTableSize:
        this.headerTableBytes = value;
        break;
      case SETTING.enablePush:
        if (value > 1 || (value === 1 && this.#role === 'client')) {
          throw protocolError('SETTINGS_ENABLE_PUSH has a value that is not allowed');
        }
        break;
      case SETTING.maxConcurrentStreams:
        this.maxConcurrentStreams = value;
        break;
      case SETTING.initialWindowSize:
        if (value > MAX_WINDOW_BYTES) {
          throw flowControlError('SETTINGS_INITIAL_WINDOW_SIZE is over its maximum');
        }
        this.streamWindowBytes = value;
        break;
      case SETTING.maxFrameSize:
        if (value < DEFAULT_MAX_FRAME_BYTES || value > MAX_MAX_FRAME_BYTES) {
          throw protocolError('SETTINGS_MAX_FRAME_SIZE is out of its range');
        }
        this.maxFrameBytes = value;
        break;
      default:
        break;
    }
  }
}
