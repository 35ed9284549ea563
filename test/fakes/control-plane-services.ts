import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Channel,
  type Client,
  type ClientDuplexStream,
  credentials,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js';
import { FileLeaseStore } from '../../control-plane/election/file-leases.ts';
import { createElectionService, Elections } from '../../control-plane/election/service.ts';
import { CertificateAuthority } from '../../control-plane/identity/authority.ts';
import { FileCaStore } from '../../control-plane/identity/ca-store.ts';
import { createIdentityService } from '../../control-plane/identity/service.ts';
import { ServingCertificate } from '../../control-plane/identity/serving-certificate.ts';
import type { Authenticator, CallerIdentity } from '../../control-plane/identity/types.ts';
import { createMetrics } from '../../control-plane/metrics.ts';
import { StreamCalls } from '../../control-plane/stream/call.ts';
import { createConfigService } from '../../control-plane/stream/config-service.ts';
import { RenewableServerCredentials, StreamServer } from '../../control-plane/stream/server.ts';
import { ConfigSessions } from '../../control-plane/stream/sessions.ts';
import { TrafficAggregate } from '../../control-plane/telemetry/aggregate.ts';
import { createTelemetryService } from '../../control-plane/telemetry/service.ts';
import { systemClock } from '../../runtime/clock.ts';
import { MeshError } from '../../runtime/errors.ts';
import { silentLog } from '../../runtime/log.ts';
import { HandMadeMesh } from './hand-made-mesh.ts';

const TRUST_DOMAIN = 'cluster.local';
const NAMESPACE = 'remora-system';

/** Tokens of the form `<namespace>/<service account>/<pod>`; `down` finds nobody to ask. */
const authenticator: Authenticator = {
  authenticate(token): Promise<CallerIdentity> {
    const [namespace, serviceAccount, pod] = token.split('/');
    if (token === 'down') {
      return Promise.reject(new MeshError('token-review-unavailable', 'nobody answers'));
    }
    if (namespace === undefined || serviceAccount === undefined || pod === undefined) {
      return Promise.reject(new MeshError('token-invalid', 'the token is not one of ours'));
    }
    return Promise.resolve({ namespace, serviceAccount, pod });
  },
};

/** What sidecars refused, as the status writer would hear it. */
export type Refusal = readonly [sidecar: string, resource: string, reason: string];

/**
 * The four services as the control plane runs them, over TLS on a free port,
 * with a hand-made mesh and tokens that need no Kubernetes.
 *
 * @example
 * const services = await ControlPlaneServices.start();
 * const config = services.client(v1.Config);
 */
export class ControlPlaneServices {
  readonly mesh = new HandMadeMesh();
  readonly metrics = createMetrics();
  readonly refusals: Refusal[] = [];
  readonly folder = mkdtempSync(join(tmpdir(), 'remora-control-plane-'));
  readonly caStore = new FileCaStore(this.folder);
  readonly authority: CertificateAuthority;
  readonly sessions = new ConfigSessions(this.mesh, systemClock);
  readonly elections: Elections;
  readonly telemetry = new TrafficAggregate(systemClock);
  readonly credentials = new RenewableServerCredentials();
  readonly server: StreamServer;
  readonly #serving: ServingCertificate;
  readonly #clients: Client[] = [];
  readonly #channels: Channel[] = [];

