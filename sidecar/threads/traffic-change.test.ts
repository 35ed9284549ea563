import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CONNECTION, Counters, REQUEST } from '../telemetry/counters.ts';
import type { ConnectionRecord, RequestRecord } from '../telemetry/types.ts';
import {
  addTraffic,
  type EndpointChange,
  ThreadCounters,
  TrafficReader,
} from './traffic-change.ts';

const PARTIES = {
  direction: 'outbound',
  source: { namespace: 'shop', workload: 'web' },
  destination: { namespace: 'shop', workload: 'cart' },
  service: 'shop/cart',
  mutualTls: true,
} as const;

function request(fields: Partial<RequestRecord> = {}): RequestRecord {
  return {
    ...PARTIES,
    ...{ route: '', method: 'GET', status: 200, grpcStatus: undefined, errorCode: '' },
    ...{ durationMs: 3, requestBytes: 100, responseBytes: 1000 },
    ...fields,
  };
}

const CONNECTION_RECORD: ConnectionRecord = { ...PARTIES, protocol: 'tcp' };

/** What a thread tells reaches the main thread as a copy. */
function tell(reader: TrafficReader, main: Counters): void {
  const change = reader.read();
  if (change !== undefined) addTraffic(main, structuredClone(change));
}

test('the counters of two threads add up to those of one', () => {
  const alone = new Counters();
  const main = new Counters();
  const threads = [new ThreadCounters(() => {}), new ThreadCounters(() => {})];
  const readers = threads.map((counters) => new TrafficReader(counters));
  const cases: RequestRecord[] = [
    request(),
    request({ status: 503, errorCode: 'no-endpoints' }),
    request({ method: 'BREW' }),
    request({ method: 'POST', grpcStatus: 14 }),
    request({ status: 0, durationMs: 70_000 }),
    request({ direction: 'inbound', mutualTls: false }),
  ];
  cases.forEach((record, i) => {
    alone.requestFinished(record);
    threads[i % 2]?.requestFinished(record);
    if (i === 2) for (const reader of readers) tell(reader, main);
  });
  for (const counters of [alone, threads[1]]) {
    counters?.connectionOpened(CONNECTION_RECORD);
    counters?.connectionOpened(CONNECTION_RECORD);
    counters?.retried('shop/cart', '503');
    counters?.hedged('shop/cart', 'won');
    counters?.limitReached('shop/cart', 'too-many-requests');
  }
  for (const reader of readers) tell(reader, main);
  for (const counters of [alone, threads[1]]) {
    counters?.connectionClosed(CONNECTION_RECORD, 10, 20);
    counters?.retried('shop/cart', '503');
    counters?.hedged('shop/cart', 'won');
    counters?.limitReached('shop/cart', 'too-many-requests');
  }
  for (const reader of readers) tell(reader, main);

  const rows = (counters: Counters): unknown[] =>
    counters.requests.labels
      .map((labels, row) => [
        JSON.stringify(labels),
        Array.from({ length: counters.requests.columns }, (_, i) => counters.requests.at(row, i)),
      ])
      .sort();
  assert.deepEqual(rows(main), rows(alone));
  assert.equal(main.requests.at(0, REQUEST.count), 1);
  assert.equal(main.connections.at(0, CONNECTION.opened), 2);
  assert.equal(main.connections.at(0, CONNECTION.active), 1);
  assert.equal(main.connections.at(0, CONNECTION.bytesReceived), 20);
  assert.equal(main.retries.at(0, 0), 2);
  assert.equal(main.hedges.at(0, 0), 2);
  assert.deepEqual(main.limitRefusals.labels, alone.limitRefusals.labels);
  assert.equal(main.limitRefusals.at(0, 0), 2);
});

test('without traffic there is nothing to tell', () => {
  const counters = new Counters();
  const reader = new TrafficReader(counters);
  assert.equal(reader.read(), undefined);
  counters.requestFinished(request());
  assert.notEqual(reader.read(), undefined);
  assert.equal(reader.read(), undefined);
});

test('an ejection is told at once', () => {
  const told: EndpointChange[] = [];
  const counters = new ThreadCounters((change) => told.push(change));
  counters.ejected('shop/cart', '10.0.0.1:80');
  counters.restored('shop/cart', '10.0.0.1:80');
  assert.deepEqual(
    told.map(({ kind }) => kind),
    ['ejected', 'restored'],
  );
});
