import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Backoff } from '../../runtime/backoff.ts';
import { silentLog } from '../../runtime/log.ts';
import { FakeControlPlane } from '../../test/fakes/control-plane.ts';
import { until } from '../../test/fakes/until.ts';
import { Counters, DURATION_BUCKETS, durationBucket, REQUEST } from './counters.ts';
import { EdgeReader } from './edges.ts';
import { createRegistry, type SidecarFacts } from './prometheus.ts';
import { TrafficReporter } from './report.ts';
import type { ConnectionRecord, RequestRecord } from './types.ts';

function request(fields: Partial<RequestRecord> = {}): RequestRecord {
  return {
    direction: 'outbound',
    source: { namespace: 'shop', workload: 'web' },
    destination: { namespace: 'shop', workload: 'cart' },
    service: 'shop/cart',
    route: '',
    mutualTls: true,
    method: 'GET',
    status: 200,
    grpcStatus: undefined,
    errorCode: '',
    durationMs: 3,
    requestBytes: 100,
    responseBytes: 1000,
    ...fields,
  };
}

function connection(fields: Partial<ConnectionRecord> = {}): ConnectionRecord {
  return {
    direction: 'outbound',
    source: { namespace: 'shop', workload: 'web' },
    destination: { namespace: 'shop', workload: 'db' },
    service: 'shop/db',
    mutualTls: false,
    protocol: 'tcp',
    ...fields,
  };
}

suite('durations', () => {
  const cases: [durationMs: number, bucket: number][] = [
    [-1, 0],
    [0, 0],
    [0.99, 0],
    [1, 1],
    [1.99, 1],
    [2, 2],
    [1023.9, 10],
    [1024, 11],
    [65_535, 16],
    [65_536, 17],
    [1e12, 17],
  ];
  for (const [durationMs, bucket] of cases) {
    test(`of ${durationMs} ms count in bucket ${bucket}`, () => {
      assert.equal(durationBucket(durationMs), bucket);
    });
  }
});

suite('the counters', () => {
  test('keep one row for each combination of labels, also when the record is reused', () => {
    const counters = new Counters();
    const record = request();
    counters.requestFinished(record);
    counters.requestFinished(record);
    record.status = 503;
    record.destination = { namespace: 'shop', workload: 'cart-v2' };
    counters.requestFinished(record);
    assert.equal(counters.requests.size, 2);
    assert.equal(counters.requests.at(0, REQUEST.count), 2);
    assert.equal(counters.requests.at(1, REQUEST.count), 1);
    assert.equal(counters.requests.labels[0]?.status, '200');
    assert.equal(counters.requests.labels[1]?.destination.workload, 'cart-v2');
  });

  test('keep their numbers while the table grows', () => {
    const counters = new Counters();
    for (let i = 0; i < 100; i++) counters.requestFinished(request({ route: `r${i}` }));
    for (let i = 0; i < 100; i++) counters.requestFinished(request({ route: `r${i}` }));
    assert.equal(counters.requests.size, 100);
    for (let i = 0; i < 100; i++) assert.equal(counters.requests.at(i, REQUEST.count), 2);
  });

  test('put what strangers vary into one row past the limit', () => {
    const counters = new Counters(10);
    for (let i = 0; i < 50; i++) {
      counters.requestFinished(request({ errorCode: `e${i}` }));
      counters.connectionOpened(connection({ service: `s${i}` }));
      counters.connectionClosed(connection({ service: `s${i}` }), 1, 1);
      counters.retried(`s${i}`, 'reset');
    }
    assert.equal(counters.requests.size, 11);
    assert.equal(counters.requests.labels[10]?.source.workload, 'overflow');
    assert.equal(counters.requests.at(10, REQUEST.count), 40);
    assert.equal(counters.connections.size, 11);
    assert.equal(counters.connections.at(10, 0), 40);
    assert.equal(counters.connections.at(10, 1), 0);
    assert.equal(counters.retries.size, 11);
  });

  test('count a method that nobody knows as _OTHER', () => {
    const counters = new Counters();
    counters.requestFinished(request({ method: 'BREW' }));
    counters.requestFinished(request({ method: 'STIR' }));
    assert.equal(counters.requests.size, 1);
    assert.equal(counters.requests.labels[0]?.method, '_OTHER');
  });

  test('know which endpoints are out', () => {
    const counters = new Counters();
    counters.ejected('shop/cart', '10.0.0.1');
    counters.ejected('shop/cart', '10.0.0.2');
    counters.restored('shop/cart', '10.0.0.1');
    assert.deepEqual([...counters.ejectedEndpoints()], [['shop/cart', 1]]);
    assert.equal(counters.ejections.at(0, 0), 2);
  });
});

