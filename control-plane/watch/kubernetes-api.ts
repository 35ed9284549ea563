import type { IncomingMessage } from 'node:http';

/** Where a Kubernetes API server is, and how to speak to it. */
export interface ApiConnection {
  readonly server: URL;
  /** TLS options and headers for one request; asked anew each time, because tokens and certificates rotate. */
  credentials(): Promise<ApiCredentials>;
}

export interface ApiCredentials {
  readonly headers: Readonly<Record<string, string>>;
  readonly ca?: string | Buffer;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  readonly servername?: string;
  readonly rejectUnauthorized?: boolean;
}

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With the query, for example `/api/v1/namespaces?limit=500`. */
  readonly path: string;
  readonly body?: unknown;
  /** For PATCH: `application/merge-patch+json` and its kin. */
  readonly contentType?: string;
  /** Without an answer by then the request fails; default 30 s. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** The Kubernetes HTTP API: JSON requests, and responses as streams for watches. */
export interface KubernetesApi {
  /** The parsed answer. Rejects with an `ApiError` for a status of 400 and above. */
  request<T = unknown>(request: ApiRequest): Promise<T>;
  /** The response, of any status, with its body unread. */
  open(request: ApiRequest): Promise<IncomingMessage>;
}
