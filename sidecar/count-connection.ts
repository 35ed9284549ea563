import type { Endpoint } from './config/types.ts';
import type { HttpContext } from './context.ts';
import type { ConnectionRecord, TrafficObserver } from './telemetry/types.ts';
import type { CountedConnection } from './transport.ts';

/** Tells of a connection that carries HTTP: now, and when it is over. */
export function countHttpConnection(
  observer: TrafficObserver,
  connection: CountedConnection,
  parties: Omit<ConnectionRecord, 'protocol'>,
): void {
  const { direction, source, service, mutualTls } = parties;
  const { namespace, workload } = parties.destination;
  const destination = { namespace, workload };
  const record = { direction, source, destination, service, mutualTls, protocol: 'http' } as const;
  observer.connectionOpened(record);
  connection.onCounted = () => {
    const { bytesRead, bytesWritten } = connection;
    // From the source to the destination, whichever end we are.
    if (direction === 'inbound') observer.connectionClosed(record, bytesRead, bytesWritten);
    else observer.connectionClosed(record, bytesWritten, bytesRead);
  };
}

/** The same of a connection that a request made necessary. */
export function countDialedConnection(
  { context, service }: { readonly context: HttpContext; readonly service: string },
  connection: CountedConnection,
  endpoint: Endpoint,
  mutualTls: boolean,
): void {
  // The application's own connection: that of its client is counted instead.
  if (context.direction === 'inbound') return;
  countHttpConnection(context.observer, connection, {
    direction: 'outbound',
    source: context.source,
    destination: endpoint.workload,
    service,
    mutualTls,
  });
}
