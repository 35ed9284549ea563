import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import { MeshError } from '../../runtime/errors.ts';

/** Where a Kubernetes API server is, and how to speak to it. */
export interface ApiConnection {
  readonly server: URL;
  /** Asked before each request, because tokens and certificates rotate. */
  credentials(): Promise<ApiCredentials>;
}

/** TLS options, where the server is https, and headers. */
export interface ApiCredentials {
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: Pick<
    https.RequestOptions,
    'ca' | 'cert' | 'key' | 'servername' | 'rejectUnauthorized'
  >;
}

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With the query, for example `/api/v1/namespaces?limit=500`. */
  readonly path: string;
  readonly body?: unknown;
  /** For PATCH: `application/merge-patch+json` and its kin. */
  readonly contentType?: string;
  /** Without a whole answer (`open`: its headers) by then the request fails; default 30 s. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * An answer of the API server other than success. `status` is the HTTP status,
 * `reason` the machine-readable word of the `metav1.Status`.
 */
export class ApiError extends MeshError {
  readonly status: number;
  readonly reason: string;

  constructor(status: number, reason: string, message: string) {
    super('kubernetes-api', message);
    this.status = status;
    this.reason = reason;
  }
}

const DEFAULT_TIMEOUT_MS = 30_000;

/**
 * The Kubernetes HTTP API: JSON requests, and responses as streams for watches.
 * Connections are kept and shared. `close` ends them.
 */
export class KubernetesApi {
  readonly #connection: ApiConnection;
  readonly #agent: http.Agent;

  constructor(connection: ApiConnection) {
    this.#connection = connection;
    const options = { keepAlive: true, keepAliveMsecs: 30_000, maxFreeSockets: 8 };
    this.#agent =
      connection.server.protocol === 'https:' ? new https.Agent(options) : new http.Agent(options);
  }

  /**
   * The parsed answer.
   *
   * Rejects with an `ApiError` for a status of 400 and above, and with a
   * MeshError `kubernetes-api-unreachable` when there is no answer.
   */
  async request<T = unknown>(request: ApiRequest): Promise<T> {
    // Also a body that stalls must come to an end.
    const patience = AbortSignal.timeout(request.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    const signal =
      request.signal === undefined ? patience : AbortSignal.any([patience, request.signal]);
    const response = await this.open({ ...request, signal });
    const text = await readText(response, request);
    const status = response.statusCode ?? 0;
    if (status >= 400) throw apiError(request, status, text);
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }

  /** The response, of any status, with its body unread. Rejects as `request` does. */
  async open(request: ApiRequest): Promise<IncomingMessage> {
    const { headers, tls } = await this.#connection.credentials();
    const { server } = this.#connection;
    const body = request.body === undefined ? undefined : JSON.stringify(request.body);
    const options: https.RequestOptions = {
      ...tls,
      agent: this.#agent,
      method: request.method,
      host: server.hostname.replace(/^\[|\]$/g, ''),
      port: server.port === '' ? (server.protocol === 'https:' ? 443 : 80) : Number(server.port),
      path: server.pathname.replace(/\/$/, '') + request.path,
      headers: {
        accept: 'application/json',
        'user-agent': 'remora',
        ...(body === undefined
          ? {}
          : {
              'content-type': request.contentType ?? 'application/json',
              'content-length': Buffer.byteLength(body),
            }),
        ...headers,
      },
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    };
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const call = (server.protocol === 'https:' ? https : http).request(options);
    const timer = setTimeout(
      () => call.destroy(new Error('no answer in time')),
      request.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    );
    call.once('response', (response) => {
      clearTimeout(timer);
      resolve(response);
    });
    // Stays for the life of the call: a connection may also fail after the response began.
    call.on('error', (error) => {
      clearTimeout(timer);
      reject(unreachable(request, error));
    });
    call.end(body);
    return promise;
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** Server, TLS and authentication of a kubeconfig, or of a pod's service account. */
export function connectionOf(config: KubeConfig): ApiConnection {
  const cluster = config.getCurrentCluster();
  if (cluster === null) {
    throw new MeshError(
      'bad-kubeconfig',
      'the kubeconfig names no current cluster: set KUBECONFIG, or run in a pod with a service account',
    );
  }
  const plain = cluster.server.startsWith('http:');
  return {
    server: new URL(cluster.server),
    async credentials() {
      const options: https.RequestOptions = {};
      // It refuses plain HTTP, where there is nothing to apply.
      if (!plain) await config.applyToHTTPSOptions(options);
      const headers: Record<string, string> = {};
      for (const [name, value] of Object.entries(options.headers ?? {})) {
        if (typeof value === 'string') headers[name] = value;
      }
      if (options.auth) {
        headers.authorization = `Basic ${Buffer.from(options.auth).toString('base64')}`;
      }
      const { ca, cert, key, servername, rejectUnauthorized } = options;
      return {
        headers,
        tls: {
          ...(ca === undefined ? {} : { ca }),
          ...(cert === undefined ? {} : { cert }),
          ...(key === undefined ? {} : { key }),
          ...(servername === undefined ? {} : { servername }),
          ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized }),
        },
      };
    },
  };
}

async function readText(response: IncomingMessage, request: ApiRequest): Promise<string> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of response) chunks.push(chunk as Buffer);
  } catch (error) {
    throw unreachable(request, error);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The `metav1.Status` that the API server answers instead of what was asked for. */
export function apiError(request: ApiRequest, status: number, text: string): ApiError {
  let reason = '';
  let message = text.slice(0, 300).trim();
  try {
    const parsed = JSON.parse(text) as { reason?: unknown; message?: unknown };
    if (typeof parsed.reason === 'string') reason = parsed.reason;
    if (typeof parsed.message === 'string') message = parsed.message;
  } catch {
    // A proxy's page, or nothing: the text as it is says the most.
  }
  const path = request.path.split('?', 1)[0];
  return new ApiError(status, reason, `${request.method} ${path} answered ${status}: ${message}`);
}

function unreachable(request: ApiRequest, cause: unknown): MeshError {
  const path = request.path.split('?', 1)[0];
  return new MeshError('kubernetes-api-unreachable', `${request.method} ${path} failed`, { cause });
}
