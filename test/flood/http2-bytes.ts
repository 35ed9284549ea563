import type { Duplex } from 'node:stream';
import { FLAG, FRAME, PREFACE, SETTING } from '../../sidecar/http2/frame.ts';
import { frame, setting } from '../fakes/raw-http2-peer.ts';
import { writeWithoutEnd } from './without-end.ts';

/** Written at a time. */
const PIECE_BYTES = 16_384;

/** A header field that no table knows, as HPACK spells it; `kept` puts it into the dynamic table. */
export function literal(name: string, value: string, kept = false): Buffer {
  return Buffer.concat([Buffer.of(kept ? 0x40 : 0x00), text(name), text(value)]);
}

function text(value: string): Buffer {
  const { length } = value;
  const bytes = Buffer.from(value, 'latin1');
  if (length < 127) return Buffer.concat([Buffer.of(length), bytes]);
  const digits = [127];
  let rest = length - 127;
  for (; rest >= 128; rest >>>= 7) digits.push((rest & 127) | 128);
  return Buffer.concat([Buffer.from([...digits, rest]), bytes]);
}

/** Of the static table: `:scheme: http`, and the method. */
const GET = Buffer.of(0x82, 0x86);
const POST = Buffer.of(0x83, 0x86);

export interface Http2Request {
  readonly path?: string;
  /** With a body to come. */
  readonly post?: boolean;
  readonly more?: readonly Buffer[];
}

export function requestBlock({ path = '/', post = false, more = [] }: Http2Request = {}): Buffer {
  const fields = [literal(':path', path), literal(':authority', 'cart'), ...more];
  return Buffer.concat([post ? POST : GET, ...fields]);
}

export function headers(streamId: number, request: Http2Request = {}): Buffer {
  const flags = FLAG.endHeaders | (request.post === true ? 0 : FLAG.endStream);
  return frame(FRAME.headers, flags, streamId, requestBlock(request));
}

/** Begins as an honest client does. */
export function beginHttp2(connection: Duplex, windowBytes = 65_535): void {
  connection.write(PREFACE);
  connection.write(frame(FRAME.settings, 0, 0, setting(SETTING.initialWindowSize, windowBytes)));
  connection.write(frame(FRAME.settings, FLAG.ack, 0));
}

/** Writes frames or groups of them, one after the other. */
export function sendWithoutEnd(connection: Duplex, next: () => Buffer): void {
  writeWithoutEnd(connection, () => {
    const pieces: Buffer[] = [];
    for (let length = 0; length < PIECE_BYTES; ) {
      const piece = next();
      pieces.push(piece);
      length += piece.length;
    }
    return Buffer.concat(pieces);
  });
}

/** The ids of a client's streams, one after the other. */
export function streamIds(): () => number {
  let id = -1;
  return () => {
    id += 2;
    return id;
  };
}
