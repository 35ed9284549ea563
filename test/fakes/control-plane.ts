import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  status,
} from '@grpc/grpc-js';
import { DER_TAG, readDerElement, readDerElements } from '../../control-plane/identity/der.ts';
import type { CampaignRequest__Output } from '../../proto/gen/remora/v1/CampaignRequest.ts';
import type { CampaignResponse } from '../../proto/gen/remora/v1/CampaignResponse.ts';
import type { CertifyRequest__Output } from '../../proto/gen/remora/v1/CertifyRequest.ts';
import type { CertifyResponse } from '../../proto/gen/remora/v1/CertifyResponse.ts';
import type { Edge__Output } from '../../proto/gen/remora/v1/Edge.ts';
import type { Push } from '../../proto/gen/remora/v1/Push.ts';
import type { Resource } from '../../proto/gen/remora/v1/Resource.ts';
import type { SubscribeRequest__Output } from '../../proto/gen/remora/v1/SubscribeRequest.ts';
import type { TrafficReport__Output } from '../../proto/gen/remora/v1/TrafficReport.ts';
import { v1 } from '../../proto/load.ts';
import { spiffeId } from '../../proto/well-known.ts';
import { ControlPlaneConnection } from '../../runtime/identity/control-plane-connection.ts';
import { TestAuthority } from './certificates.ts';
import { until } from './until.ts';

/** A stream as the server sees it: what came in, and a way to answer. */
export class FakeStream<Request, Response> {
  readonly received: Request[] = [];
  readonly metadata: Metadata;
  ended = false;
  readonly #call: ServerDuplexStream<Request, Response>;
  #read = 0;

  constructor(call: ServerDuplexStream<Request, Response>, onData?: (request: Request) => void) {
    this.#call = call;
    this.metadata = call.metadata;
    call.on('data', (request: Request) => {
      this.received.push(request);
      onData?.(request);
    });
    const end = (): void => {
      if (!this.ended) call.end();
      this.ended = true;
    };
    call.on('end', end);
    call.on('cancelled', end);
    call.on('error', end);
  }

  send(response: Response): void {
    this.#call.write(response);
  }

  /** The next message that was not asked for yet. */
  async next(): Promise<Request> {
    const index = this.#read;
    this.#read += 1;
    return until(() => this.received[index], `message ${index + 1} of a stream`);
  }

  /** Ends the stream with an error, as an overloaded or restarting server does. */
  fail(details: string, code: status = status.UNAVAILABLE): void {
    this.ended = true;
    this.#call.emit('error', { code, details });
  }
}

export type Subscription = FakeStream<SubscribeRequest__Output, Push>;
export type Campaign = FakeStream<CampaignRequest__Output, CampaignResponse>;
export type Certification = FakeStream<CertifyRequest__Output, CertifyResponse>;

/**
 * A control plane for tests of the sidecar: a real gRPC server with TLS that
 * says what the test tells it to say. Only certificates are signed by itself.
 *
 * @example
 * await using controlPlane = await FakeControlPlane.start();
 * const subscription = await controlPlane.subscription();
 * subscription.send({ nonce: 1, version: 'a', resources: [] });
 */
export class FakeControlPlane implements AsyncDisposable {
  readonly authority = new TestAuthority();
  /** A folder for this test, removed at the end. */
  readonly directory = mkdtempSync(join(tmpdir(), 'remora-test-'));
  readonly trustBundlePath = join(this.directory, 'roots.pem');
  readonly tokenPath = join(this.directory, 'token');
  readonly subscriptions: Subscription[] = [];
  readonly certifications: Certification[] = [];
  readonly campaigns: Campaign[] = [];
  readonly edges: Edge__Output[] = [];
  /** Of the certificates that it signs. */
  certificateLifeMs = 3_600_000;
  identity = spiffeId('cluster.local', 'shop', 'cart');
  /** What it says beside the certificate: the identity in it, unless a test lies. */
  announcedIdentity: string | undefined;
  port = 0;
  #server: Server | undefined;
  #subscriptionsRead = 0;
  #campaignsRead = 0;

  static async start(): Promise<FakeControlPlane> {
    const fake = new FakeControlPlane();
    writeFileSync(fake.trustBundlePath, fake.authority.root);
    writeFileSync(fake.tokenPath, 'token-1\n');
    await fake.listen();
    return fake;
  }

