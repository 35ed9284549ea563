import assert from 'node:assert/strict';
import { connect } from 'node:http2';
import { test } from 'node:test';
import { status } from '@grpc/grpc-js';
import type { CampaignRequest } from '../../proto/gen/remora/v1/CampaignRequest.ts';
import type { CampaignResponse__Output } from '../../proto/gen/remora/v1/CampaignResponse.ts';
import type { Edge } from '../../proto/gen/remora/v1/Edge.ts';
import { v1 } from '../../proto/load.ts';
import { bearer, ControlPlaneServices, StreamReader } from '../fakes/control-plane-services.ts';
import { until } from '../fakes/until.ts';

/** Elections, reports and the end of the streams, as sidecars see them. */

async function withServices(run: (services: ControlPlaneServices) => Promise<void>): Promise<void> {
  const services = await ControlPlaneServices.start();
  try {
    await run(services);
  } finally {
    await services.stop();
  }
}

type Campaigner = StreamReader<CampaignRequest, CampaignResponse__Output>;

function campaign(services: ControlPlaneServices, pod: string): Campaigner {
  return new StreamReader(services.client(v1.Election).campaign(bearer(`shop/cart/${pod}`)));
}

/** The next grant that names a leader. */
async function leaderTold(stream: Campaigner) {
  for (;;) {
    const { grant, refusal } = await stream.next();
    assert.ok(grant, refusal?.reason);
    if (grant.leader !== '') return grant;
  }
}

function stand(services: ControlPlaneServices, ...pods: string[]): void {
  services.mesh.elections = [
    { namespace: 'shop', name: 'e', leaseDurationMs: 30_000, candidates: new Set(pods) },
  ];
  services.mesh.changed();
}

test('candidates learn who leads, and a resignation hands over at once', async () => {
  await withServices(async (services) => {
    stand(services, 'one', 'two');
    const one = campaign(services, 'one');
    one.call.write({ join: 'e' });
    assert.deepEqual(await leaderTold(one), {
      ...{ election: 'e', leader: 'one', fencingToken: 1, leaseDurationMs: 30_000, sequence: 0 },
    });
    const two = campaign(services, 'two');
    two.call.write({ join: 'e' });
    assert.equal((await leaderTold(two)).leader, 'one');
    two.call.write({ renew: { election: 'e', fencingToken: 0, sequence: 7 } });
    assert.equal((await leaderTold(two)).sequence, 7);
    one.call.write({ resign: 'e' });
    const { leader, fencingToken } = await leaderTold(two);
    assert.deepEqual([leader, fencingToken], ['two', 2]);
    assert.equal((await leaderTold(one)).leader, 'two');
  });
});

test('who is no candidate is told so, at once and later', async () => {
  await withServices(async (services) => {
    stand(services, 'one');
    const other = campaign(services, 'other');
    other.call.write({ join: 'e' });
    const { refusal } = await other.next();
    assert.match(refusal?.reason ?? '', /not a candidate of the LeaderElection shop\/e/);
    other.call.write({ renew: { election: 'e', fencingToken: 0, sequence: 1 } });
    assert.match((await other.next()).refusal?.reason ?? '', /has not joined/);

    const one = campaign(services, 'one');
    one.call.write({ join: 'e' });
    await leaderTold(one);
    stand(services, 'two');
    assert.match((await one.next()).refusal?.reason ?? '', /no longer a candidate/);
  });
});

test('a candidate that asks without reading the answers is cut', async () => {
  await withServices(async (services) => {
    const session = connect(`https://127.0.0.1:${services.server.port}`, {
      ca: services.authority.roots,
      servername: 'control-plane.test',
    });
    const stream = session.request({
      ':method': 'POST',
      ':path': '/remora.v1.Election/Campaign',
      'content-type': 'application/grpc',
      authorization: 'Bearer shop/cart/greedy',
    });
    stream.pause();
    stream.on('error', () => {});
    const { requestSerialize } = v1.Election.service.Campaign;
    for (let asked = 0; asked < 5_000; asked += 1) {
      const message = requestSerialize({ join: `${'e'.repeat(240)}-${asked}` });
      const prefix = Buffer.alloc(5);
      prefix.writeUInt32BE(message.length, 1);
      stream.write(Buffer.concat([prefix, message]));
    }
    await until(async () => {
      const { values } = await services.metrics.streamErrors.get();
      return values.some(({ labels }) => labels.code === 'too-many-requests');
    }, 'the stream to be refused');
    session.destroy();
  });
});

