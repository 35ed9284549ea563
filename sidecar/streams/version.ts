import type { HeaderField } from '../http2/header-field.ts';
import type { HttpVersion } from '../message.ts';
import type { StreamRequest } from './request.ts';
import type { StreamResponse } from './response.ts';

/** The messages of HTTP/2. */
export interface Http2 extends HttpVersion {
  readonly request: StreamRequest;
  readonly response: StreamResponse;
  /** Only what may be passed on. */
  readonly trailers: readonly HeaderField[];
}