  private constructor() {
    const { mesh, metrics, sessions } = this;
    const log = silentLog();
    const clock = systemClock;
    const calls = new StreamCalls({ authenticator, metrics, log });
    this.authority = new CertificateAuthority({
      store: this.caStore,
      leafLifetimeMs: 3_600_000,
      rootLifetimeMs: 86_400_000,
      pollMs: 3_600_000,
      clock,
      log,
    });
    this.#serving = new ServingCertificate({
      authority: this.authority,
      serverNames: ['control-plane.test', '127.0.0.1'],
      trustDomain: TRUST_DOMAIN,
      namespace: NAMESPACE,
      serviceAccount: 'remora-control-plane',
      clock,
      log,
      use: (chain, key) => this.credentials.update(chain, key),
    });
    this.elections = new Elections({
      ...{ metrics, clock, log },
      state: mesh,
      store: new FileLeaseStore(this.folder),
    });
    const refusals = {
      refused: (...refusal: [string, string, string]) => void this.refusals.push(refusal),
      cleared: (sidecar: string) => void this.refusals.push([sidecar, '', 'cleared']),
    };
    this.server = new StreamServer({
      address: { host: '127.0.0.1', port: 0 },
      credentials: this.credentials,
      calls,
      services: [
        createConfigService({ calls, sessions, state: mesh, refusals, metrics, clock, log }),
        createIdentityService({
          ...{ calls, metrics, clock },
          authority: this.authority,
          trustDomain: TRUST_DOMAIN,
          namespace: NAMESPACE,
        }),
        createElectionService(calls, this.elections),
        createTelemetryService(calls, this.telemetry, metrics),
      ],
    });
  }

  static async start(): Promise<ControlPlaneServices> {
    const services = new ControlPlaneServices();
    await services.authority.start(new AbortController().signal);
    services.#serving.start();
    services.sessions.start();
    services.elections.start();
    await services.server.start();
    return services;
  }

  /** A client of one service on a connection of its own. */
  client<T extends Client>(
    service: new (...args: ConstructorParameters<typeof Client>) => T,
    roots = this.authority.roots,
  ): T {
    const target = `127.0.0.1:${this.server.port}`;
    const channelOverride = new Channel(target, credentials.createSsl(Buffer.from(roots)), {
      'grpc.ssl_target_name_override': 'control-plane.test',
      'grpc.use_local_subchannel_pool': 1,
      'grpc.enable_retries': 0,
      'grpc.initial_reconnect_backoff_ms': 50,
    });
    const client = new service(target, credentials.createInsecure(), { channelOverride });
    this.#channels.push(channelOverride);
    this.#clients.push(client);
    return client;
  }

  async stop(): Promise<void> {
    for (const channel of this.#channels) channel.close();
    this.sessions.stop();
    this.elections.stop();
    this.#serving.stop();
    this.authority.stop();
    await this.server.stop(AbortSignal.timeout(1_000));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export function bearer(token: string): Metadata {
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${token}`);
  return metadata;
}

/** A client's end of a stream whose messages wait until they are asked for. */
export class StreamReader<Request, Response> {
  readonly call: ClientDuplexStream<Request, Response>;
  readonly #messages: Response[] = [];
  #ended: ServiceError | 'ended' | undefined;
  #wake = (): void => {};

  constructor(call: ClientDuplexStream<Request, Response>) {
    this.call = call;
    call.on('data', (message: Response) => {
      this.#messages.push(message);
      this.#wake();
    });
    call.on('error', (error: ServiceError) => {
      this.#ended ??= error;
      this.#wake();
    });
    call.on('end', () => {
      // An error follows the end when there is one.
      setImmediate(() => {
        this.#ended ??= 'ended';
        this.#wake();
      });
    });
  }

  /** The next message. Rejects when the stream ends instead. */
  async next(): Promise<Response> {
    for (;;) {
      const message = this.#messages.shift();
      if (message !== undefined) return message;
      if (this.#ended !== undefined) throw new Error(`the stream ended: ${String(this.#ended)}`);
      await this.#news();
    }
  }

  /** The error with which the stream ends. */
  async failure(): Promise<ServiceError> {
    while (this.#ended === undefined) await this.#news();
    if (this.#ended === 'ended') throw new Error('the stream ended without an error');
    return this.#ended;
  }

  /** Messages that came and were not taken. */
  get waiting(): number {
    return this.#messages.length;
  }

  #news(): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('nothing came within 10 s')), 10_000);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
