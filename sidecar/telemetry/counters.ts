import { Series } from './series.ts';
import type { ConnectionRecord, Party, RequestRecord, TrafficObserver } from './types.ts';

/** Bucket i of the duration histogram counts durations below 2^i ms, the last bucket the rest. */
export const DURATION_BOUNDS_MS: readonly number[] = Array.from({ length: 17 }, (_, i) => 2 ** i);
export const DURATION_BUCKETS = DURATION_BOUNDS_MS.length + 1;

/** Columns of a request row; the histogram begins at `buckets`. */
export const REQUEST = {
  count: 0,
  durationMs: 1,
  requestBytes: 2,
  responseBytes: 3,
  buckets: 4,
} as const;

/** Columns of a connection row. */
export const CONNECTION = { opened: 0, active: 1, bytesSent: 2, bytesReceived: 3 } as const;

export interface RequestLabels extends Omit<ConnectionLabels, 'protocol'> {
  readonly route: string;
  readonly method: string;
  /** Empty when there was no response. */
  readonly status: string;
  /** Empty when it was no call of gRPC. */
  readonly grpcStatus: string;
  readonly errorCode: string;
}

export type ConnectionLabels = Readonly<ConnectionRecord>;

/** Every other method counts as `_OTHER`, as OpenTelemetry asks. */
const METHODS = new Set('GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH QUERY'.split(' '));

/** Status codes as text, made once. */
const STATUS_TEXT = Array.from({ length: 600 }, (_, status) => (status === 0 ? '' : `${status}`));

/** The same of gRPC. */
const GRPC_STATUS_TEXT = Array.from({ length: 17 }, (_, status) => String(status));

/** Whoever tries one host after the other fills no more rows than this. */
const MAX_REFUSED_DESTINATIONS = 256;

const OVERFLOW: Party = { namespace: 'overflow', workload: 'overflow' };

/**
 * Counts what the data path reports. Past `maxSeries` combinations of labels, new
 * ones share one `overflow` row per direction, so that strangers who vary what
 * they send cannot fill the memory.
 */
export class Counters implements TrafficObserver {
  readonly requests: Series<RequestLabels>;
  readonly connections: Series<ConnectionLabels>;
  readonly retries: Series<{ readonly service: string; readonly reason: string }>;
  readonly hedges: Series<{ readonly service: string; readonly reason: string }>;
  readonly limitRefusals: Series<{ readonly service: string; readonly reason: string }>;
  readonly faults: Series<{ readonly service: string; readonly reason: string }>;
  readonly storeFailures: Series<{ readonly service: string; readonly reason: string }>;
  /** The service is a destination here, which may be a host of the application's choice. */
  readonly refusals: Series<{ readonly service: string; readonly reason: string }>;
  readonly ejections: Series<{ readonly service: string }>;
  readonly #ejected = new Map<string, Set<string>>();
  /** One key for all look-ups: nothing is allocated for a row that exists. */
  readonly #key: string[] = [];

  constructor(maxSeries = 2000) {
    this.requests = new Series(REQUEST.buckets + DURATION_BUCKETS, maxSeries);
    this.connections = new Series(4, maxSeries);
    this.retries = new Series(1, maxSeries);
    this.hedges = new Series(1, maxSeries);
    this.limitRefusals = new Series(1, maxSeries);
    this.faults = new Series(1, maxSeries);
    this.storeFailures = new Series(1, maxSeries);
    this.refusals = new Series(1, Math.min(maxSeries, MAX_REFUSED_DESTINATIONS));
    this.ejections = new Series(1, maxSeries);
  }

  requestFinished(record: RequestRecord): void {
    const { requests } = this;
    const base = this.#requestRow(record);
    requests.add(base, REQUEST.count, 1);
    requests.add(base, REQUEST.durationMs, record.durationMs);
    requests.add(base, REQUEST.requestBytes, record.requestBytes);
    requests.add(base, REQUEST.responseBytes, record.responseBytes);
    requests.add(base, REQUEST.buckets + durationBucket(record.durationMs), 1);
  }

  connectionOpened(record: ConnectionRecord): void {
    const base = this.#connectionRow(record);
    this.connections.add(base, CONNECTION.opened, 1);
    this.connections.add(base, CONNECTION.active, 1);
  }

  connectionClosed(record: ConnectionRecord, bytesSent: number, bytesReceived: number): void {
    const base = this.#closingRow(record);
    this.connections.add(base, CONNECTION.active, -1);
    this.connections.add(base, CONNECTION.bytesSent, bytesSent);
    this.connections.add(base, CONNECTION.bytesReceived, bytesReceived);
  }

