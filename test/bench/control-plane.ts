import { fork } from 'node:child_process';
import { once } from 'node:events';
import { Channel, type ClientDuplexStream, credentials } from '@grpc/grpc-js';
import { readSigningRequest } from '../../control-plane/identity/x509.ts';
import type { Push__Output } from '../../proto/gen/remora/v1/Push.ts';
import type { SubscribeRequest } from '../../proto/gen/remora/v1/SubscribeRequest.ts';
import { v1 } from '../../proto/load.ts';
import { createCertificateRequest } from '../../runtime/identity/certificate-request.ts';
import { WINDOW_BYTES } from '../../runtime/identity/control-plane-connection.ts';
import { bearer, ControlPlaneServices } from '../fakes/control-plane-services.ts';
import type { ControlPlaneCost } from './measure-control-plane.ts';

/**
 * What the control plane costs: memory a sidecar, time from a change to the last
 * acknowledgement, certificates a second. `npm run bench -- --only control-plane` runs this too.
 *
 *     MALLOC_MMAP_THRESHOLD_=32768 node --expose-gc test/bench/control-plane.ts [sidecars] [services]
 *
 * The sidecars run in a process of their own, each on a connection of its own.
 */
const sidecars = Number(process.argv[2] ?? 1000);
const serviceCount = Number(process.argv[3] ?? 1000);
const ROUNDS = 20;

/** The child: sidecars that subscribe to five services and acknowledge everything. */
async function simulate(port: number, roots: string): Promise<void> {
  const target = `127.0.0.1:${port}`;
  let greeted = 0;
  for (let index = 0; index < sidecars; index += 1) {
    const channelOverride = new Channel(target, credentials.createSsl(Buffer.from(roots)), {
      'grpc.ssl_target_name_override': 'control-plane.test',
      'grpc.use_local_subchannel_pool': 1,
      'grpc.enable_channelz': 0,
      // As sidecars do.
      'grpc-node.flow_control_window': WINDOW_BYTES,
    });
    const client = new v1.Config(target, credentials.createInsecure(), { channelOverride });
    const pod = `pod-${index}`;
    const call: ClientDuplexStream<SubscribeRequest, Push__Output> = client.subscribe(
      bearer(`shop/cart/${pod}`),
    );
    let first = true;
    call.on('error', (error) => {
      throw error;
    });
    call.on('data', (push: Push__Output) => {
      call.write({ ack: { nonce: push.nonce } });
      if (!first) return;
      first = false;
      greeted += 1;
      if (greeted === sidecars) process.send?.('connected');
    });
    const names = Array.from({ length: 5 }, (_, at) => `shop/s${(index + at) % serviceCount}`);
    call.write({
      hello: {
        ...{ pod, namespace: 'shop', serviceAccount: 'cart' },
        subscription: { services: ['shop/s0', ...names] },
      },
    });
    // TLS handshakes of a thousand at once would measure those.
    if (index % 20 === 19) await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function residentBytes(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  return process.memoryUsage().rss;
}

async function measureStreams(): Promise<{ memoryKib: number; changeMs: number }> {
  const services = await ControlPlaneServices.start();
  for (let index = 0; index < serviceCount; index += 1) {
    services.mesh.setService(`s${index}`, `10.1.${index >> 8}.${index & 255}`);
    services.mesh.setEndpoints(`s${index}`, '10.0.0.1', '10.0.0.2', '10.0.0.3');
  }
  const before = residentBytes();
  const child = fork(
    import.meta.filename,
    [
      String(sidecars),
      String(serviceCount),
      String(services.server.port),
      services.authority.roots,
    ],
    { execArgv: [] },
  );
  await once(child, 'message');
  // Until all have acknowledged.
  const acknowledged = async () => (await services.metrics.pushLatency.get()).values.at(-1)?.value;
  while ((await acknowledged()) !== sidecars)
    await new Promise((resolve) => setTimeout(resolve, 20));
  const perSidecar = (residentBytes() - before) / sidecars;
  const bytes = (await services.metrics.pushBytes.get()).values[0]?.value ?? 0;
  console.log(
    `memory a sidecar         ${(perSidecar / 1024).toFixed(1)} KiB (${sidecars} sidecars, ${serviceCount} services)`,
  );
  console.log(`first push               ${(bytes / sidecars / 1024).toFixed(1)} KiB on the wire`);

  const times: number[] = [];
  for (let round = 1; round <= ROUNDS; round += 1) {
    const startedMs = performance.now();
    services.mesh.setEndpoints('s0', `10.0.9.${round}`);
    services.mesh.changed();
    while ((await acknowledged()) !== sidecars * (round + 1)) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    times.push(performance.now() - startedMs);
  }
  times.sort((one, other) => one - other);
  console.log(
    `change to last ack       median ${times[ROUNDS / 2]?.toFixed(0)} ms, worst ${times.at(-1)?.toFixed(0)} ms of ${ROUNDS}`,
  );
  child.kill();
  await services.stop();
  return { memoryKib: perSidecar / 1024, changeMs: times.at(-1) ?? 0 };
}

/** CPU microseconds a certificate. */
async function measureCertificates(): Promise<number> {
  const services = await ControlPlaneServices.start();
  const request = createCertificateRequest().der;
  const names = { uris: ['spiffe://cluster.local/ns/shop/sa/cart'], dnsNames: [], ipAddresses: [] };
  const issue = () => services.authority.issue(readSigningRequest(request), names);
  for (let count = 0; count < 500; count += 1) issue();
  const count = 5_000;
  const started = process.cpuUsage();
  for (let index = 0; index < count; index += 1) issue();
  const { user, system } = process.cpuUsage(started);
  console.log(
    `certificates             ${((count * 1e6) / (user + system)).toFixed(0)} a second and core`,
  );
  await services.stop();
  return (user + system) / count;
}

const [port, roots] = process.argv.slice(4);
// Neither the sidecars nor the whole outlive the process that wants to know.
process.on('disconnect', () => process.exit(1));
if (port !== undefined && roots !== undefined) await simulate(Number(port), roots);
else {
  const certificateMicroseconds = await measureCertificates();
  const cost: ControlPlaneCost = { ...(await measureStreams()), certificateMicroseconds };
  if (process.send === undefined) process.exit(0);
  process.send(cost, () => process.exit(0));
}
