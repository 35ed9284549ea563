import type { Protocol } from '../config/types.ts';
import { type ClientHello, parseClientHello } from './client-hello.ts';
import { detectProtocol } from './detect.ts';

/** What becomes of a connection, by what its client said first. */
export type Verdict =
  | {
      readonly becomes: 'http1' | 'http2' | 'tcp';
      /** Of TLS that passes as TCP. */
      readonly hello: ClientHello | undefined;
    }
  | {
      /** What follows decides; `seems` when nothing follows in time. */
      readonly becomes: 'more';
      readonly seems: 'http1' | 'tcp';
      readonly patience: Patience;
    };

/**
 * How long the rest of a beginning is waited for.
 *
 * - `each`: a silence, anew with each piece; not many pieces fit in.
 * - `once`: a silence, for all pieces together.
 * - `long`: once for all pieces too, and not a mere silence, since the client is known to speak
 *   and its server has no part in it. But not for ever.
 */
type Patience = 'each' | 'once' | 'long';

/** @param protocol as it was declared; not `tcp`, where nobody looks */
export function judgeFirstBytes(protocol: Protocol, first: Buffer): Verdict {
  return isHttp(protocol) ? expectHttp(protocol, first) : detect(protocol, first);
}

/** The client is known to speak first, and to speak HTTP. */
export function isHttp(protocol: Protocol): boolean {
  return protocol === 'http1' || protocol === 'http2' || protocol === 'grpc';
}

function expectHttp(protocol: Protocol, first: Buffer): Verdict {
  const detected = detectProtocol(first);
  switch (detected) {
    case 'http2':
      return { becomes: 'http2', hello: undefined };
    case 'http1':
    case 'http1-begun':
      return HTTP1;
    case 'more':
      if (protocol !== 'http1' || mayBeHttp2(first)) {
        return { becomes: 'more', seems: 'http1', patience: 'long' };
      }
      return HTTP1;
    default:
      // What was declared HTTP/1 is answered as that, so that the client learns what was wrong.
      return protocol === 'http1' ? HTTP1 : TCP;
  }
}

function detect(protocol: Protocol, first: Buffer): Verdict {
  const detected = detectProtocol(first);
  if (detected === 'tls') return judgeTls(first);
  if (detected === 'more') return { becomes: 'more', seems: 'tcp', patience: 'each' };
  // What was declared TLS passes, whatever it is.
  if (protocol === 'tls' || detected === 'tcp') return TCP;
  if (detected === 'http2') return { becomes: 'http2', hello: undefined };
  if (detected === 'http1-begun') return { becomes: 'more', seems: 'http1', patience: 'each' };
  return HTTP1;
}

/** A server cannot answer before it has the whole hello, so that it may as well be waited for. */
function judgeTls(first: Buffer): Verdict {
  const hello = parseClientHello(first);
  if (hello === 'more') return { becomes: 'more', seems: 'tcp', patience: 'once' };
  return { becomes: 'tcp', hello };
}

const HTTP1: Verdict = { becomes: 'http1', hello: undefined };
const TCP: Verdict = { becomes: 'tcp', hello: undefined };

/** The beginning of the HTTP/2 preface, which is no HTTP/1 method. */
function mayBeHttp2(bytes: Buffer): boolean {
  return 'PRI * HTTP/2.0'.startsWith(bytes.toString('latin1', 0, 14));
}