  /** What another thread counted under these labels. */
  addRequests(labels: RequestLabels, amounts: ArrayLike<number>): void {
    const record: RequestRecord = {
      ...labels,
      status: Number(labels.status),
      grpcStatus: labels.grpcStatus === '' ? undefined : Number(labels.grpcStatus),
      ...{ durationMs: 0, requestBytes: 0, responseBytes: 0 },
    };
    addAll(this.requests, this.#requestRow(record), amounts);
  }

  addConnections(labels: ConnectionLabels, amounts: ArrayLike<number>): void {
    addAll(this.connections, this.#connectionRow(labels), amounts);
  }

  retried(service: string, reason: string, times = 1): void {
    countReason(this.retries, service, reason, times);
  }

  hedged(service: string, outcome: string, times = 1): void {
    countReason(this.hedges, service, outcome, times);
  }

  limitReached(service: string, code: string, times = 1): void {
    countReason(this.limitRefusals, service, code, times);
  }

  faultInjected(service: string, fault: string, times = 1): void {
    countReason(this.faults, service, fault, times);
  }

  rateLimitStoreFailed(service: string, reason: string, times = 1): void {
    countReason(this.storeFailures, service, reason, times);
  }

  refused(destination: string, code: string, times = 1): void {
    countReason(this.refusals, destination, code, times);
  }

  ejected(service: string, endpoint: string): void {
    let endpoints = this.#ejected.get(service);
    if (endpoints === undefined) {
      endpoints = new Set();
      this.#ejected.set(service, endpoints);
    }
    endpoints.add(endpoint);
    let base = this.ejections.find([service]);
    if (base < 0) base = this.ejections.create([service], { service });
    this.ejections.add(base, 0, 1);
  }

  restored(service: string, endpoint: string): void {
    this.#ejected.get(service)?.delete(endpoint);
  }

  /** Services none of whose endpoints is out. */
  dropRestored(): void {
    for (const [service, endpoints] of this.#ejected) {
      if (endpoints.size === 0) this.#ejected.delete(service);
    }
  }

  /** How many endpoints of each service are out of the balancer now. */
  *ejectedEndpoints(): Iterable<[service: string, count: number]> {
    for (const [service, endpoints] of this.#ejected) yield [service, endpoints.size];
  }

  #requestRow(record: RequestRecord): number {
    const { requests } = this;
    const { source, destination } = record;
    const method = METHODS.has(record.method) ? record.method : '_OTHER';
    const status = STATUS_TEXT[record.status] ?? `${record.status}`;
    const { grpcStatus: grpc } = record;
    const grpcStatus = grpc === undefined ? '' : (GRPC_STATUS_TEXT[grpc] ?? '');
    const key = this.#key;
    key.length = 12;
    key[0] = record.direction;
    key[1] = record.mutualTls ? 'true' : 'false';
    key[2] = source.workload;
    key[3] = source.namespace;
    key[4] = destination.workload;
    key[5] = destination.namespace;
    key[6] = record.service;
    key[7] = record.route;
    key[8] = method;
    key[9] = status;
    key[10] = grpcStatus;
    key[11] = record.errorCode;
    const found = requests.find(key);
    if (found >= 0) return found;
    if (!requests.full) {
      return requests.create(key, requestLabels(record, method, status, grpcStatus));
    }
    key.fill('overflow', 2);
    const overflow = requests.find(key);
    return overflow >= 0
      ? overflow
      : requests.create(key, {
          ...requestLabels(record, '_OTHER', '', ''),
          source: OVERFLOW,
          destination: OVERFLOW,
          service: 'overflow',
          route: 'overflow',
          errorCode: 'overflow',
        });
  }

  /** It may have begun while the table was full, and end when it no longer is. */
  #closingRow(record: ConnectionRecord): number {
    const { connections } = this;
    const key = this.#connectionKey(record);
    const found = connections.find(key);
    if (found >= 0 && connections.at(found / connections.columns, CONNECTION.active) > 0) {
      return found;
    }
    key.fill('overflow', 3);
    const overflow = connections.find(key);
    return overflow >= 0 ? overflow : this.#connectionRow(record);
  }

  #connectionRow(record: ConnectionRecord): number {
    const { connections } = this;
    const key = this.#connectionKey(record);
    const found = connections.find(key);
    if (found >= 0) return found;
    if (!connections.full) return connections.create(key, connectionLabels(record));
    key.fill('overflow', 3);
    const overflow = connections.find(key);
    return overflow >= 0
      ? overflow
      : connections.create(key, {
          ...connectionLabels(record),
          source: OVERFLOW,
          destination: OVERFLOW,
          service: 'overflow',
        });
  }

  #connectionKey(record: ConnectionRecord): string[] {
    const { source, destination } = record;
    const key = this.#key;
    key.length = 8;
    key[0] = record.direction;
    key[1] = record.mutualTls ? 'true' : 'false';
    key[2] = record.protocol;
    key[3] = source.workload;
    key[4] = source.namespace;
    key[5] = destination.workload;
    key[6] = destination.namespace;
    key[7] = record.service;
    return key;
  }
}

function addAll<Labels>(series: Series<Labels>, base: number, amounts: ArrayLike<number>): void {
  for (let column = 0; column < series.columns; column++) {
    series.add(base, column, amounts[column] ?? 0);
  }
}

/** The bucket of a duration: the first whose bound is above it. */
export function durationBucket(durationMs: number): number {
  const wholeMs = Math.min(Math.max(durationMs, 0), 2 ** 30);
  return Math.min(32 - Math.clz32(wholeMs), DURATION_BUCKETS - 1);
}

function countReason(
  series: Series<{ readonly service: string; readonly reason: string }>,
  service: string,
  reason: string,
  times: number,
): void {
  let base = series.find([service, reason]);
  if (base < 0) {
    if (series.full) service = 'overflow';
    base = series.find([service, reason]);
    if (base < 0) base = series.create([service, reason], { service, reason });
  }
  series.add(base, 0, times);
}

/** Copies: the caller may reuse its record. */
function requestLabels(
  record: RequestRecord,
  method: string,
  status: string,
  grpcStatus: string,
): RequestLabels {
  return {
    direction: record.direction,
    source: { ...record.source },
    destination: { ...record.destination },
    service: record.service,
    route: record.route,
    mutualTls: record.mutualTls,
    method,
    status,
    grpcStatus,
    errorCode: record.errorCode,
  };
}

function connectionLabels(record: ConnectionRecord): ConnectionLabels {
  return {
    direction: record.direction,
    source: { ...record.source },
    destination: { ...record.destination },
    service: record.service,
    mutualTls: record.mutualTls,
    protocol: record.protocol,
  };
}
