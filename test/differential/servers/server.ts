import type { Seen } from '../vector.ts';

/** A real server that tells what it reads. */
export interface Server extends AsyncDisposable {
  readonly name: string;
  readonly port: number;
  /** Whole requests in the order in which they were read; grows. */
  readonly seen: readonly Seen[];
  /**
   * Every request that a server in the middle parsed, whole or not, as
   * `<method> <target>`; grows. Undefined where `seen` is all that there is.
   */
  readonly log?: readonly string[] | undefined;
}

/** The header in which each answer repeats what was read. */
export const SEEN_HEADER = 'x-seen';

/** `<method> <target> <body bytes> <body hash> <trust>`, as in the answer's header and on a program's output. */
export function formatSeen({ method, target, bodyBytes, bodyHash, trust }: Seen): string {
  return `${method} ${target} ${bodyBytes} ${bodyHash} ${trust}`;
}

/** Names under which only a sidecar speaks, as CGI and WSGI spell them. */
export function speaksOfTrust(name: string): boolean {
  return /^x-(?:remora-.*|forwarded-client-cert)$/.test(name.toLowerCase().replaceAll('_', '-'));
}

/** @throws Error when the line is not one */
export function parseSeen(line: string): Seen {
  const [method, target, bodyBytes, bodyHash, trust] = line.split(' ');
  if (
    method === undefined ||
    target === undefined ||
    bodyHash === undefined ||
    trust === undefined
  ) {
    throw new Error(`not a line about a request: ${line}`);
  }
  return { method, target, bodyBytes: Number(bodyBytes), bodyHash, trust };
}
