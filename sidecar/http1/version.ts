import type { HttpVersion } from '../message.ts';
import type { Request } from './request.ts';
import type { Response } from './response.ts';

/** The messages of HTTP/1. */
export interface Http1 extends HttpVersion {
  readonly request: Request;
  readonly response: Response;
  /** Complete lines, each ended by CRLF. */
  readonly trailers: Buffer;
}
