import { MeshError } from '../../runtime/errors.ts';
import type { AccessLog } from '../access-log/access-log.ts';
import type { ConnectionEntry } from '../access-log/entry.ts';
import type { Peer } from '../transport.ts';
import { formatAuthority } from '../trunk/protocol.ts';
import type { UpstreamConnection } from '../upstream/types.ts';
import type { ClientHello } from './client-hello.ts';
import type { ConnectionPlan } from './downstream.ts';
import type { RelayResult } from './relay.ts';

/** What became of a connection that is over. */
export type ConnectionEnd = Pick<
  ConnectionEntry,
  'outcome' | 'errorCode' | 'error' | 'bytesIn' | 'bytesOut'
>;

/** What the line of a connection tells, beside its end. */
export interface LoggedConnection {
  readonly plan: Omit<ConnectionPlan, 'cluster' | 'tcp' | 'http' | 'protocol' | 'key'>;
  readonly client: Peer;
  readonly hello: ClientHello | undefined;
  readonly upstream: UpstreamConnection | undefined;
  readonly durationMs: number;
}

/** Writes the line of a connection that carried something else than HTTP. */
export function logConnection(
  accessLog: AccessLog,
  { plan, client, hello, upstream, durationMs }: LoggedConnection,
  end: ConnectionEnd,
): void {
  const outbound = plan.direction === 'outbound';
  const reached = upstream?.endpoint.workload;
  const other = outbound ? upstream : client;
  accessLog.connection({
    ...end,
    direction: plan.direction,
    protocol: hello === undefined ? 'tcp' : 'tls',
    durationMs,
    service: plan.service,
    source: plan.source,
    destination: outbound && reached !== undefined ? reached : plan.destination,
    client,
    upstream:
      upstream === undefined ? '' : formatAuthority(upstream.endpoint.address, upstream.port),
    mutualTls: outbound ? upstream?.mutualTls === true : plan.mutualTls,
    peerIdentity: other?.identity ?? '',
    originalDestination: plan.originalDestination,
    serverName: hello?.serverName ?? '',
    alpn: hello?.protocols ?? [],
  });
}

/** How a relayed connection ended. */
export function endOfRelay(result: RelayResult): ConnectionEnd {
  const bytes = { bytesIn: result.bytesSent, bytesOut: result.bytesReceived };
  const { error, brokenBy } = result;
  if (error === undefined) return { outcome: 'completed', errorCode: '', error: '', ...bytes };
  // A reset by itself does not say whose it was.
  if (brokenBy !== undefined && !isOurs(error)) {
    const sentence = `the ${brokenBy === 'upstream' ? 'server' : 'client'} cut the connection`;
    return { outcome: 'cut', errorCode: `${brokenBy}-reset`, error: sentence, ...bytes };
  }
  return { outcome: 'cut', ...codeAndSentence(error), ...bytes };
}

/** How a connection ended for which no relay began. */
export function endBeforeRelay(
  error: Error | undefined,
  refused: boolean,
  bytesIn: number,
): ConnectionEnd {
  const bytes = { bytesIn, bytesOut: 0 };
  if (error === undefined || !isOurs(error)) {
    return { outcome: 'abandoned', errorCode: '', error: '', ...bytes };
  }
  return { outcome: refused ? 'refused' : 'cut', ...codeAndSentence(error), ...bytes };
}

/** Not that a socket broke, but that the sidecar ended it. */
function isOurs(error: Error): boolean {
  return error instanceof MeshError && error.code !== 'connection-reset';
}

function codeAndSentence(error: Error): Pick<ConnectionEnd, 'errorCode' | 'error'> {
  const errorCode = error instanceof MeshError ? error.code : 'connection-reset';
  return { errorCode, error: error.message };
}