test('an endless name of an election ends the stream', async () => {
  await withServices(async (services) => {
    const endless = campaign(services, 'endless');
    endless.call.write({ join: 'e'.repeat(100_000) });
    assert.equal((await endless.failure()).code, status.INVALID_ARGUMENT);
  });
});

test('a pod that opens streams without end loses the oldest, and no other pod does', async () => {
  await withServices(async (services) => {
    const open = (pod: string) =>
      new StreamReader(services.client(v1.Identity).certify(bearer(`shop/cart/${pod}`)));
    const other = open('other');
    await other.next();
    const first = open('greedy');
    await first.next();
    const more = Array.from({ length: 8 }, () => open('greedy'));
    assert.equal((await first.failure()).code, status.RESOURCE_EXHAUSTED);
    await Promise.all(more.map((stream) => stream.next()));
    const { values } = await services.metrics.streams.get();
    assert.deepEqual(
      values.map(({ value }) => value),
      [9],
    );
  });
});

test('before the candidates are known, a candidate is asked to come again', async () => {
  await withServices(async (services) => {
    services.mesh.synced = false;
    const one = campaign(services, 'one');
    one.call.write({ join: 'e' });
    assert.equal((await one.failure()).code, status.UNAVAILABLE);
  });
});

const edge: Edge = {
  direction: 'OUTBOUND',
  source: { namespace: 'shop', workload: 'web' },
  destination: { namespace: 'shop', workload: 'cart' },
  service: 'shop/cart',
  route: 'HTTPRoute/shop/cart/0',
  mutualTls: true,
  protocol: 'http',
  requests: 100,
  failures: 20,
  retries: 10,
  // 90 below 4 ms, 10 below 64 ms.
  durationBuckets: [0, 0, 90, 0, 0, 0, 10],
};

test('reports of all sidecars are summed up by edge', async () => {
  await withServices(async (services) => {
    const report = (token: string, ...edges: Edge[]) =>
      new Promise<void>((resolve, reject) => {
        const call = services
          .client(v1.Telemetry)
          .report(bearer(token), (error) => (error === null ? resolve() : reject(error)));
        for (const item of edges) call.write({ edges: [item] });
        call.end();
      });
    await report('shop/web/web-1', edge);
    await report('shop/web/web-2', edge);
    // The other side of the same traffic, and what is not this sidecar's to tell.
    await report('shop/cart/cart-1', { ...edge, direction: 'INBOUND', service: '', route: '' });
    await report('bank/web/web-1', edge);
    const edges = services.telemetry.edges();
    assert.equal(edges.length, 1);
    const [rates] = edges;
    assert.deepEqual(
      { ...rates, p50Ms: undefined, p99Ms: undefined },
      {
        source: edge.source,
        destination: edge.destination,
        service: 'shop/cart',
        route: 'HTTPRoute/shop/cart/0',
        mutualTls: true,
        protocol: 'http',
        reportedBy: 'source',
        requestsPerSecond: 20,
        successRate: 0.8,
        p50Ms: undefined,
        p99Ms: undefined,
        retriesPerSecond: 2,
        connectionsPerSecond: 0,
        bytesSentPerSecond: 0,
        bytesReceivedPerSecond: 0,
      },
    );
    assert.ok(rates?.p50Ms && rates.p50Ms > 2 && rates.p50Ms < 4, `p50 ${rates?.p50Ms}`);
    assert.ok(rates.p99Ms && rates.p99Ms > 32 && rates.p99Ms < 64, `p99 ${rates.p99Ms}`);
    const dropped = await services.metrics.reportsDropped.get();
    assert.deepEqual(
      dropped.values.map(({ value, labels }) => [labels.reason, value]),
      [['foreign', 1]],
    );
  });
});

test('a control plane that stops tells its sidecars to connect again, and waits for nobody', async () => {
  const services = await ControlPlaneServices.start();
  const config = new StreamReader(services.client(v1.Config).subscribe(bearer('shop/cart/cart-1')));
  config.call.write({ hello: { namespace: 'shop', serviceAccount: 'cart', pod: 'cart-1' } });
  await config.next();
  const identity = new StreamReader(
    services.client(v1.Identity).certify(bearer('shop/cart/cart-1')),
  );
  await until(async () => {
    const { values } = await services.metrics.streams.get();
    return values.every(({ value }) => value === 1) && values.length === 2;
  }, 'both streams');
  await services.server.stop(AbortSignal.timeout(5_000));
  for (const stream of [config, identity]) {
    const error = await (stream as typeof config).failure();
    assert.equal(error.code, status.UNAVAILABLE);
    assert.match(error.details, /the control plane is stopping/);
  }
  assert.equal(services.sessions.size, 0);
  await services.stop();
});