suite('edges', () => {
  test('add up rows that differ only in method and status, since the last reading', () => {
    const counters = new Counters();
    const reader = new EdgeReader(counters);
    counters.requestFinished(request());
    counters.requestFinished(request({ method: 'POST', status: 503, durationMs: 100 }));
    counters.requestFinished(request({ status: 0, errorCode: 'connect-failed' }));
    counters.retried('shop/cart', 'status');
    counters.connectionOpened(connection());
    counters.connectionClosed(connection(), 10, 20);
    const [http, tcp, ...more] = reader.read();
    assert.deepEqual(more, []);
    const durationBuckets = new Array<number>(DURATION_BUCKETS).fill(0);
    durationBuckets[2] = 2;
    durationBuckets[7] = 1;
    assert.deepEqual(http, {
      direction: 'OUTBOUND',
      source: { namespace: 'shop', workload: 'web' },
      destination: { namespace: 'shop', workload: 'cart' },
      service: 'shop/cart',
      route: '',
      mutualTls: true,
      protocol: 'http',
      requests: 3,
      failures: 2,
      retries: 1,
      connections: 0,
      bytesSent: 300,
      bytesReceived: 3000,
      durationBuckets,
    });
    assert.equal(tcp?.connections, 1);
    assert.equal(tcp?.bytesSent, 10);
    assert.equal(tcp?.bytesReceived, 20);

    assert.deepEqual(reader.read(), []);
    counters.requestFinished(request());
    assert.equal(reader.read()[0]?.requests, 1);
  });

  test('count as failures of gRPC what the server is to blame for', () => {
    const counters = new Counters();
    const reader = new EdgeReader(counters);
    for (const grpcStatus of [0, 3, 5, 13, 14]) counters.requestFinished(request({ grpcStatus }));
    const [edge] = reader.read();
    assert.deepEqual([edge?.requests, edge?.failures], [5, 2]);
  });

  test('tell a connection of HTTP with the requests that it carries, never alone', () => {
    const counters = new Counters();
    const reader = new EdgeReader(counters);
    const route = 'HTTPRoute/shop/cart/0';
    const http = connection({ ...request(), protocol: 'http' });
    counters.connectionOpened(http);
    assert.deepEqual(reader.read(), []);
    counters.requestFinished(request({ route }));
    counters.connectionClosed(http, 500, 5000);
    const [edge, ...more] = reader.read();
    assert.deepEqual(more, []);
    assert.equal(edge?.route, route);
    assert.equal(edge.connections, 1);
    assert.equal(edge.bytesSent, 100);
    assert.deepEqual(reader.read(), []);
    counters.requestFinished(request({ route }));
    assert.equal(reader.read()[0]?.connections, 0);
  });

  test('tell a retry with the request that it belongs to', () => {
    const counters = new Counters();
    const reader = new EdgeReader(counters);
    counters.retried('shop/cart', 'status');
    assert.deepEqual(reader.read(), []);
    counters.requestFinished(request());
    assert.equal(reader.read()[0]?.retries, 1);
    counters.requestFinished(request());
    assert.equal(reader.read()[0]?.retries, 0);
  });
});

suite('traffic reports', () => {
  test('go to the control plane, and what happened during an outage follows', async (t) => {
    await using controlPlane = await FakeControlPlane.start();
    const counters = new Counters();
    const reporter = new TrafficReporter({
      connection: controlPlane.connection(),
      counters,
      log: silentLog(),
      backoff: new Backoff({ baseMs: 10, maxMs: 50 }),
      intervalMs: 20,
    });
    t.after(() => reporter.stop(AbortSignal.abort()));
    reporter.start();
    counters.requestFinished(request());
    await until(() => controlPlane.edges.length > 0, 'a report');
    controlPlane.close();
    counters.requestFinished(request());
    counters.requestFinished(request());
    await controlPlane.listen();
    const told = (): number => controlPlane.edges.reduce((sum, edge) => sum + edge.requests, 0);
    await until(() => told() >= 3, 'all requests');
    assert.equal(told(), 3);
    assert.equal(controlPlane.edges[0]?.destination?.workload, 'cart');
  });
});

