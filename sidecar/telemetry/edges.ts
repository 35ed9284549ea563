import type { Edge } from '../../proto/gen/remora/v1/Edge.ts';
import { isGrpcServerError } from '../grpc/status.ts';
import {
  CONNECTION,
  type ConnectionLabels,
  type Counters,
  DURATION_BUCKETS,
  REQUEST,
  type RequestLabels,
} from './counters.ts';
import type { Reading } from './series.ts';

/** An edge that is being added up, with plain numbers. */
interface Sum extends Edge {
  requests: number;
  failures: number;
  retries: number;
  connections: number;
  bytesSent: number;
  bytesReceived: number;
  durationBuckets: number[];
}

/**
 * Who called whom since the last time: the difference between two readings of the
 * counters, with rows that differ only in method, status or error added together.
 * All of its work happens once a second; the data path does nothing for it.
 */
export class EdgeReader {
  readonly #counters: Counters;
  readonly #requests: Reading;
  readonly #connections: Reading;
  readonly #retries: Reading;

  constructor(counters: Counters) {
    this.#counters = counters;
    this.#requests = counters.requests.reading();
    this.#connections = counters.connections.reading();
    this.#retries = counters.retries.reading();
  }

  /** What has changed; asking again gives what has changed since this call. */
  read(): Edge[] {
    const sums = new Map<string, Sum>();
    this.#readRequests(sums);
    this.#readConnections(sums);
    this.#readRetries(sums);
    return [...sums.values()];
  }

  #readRequests(sums: Map<string, Sum>): void {
    const { requests } = this.#counters;
    const before = this.#requests.values;
    requests.labels.forEach((labels, row) => {
      const since = (column: number): number =>
        requests.at(row, column) - (before[row * requests.columns + column] ?? 0);
      const count = since(REQUEST.count);
      if (count === 0) return;
      const sum = sumOf(sums, labels, labels.route, 'http');
      sum.requests += count;
      if (isFailure(labels)) sum.failures += count;
      sum.bytesSent += since(REQUEST.requestBytes);
      sum.bytesReceived += since(REQUEST.responseBytes);
      for (let i = 0; i < DURATION_BUCKETS; i++) {
        sum.durationBuckets[i] = (sum.durationBuckets[i] ?? 0) + since(REQUEST.buckets + i);
      }
    });
    this.#requests.values = requests.snapshot();
  }

  #readConnections(sums: Map<string, Sum>): void {
    const { connections } = this.#counters;
    const told = this.#connections.values;
    const next = connections.snapshot();
    connections.labels.forEach((labels, row) => {
      const before = (column: number): number => told[row * connections.columns + column] ?? 0;
      const since = (column: number): number => connections.at(row, column) - before(column);
      const opened = since(CONNECTION.opened);
      if (labels.protocol === 'http') {
        // It knows no route: it is told with the requests that it carried, and the
        // bytes were counted with them. Before one has ended it waits.
        const sum = opened === 0 ? undefined : requestsBetween(sums, labels);
        if (sum !== undefined) sum.connections += opened;
        else next[row * connections.columns + CONNECTION.opened] = before(CONNECTION.opened);
        return;
      }
      const sent = since(CONNECTION.bytesSent);
      const received = since(CONNECTION.bytesReceived);
      if (opened === 0 && sent === 0 && received === 0) return;
      const sum = sumOf(sums, labels, '', labels.protocol);
      sum.connections += opened;
      sum.bytesSent += sent;
      sum.bytesReceived += received;
    });
    this.#connections.values = next;
  }

  /** A retry names only its service: it is told with an edge to that service. */
  #readRetries(sums: Map<string, Sum>): void {
    const { retries } = this.#counters;
    const told = this.#retries.values;
    const next = retries.snapshot();
    retries.labels.forEach(({ service }, row) => {
      const before = told[row] ?? 0;
      const since = retries.at(row, 0) - before;
      if (since === 0) return;
      for (const sum of sums.values()) {
        if (sum.service !== service || sum.direction !== 'OUTBOUND') continue;
        sum.retries += since;
        return;
      }
      // No request to it has ended yet: the next reading tells it.
      next[row] = before;
    });
    this.#retries.values = next;
  }
}

/** The first edge of requests between the same two, whatever their route. */
function requestsBetween(sums: Map<string, Sum>, labels: ConnectionLabels): Sum | undefined {
  const direction = labels.direction === 'outbound' ? 'OUTBOUND' : 'INBOUND';
  for (const sum of sums.values()) {
    if (
      sum.protocol === 'http' &&
      sum.direction === direction &&
      sum.service === labels.service &&
      sum.mutualTls === labels.mutualTls &&
      isSameParty(sum.source, labels.source) &&
      isSameParty(sum.destination, labels.destination)
    ) {
      return sum;
    }
  }
  return undefined;
}

function isSameParty(a: Edge['source'], b: ConnectionLabels['source']): boolean {
  return a?.namespace === b.namespace && a.workload === b.workload;
}

function sumOf(
  sums: Map<string, Sum>,
  labels: Omit<ConnectionLabels, 'protocol'>,
  route: string,
  protocol: string,
): Sum {
  const { direction, source, destination, service, mutualTls } = labels;
  const key = JSON.stringify([
    direction,
    source.namespace,
    source.workload,
    destination.namespace,
    destination.workload,
    service,
    route,
    mutualTls,
    protocol,
  ]);
  let sum = sums.get(key);
  if (sum === undefined) {
    sum = {
      direction: direction === 'outbound' ? 'OUTBOUND' : 'INBOUND',
      source,
      destination,
      service,
      route,
      mutualTls,
      protocol,
      requests: 0,
      failures: 0,
      retries: 0,
      connections: 0,
      bytesSent: 0,
      bytesReceived: 0,
      durationBuckets: protocol === 'http' ? new Array<number>(DURATION_BUCKETS).fill(0) : [],
    };
    sums.set(key, sum);
  }
  return sum;
}

/** As the message says: 500 and above, what says the same in gRPC, and requests without a response. */
function isFailure({ status, grpcStatus }: RequestLabels): boolean {
  if (status === '' || status >= '500') return true;
  return grpcStatus !== '' && isGrpcServerError(Number(grpcStatus));
}