  /** A connection as a sidecar makes it. */
  connection(): ControlPlaneConnection {
    return new ControlPlaneConnection({
      address: { host: '127.0.0.1', port: this.port },
      serverName: 'control-plane.test',
      trustBundlePath: this.trustBundlePath,
      tokenPath: this.tokenPath,
    });
  }

  /** Starts to serve, again on the same port after `close`. */
  async listen(): Promise<void> {
    // With channelz off, forceShutdown of @grpc/grpc-js 1.14 leaves connections open.
    const server = new Server();
    this.#server = server;
    server.addService(v1.Config.service, {
      subscribe: (call: ServerDuplexStream<SubscribeRequest__Output, Push>) => {
        this.subscriptions.push(new FakeStream(call));
      },
    });
    server.addService(v1.Identity.service, {
      certify: (call: ServerDuplexStream<CertifyRequest__Output, CertifyResponse>) => {
        const stream: Certification = new FakeStream(call, (request) => {
          stream.send({ certificate: this.#sign(request.certificateSigningRequest) });
        });
        this.certifications.push(stream);
      },
    });
    server.addService(v1.Election.service, {
      campaign: (call: ServerDuplexStream<CampaignRequest__Output, CampaignResponse>) => {
        this.campaigns.push(new FakeStream(call));
      },
    });
    server.addService(v1.Telemetry.service, {
      report: (
        call: ServerReadableStream<TrafficReport__Output, object>,
        callback: (error: null, summary: object) => void,
      ) => {
        call.on('data', (report: TrafficReport__Output) => this.edges.push(...report.edges));
        call.on('end', () => callback(null, {}));
      },
    });
    const { key, certificate } = this.authority.issueServer('control-plane.test');
    const credentials = ServerCredentials.createSsl(null, [
      { private_key: Buffer.from(key), cert_chain: Buffer.from(certificate) },
    ]);
    this.port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(`127.0.0.1:${this.port}`, credentials, (error, port) => {
        if (error === null) resolve(port);
        else reject(error);
      });
    });
  }

  /** As when the process dies: every connection ends at once. */
  close(): void {
    this.#server?.forceShutdown();
    this.#server = undefined;
  }

  /** The next configuration stream that was not asked for yet. */
  async subscription(): Promise<Subscription> {
    const index = this.#subscriptionsRead;
    this.#subscriptionsRead += 1;
    return until(() => this.subscriptions[index], `configuration stream ${index + 1}`);
  }

  async campaign(): Promise<Campaign> {
    const index = this.#campaignsRead;
    this.#campaignsRead += 1;
    return until(() => this.campaigns[index], `election stream ${index + 1}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    rmSync(this.directory, { recursive: true, force: true });
  }

  #sign(request: Buffer): NonNullable<CertifyResponse['certificate']> {
    const fromMs = Date.now();
    const toMs = fromMs + this.certificateLifeMs;
    const chain = this.authority.certify(readRequest(request), this.identity, { fromMs, toMs });
    return {
      chain,
      trustBundle: { roots: this.authority.root },
      spiffeId: this.announcedIdentity ?? this.identity,
      notBeforeMs: fromMs,
      notAfterMs: toMs,
    };
  }
}

/** The public key of a signing request whose signature is right. */
function readRequest(der: Buffer): KeyObject {
  const { content } = readDerElement(der, DER_TAG.sequence);
  const [information, , signature] = readDerElements(content);
  const publicKeyInfo = readDerElements(information?.content ?? Buffer.alloc(0))[2];
  const publicKey = createPublicKey({
    key: publicKeyInfo?.encoded ?? Buffer.alloc(0),
    format: 'der',
    type: 'spki',
  });
  const signed = information?.encoded ?? Buffer.alloc(0);
  // A bit string begins with the number of unused bits.
  if (!verify('sha256', signed, publicKey, signature?.content.subarray(1) ?? Buffer.alloc(0))) {
    throw new Error('the request is not signed with its own key');
  }
  return publicKey;
}

/** Resources as on the stream, short to write. */
export function resource(name: string, body: Omit<Resource, 'name' | 'version'>): Resource {
  const version = createHash('sha256').update(JSON.stringify(body)).digest('hex').slice(0, 8);
  return { name, version, ...body };
}