suite('the metrics', () => {
  const facts: SidecarFacts = {
    release: '1.2.3',
    certificateNotAfterMs: () => 1_700_000_000_000,
    configVersion: () => 'abc',
    configAgeMs: () => 1500,
    configRefusals: () => 2,
    logLinesDropped: () => 3,
    controlPlaneConnected: () => true,
  };

  test('are what was counted, in Prometheus’ text', async () => {
    const counters = new Counters();
    counters.requestFinished(request({ direction: 'inbound', durationMs: 3 }));
    counters.requestFinished(request({ direction: 'inbound', durationMs: 1 }));
    counters.requestFinished(request({ status: 503, errorCode: 'no-healthy-endpoint' }));
    counters.requestFinished(request({ status: 404 }));
    counters.connectionOpened(connection());
    counters.connectionOpened(connection());
    counters.connectionClosed(connection(), 7, 9);
    counters.retried('shop/cart', 'connect-failed');
    counters.hedged('shop/cart', 'won');
    counters.limitReached('shop/cart', 'too-many-pending');
    counters.ejected('shop/cart', '10.0.0.1');
    const registry = createRegistry(counters, facts);
    const parties =
      'source_workload="web",source_namespace="shop",destination_workload="cart",destination_namespace="shop",service="shop/cart",mutual_tls="true",route="",http_request_method="GET"';
    const tcp =
      'source_workload="web",source_namespace="shop",destination_workload="db",destination_namespace="shop",service="shop/db",mutual_tls="false",direction="outbound",protocol="tcp"';
    const expected = [
      '# TYPE http_server_request_duration_seconds histogram',
      `http_server_request_duration_seconds_bucket{${parties},http_response_status_code="200",error_type="",le="0.001"} 0`,
      `http_server_request_duration_seconds_bucket{${parties},http_response_status_code="200",error_type="",le="0.002"} 1`,
      `http_server_request_duration_seconds_bucket{${parties},http_response_status_code="200",error_type="",le="0.004"} 2`,
      `http_server_request_duration_seconds_bucket{${parties},http_response_status_code="200",error_type="",le="+Inf"} 2`,
      `http_server_request_duration_seconds_sum{${parties},http_response_status_code="200",error_type=""} 0.004`,
      `http_server_request_duration_seconds_count{${parties},http_response_status_code="200",error_type=""} 2`,
      `http_client_request_duration_seconds_count{${parties},http_response_status_code="503",error_type="no-healthy-endpoint"} 1`,
      `http_client_request_duration_seconds_count{${parties},http_response_status_code="404",error_type="404"} 1`,
      `remora_http_request_bytes_total{direction="inbound",${parties},http_response_status_code="200",error_type=""} 200`,
      `remora_connections_opened_total{${tcp}} 2`,
      `remora_connections_active{${tcp}} 1`,
      `remora_connection_sent_bytes_total{${tcp}} 7`,
      `remora_connection_received_bytes_total{${tcp}} 9`,
      'remora_retries_total{service="shop/cart",reason="connect-failed"} 1',
      'remora_hedges_total{service="shop/cart",reason="won"} 1',
      'remora_limit_refusals_total{service="shop/cart",reason="too-many-pending"} 1',
      'remora_ejections_total{service="shop/cart"} 1',
      'remora_ejected_endpoints{service="shop/cart"} 1',
      'remora_certificate_expiry_timestamp_seconds 1700000000',
      'remora_config_age_seconds 1.5',
      'remora_config_info{version="abc"} 1',
      'remora_config_refused_total 2',
      'remora_log_lines_dropped_total 3',
      'remora_control_plane_connected 1',
      `remora_build_info{version="1.2.3",node_version="${process.version}"} 1`,
    ];
    for (const text of [await registry.metrics(), await registry.metrics()]) {
      const lines = text.split('\n');
      for (const line of expected) assert.ok(lines.includes(line), `${line}\nis not in\n${text}`);
    }
  });

  test('tell calls of gRPC by their outcome, which is an error as the side sees it', async () => {
    const counters = new Counters();
    for (const direction of ['inbound', 'outbound'] as const) {
      for (const grpcStatus of [0, 5, 14]) {
        counters.requestFinished(request({ direction, grpcStatus }));
      }
    }
    const text = await createRegistry(counters, facts).metrics();
    const seen = [...text.matchAll(/^http_(\w+?)_request_duration_seconds_count\{.*\} 1$/gm)].map(
      ([line, side]) => [
        side,
        /rpc_grpc_status_code="(\d+)"/.exec(line)?.[1],
        /error_type="(\w*)"/.exec(line)?.[1],
      ],
    );
    assert.deepEqual(seen, [
      ['server', '0', ''],
      ['server', '5', ''],
      ['server', '14', 'UNAVAILABLE'],
      ['client', '0', ''],
      ['client', '5', 'NOT_FOUND'],
      ['client', '14', 'UNAVAILABLE'],
    ]);
  });

  test('leave out what is not known', async () => {
    const registry = createRegistry(new Counters(), {
      ...facts,
      certificateNotAfterMs: () => undefined,
      configVersion: () => '',
      configAgeMs: () => undefined,
      controlPlaneConnected: () => undefined,
    });
    const text = await registry.metrics();
    assert.doesNotMatch(text, /^remora_certificate_expiry_timestamp_seconds /m);
    assert.doesNotMatch(text, /^remora_config_info\{/m);
    assert.doesNotMatch(text, /^remora_config_age_seconds /m);
    assert.doesNotMatch(text, /^remora_control_plane_connected /m);
  });

  test('escape what strangers wrote', async () => {
    const counters = new Counters();
    counters.requestFinished(
      request({ source: { namespace: 'a"} 1\nb{x="', workload: 'back\\slash' } }),
    );
    const text = await createRegistry(counters, facts).metrics();
    assert.match(text, /source_workload="back\\\\slash",source_namespace="a\\"} 1\\nb{x=\\""/);
  });
});
