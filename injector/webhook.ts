import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { Component } from '../runtime/component.ts';
import type { SocketAddress } from '../runtime/env.ts';
import { describeError, MeshError } from '../runtime/errors.ts';
import type { Log } from '../runtime/log.ts';
import { type AdmissionSettings, answer, type Verdict } from './admission.ts';
import type { InjectorMetrics } from './metrics.ts';

export interface WebhookOptions {
  address: SocketAddress;
  settings: AdmissionSettings;
  metrics: InjectorMetrics;
  log: Log;
  /** For a handshake, a head and a body each; default 5 s, as long as the API server waits. */
  timeoutMs?: number;
}

/** Key and chain as PEM. */
export interface ServingCertificate {
  privateKey: string;
  chain: string;
}

export const WEBHOOK_PATH = '/inject';

/** Twice what the API server takes as one object. */
const MAX_BODY_BYTES = 6 * 1024 * 1024;
const TIMEOUT_MS = 5000;

/**
 * Answers the API server's AdmissionReviews over HTTPS. It takes connections
 * once it has a certificate; a new one is used for the connections after it.
 */
export class Webhook implements Component {
  readonly name = 'webhook';
  readonly #options: WebhookOptions;
  readonly #server: Server;
  #certified = false;

  constructor(options: WebhookOptions) {
    this.#options = options;
    const { timeoutMs = TIMEOUT_MS } = options;
    const limits = {
      minVersion: 'TLSv1.3',
      handshakeTimeout: timeoutMs,
      headersTimeout: timeoutMs,
      requestTimeout: timeoutMs,
      // Node looks for requests that take too long twice a minute, unless told.
      connectionsCheckingInterval: Math.min(1000, timeoutMs),
    } as const;
    this.#server = createServer(limits, (request, response) => {
      this.#serve(request, response).catch((error: unknown) => this.#failed(error, response));
    });
    // Whoever holds connections open without a word must not keep the API server out.
    this.#server.maxConnections = 1000;
    this.#server.on('tlsClientError', (error) => {
      options.log.debug({ error: describeError(error) }, 'TLS handshake failed');
    });
  }

  /** Has a certificate to show. */
  get certified(): boolean {
    return this.#certified;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** @throws when key and chain do not belong together; the old ones stay in use. */
  setCertificate({ privateKey, chain }: ServingCertificate): void {
    this.#server.setSecureContext({ minVersion: 'TLSv1.3', key: privateKey, cert: chain });
    this.#certified = true;
  }

  async start(): Promise<void> {
    const { host, port } = this.#options.address;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
  }

  /** Answers what it has begun. */
  async stop(signal: AbortSignal): Promise<void> {
    const cut = (): void => this.#server.closeAllConnections();
    signal.addEventListener('abort', cut, { once: true });
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeIdleConnections();
    });
    signal.removeEventListener('abort', cut);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if ((request.url ?? '').split('?', 1)[0] !== WEBHOOK_PATH || request.method !== 'POST') {
      reply(response, 404, `only POST ${WEBHOOK_PATH} is here\n`, 'text/plain');
      return;
    }
    const body = await readBody(request);
    const startMs = performance.now();
    const review = parse(body);
    const verdict = answer(review, this.#options.settings);
    reply(response, 200, JSON.stringify(verdict.review), 'application/json');
    this.#record(verdict, podName(review), (performance.now() - startMs) / 1000);
  }

  #record({ action, reason, review }: Verdict, pod: string, seconds: number): void {
    const { metrics, log } = this.#options;
    metrics.admissions.inc({ action, reason });
    metrics.latency.observe({ action }, seconds);
    const { uid, status } = review.response;
    const fields = { pod, uid, action, reason, ...(status ? { error: status.message } : {}) };
    // The API server asks again about each pod that was patched.
    const level = { inject: 'info', skip: 'debug', refuse: 'warn', error: 'error' } as const;
    log[level[action]](fields, 'admission answered');
  }

  #failed(error: unknown, response: ServerResponse): void {
    const { metrics, log } = this.#options;
    const code = error instanceof MeshError ? error.code : 'internal';
    metrics.admissions.inc({ action: 'error', reason: code });
    log.warn({ error: describeError(error) }, 'admission request refused');
    if (response.headersSent || response.destroyed) return;
    response.setHeader('connection', 'close');
    const status = code === 'body-too-large' ? 413 : code === 'internal' ? 500 : 400;
    reply(response, status, `${describeError(error)}\n`, 'text/plain');
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const tooLarge = new MeshError(
    'body-too-large',
    `the body is longer than ${MAX_BODY_BYTES} bytes`,
  );
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) throw tooLarge;
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > MAX_BODY_BYTES) throw tooLarge;
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch (error) {
    throw new MeshError('bad-review', `the body is no JSON: ${describeError(error)}`);
  }
}

/** `<namespace>/<name>`; of a pod that gets its name later, what it begins with. */
function podName(review: unknown): string {
  const { request } = review as {
    request?: { namespace?: string; object?: { metadata?: { [key: string]: string } } };
  };
  const metadata = request?.object?.metadata;
  return `${request?.namespace}/${metadata?.name ?? metadata?.generateName ?? ''}`;
}

function reply(response: ServerResponse, status: number, body: string, type: string): void {
  response.writeHead(status, { 'content-type': type });
  response.end(body);
}
