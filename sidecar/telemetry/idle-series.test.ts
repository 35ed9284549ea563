import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ManualClock } from '../../runtime/clock.ts';
import { TrafficReader } from '../threads/traffic-change.ts';
import { CONNECTION, Counters, REQUEST } from './counters.ts';
import { EdgeReader } from './edges.ts';
import { IdleSeries } from './idle-series.ts';
import type { ConnectionRecord, RequestRecord } from './types.ts';

const HOUR_MS = 3_600_000;

function to(workload: string): ConnectionRecord {
  return {
    direction: 'outbound',
    source: { namespace: 'shop', workload: 'web' },
    destination: { namespace: 'shop', workload },
    service: `shop/${workload}`,
    mutualTls: true,
    protocol: 'tcp',
  };
}

function request(workload: string): RequestRecord {
  return {
    ...to(workload),
    ...{ route: '', method: 'GET', status: 200, grpcStatus: undefined, errorCode: '' },
    ...{ durationMs: 3, requestBytes: 100, responseBytes: 1000 },
  };
}

function start(maxSeries?: number): { counters: Counters; clock: ManualClock } {
  const counters = new Counters(maxSeries);
  const clock = new ManualClock();
  new IdleSeries(counters, clock).start();
  return { counters, clock };
}

suite('series', () => {
  test('of workloads that came and went are gone, however many there were', () => {
    const { counters, clock } = start();
    for (let i = 0; i < 5_000; i++) {
      const workload = `job-${i}`;
      counters.requestFinished(request(workload));
      counters.requestFinished(request('db'));
      counters.connectionOpened(to(workload));
      counters.connectionClosed(to(workload), 1, 2);
      counters.retried(`shop/${workload}`, 'status');
      counters.limitReached(`shop/${workload}`, 'limit-reached');
      counters.faultInjected(`shop/${workload}`, 'abort');
      counters.rateLimitStoreFailed(`shop/${workload}`, 'timeout');
      counters.refused(`${workload}.example`, 'denied');
      counters.ejected(`shop/${workload}`, '10.0.0.1:80');
      counters.restored(`shop/${workload}`, '10.0.0.1:80');
      clock.advance(60_000);
    }
    const { connections, retries, limitRefusals, faults, storeFailures, refusals } = counters;
    const { requests, ejections } = counters;
    for (const { size } of [connections, retries, limitRefusals, faults, storeFailures, refusals]) {
      assert.ok(size <= 60, `${size} rows`);
    }
    assert.ok(requests.size <= 61 && ejections.size <= 60);
    assert.ok([...counters.ejectedEndpoints()].length <= 60);
    const db = requests.labels.findIndex(({ destination }) => destination.workload === 'db');
    assert.equal(requests.at(db, REQUEST.count), 5_000);
    clock.advance(2 * HOUR_MS);
    assert.deepEqual([requests.size, connections.size, retries.size], [0, 0, 0]);
    assert.deepEqual([...counters.ejectedEndpoints()], []);
  });

  test('of connections that are open stay, whatever time passes', () => {
    const { counters, clock } = start();
    counters.connectionOpened(to('db'));
    clock.advance(5 * HOUR_MS);
    assert.equal(counters.connections.at(0, CONNECTION.active), 1);
    counters.connectionClosed(to('db'), 10, 20);
    assert.equal(counters.connections.at(0, CONNECTION.active), 0);
    assert.equal(counters.connections.at(0, CONNECTION.bytesSent), 10);
    clock.advance(2 * HOUR_MS);
    assert.equal(counters.connections.size, 0);
  });

  test('that come back begin at 0, and make room for others in between', () => {
    const { counters, clock } = start(2);
    for (const workload of ['a', 'b', 'c']) counters.requestFinished(request(workload));
    assert.equal(counters.requests.labels[2]?.service, 'overflow');
    clock.advance(HOUR_MS);
    for (const workload of ['c', 'a']) counters.requestFinished(request(workload));
    assert.deepEqual(
      counters.requests.labels.map(({ service }) => service),
      ['shop/c', 'shop/a'],
    );
    assert.equal(counters.requests.at(1, REQUEST.count), 1);
  });

  test('that were full when a connection began count its end where it began', () => {
    const { counters, clock } = start(1);
    counters.connectionOpened(to('a'));
    counters.connectionClosed(to('a'), 1, 1);
    counters.connectionOpened(to('b'));
    clock.advance(HOUR_MS);
    const active = (): [string, number][] =>
      counters.connections.labels.map(({ service }, row) => [
        service,
        counters.connections.at(row, CONNECTION.active),
      ]);
    assert.deepEqual(active(), [['overflow', 1]]);
    counters.connectionClosed(to('b'), 1, 1);
    assert.deepEqual(active(), [['overflow', 0]]);
  });

  test('that are dropped change nothing of what readers are told of others', () => {
    const { counters, clock } = start();
    const [edges, traffic] = [new EdgeReader(counters), new TrafficReader(counters)];
    for (const workload of ['gone', 'db']) {
      counters.requestFinished(request(workload));
      counters.retried(`shop/${workload}`, 'status');
      counters.connectionOpened(to(workload));
      counters.connectionClosed(to(workload), 10, 20);
    }
    edges.read();
    traffic.read();
    clock.advance(HOUR_MS / 2);
    counters.requestFinished(request('db'));
    counters.connectionOpened(to('db'));
    clock.advance(HOUR_MS / 2);
    assert.equal(counters.requests.size, 1);
    counters.requestFinished(request('gone'));
    const told = edges.read().map(({ service, protocol, requests, connections }) => {
      return [service, protocol, requests, connections];
    });
    assert.deepEqual(told, [
      ['shop/db', 'http', 1, 0],
      ['shop/gone', 'http', 1, 0],
      ['shop/db', 'tcp', 0, 1],
    ]);
    const change = traffic.read();
    const grown = change?.requests.map(([{ service }, [count]]) => [service, count]);
    assert.deepEqual(grown, [
      ['shop/db', 1],
      ['shop/gone', 1],
    ]);
  });
});
