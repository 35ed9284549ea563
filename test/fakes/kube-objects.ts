import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { KubernetesApi } from '../../control-plane/watch/kubernetes-api.ts';

interface StoredObject {
  metadata?: { name?: string; resourceVersion?: string };
  [field: string]: unknown;
}

/** An answer that a test gives in place of the store. */
export interface Answer {
  readonly status: number;
  readonly body?: unknown;
}

/**
 * The part of the Kubernetes API that stores single objects: create, read,
 * replace and apply by path, with resource versions that are compared. A real
 * HTTP server; tests look into it and make it fail.
 */
export class KubeObjects {
  /** By path, `/api/v1/namespaces/a/secrets/b`. */
  readonly objects = new Map<string, StoredObject>();
  /** `<METHOD> <path>` of every request. */
  readonly requests: string[] = [];
  /** Asked first: what it returns is the answer. It may wait before it returns nothing. */
  intercept: (
    method: string,
    path: string,
    body: unknown,
  ) => Answer | undefined | Promise<Answer | undefined> = () => undefined;
  readonly #server: Server;
  readonly #apis: KubernetesApi[] = [];
  #version = 0;

  private constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  static async start(): Promise<KubeObjects> {
    const fake = new KubeObjects();
    await new Promise<void>((resolve) => fake.#server.listen(0, '127.0.0.1', resolve));
    return fake;
  }

  /** A client, with connections of its own. */
  api(): KubernetesApi {
    const { port } = this.#server.address() as AddressInfo;
    const api = new KubernetesApi({
      server: new URL(`http://127.0.0.1:${port}`),
      credentials: () => Promise.resolve({ headers: {}, tls: {} }),
    });
    this.#apis.push(api);
    return api;
  }

  async stop(): Promise<void> {
    for (const api of this.#apis) api.close();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const body = text === '' ? undefined : (JSON.parse(text) as StoredObject);
    const method = request.method ?? '';
    const path = (request.url ?? '').split('?', 1)[0] ?? '';
    this.requests.push(`${method} ${path}`);
    const answer = (await this.intercept(method, path, body)) ?? this.#store(method, path, body);
    response.writeHead(answer.status, { 'content-type': 'application/json' });
    const failure = { kind: 'Status', reason: String(answer.status), message: 'as the test said' };
    response.end(JSON.stringify(answer.body ?? failure));
  }

  #store(method: string, path: string, body: StoredObject | undefined): Answer {
    const key = method === 'POST' ? `${path}/${body?.metadata?.name}` : path;
    const present = this.objects.get(key);
    switch (method) {
      case 'GET':
        return present === undefined ? { status: 404 } : { status: 200, body: present };
      case 'POST':
        return present === undefined ? this.#put(key, body) : { status: 409 };
      case 'PUT':
        if (present === undefined) return { status: 404 };
        return body?.metadata?.resourceVersion === present.metadata?.resourceVersion
          ? this.#put(key, body)
          : { status: 409 };
      case 'PATCH':
        return this.#put(key, body);
      default:
        return { status: 405 };
    }
  }

  #put(key: string, body: StoredObject | undefined): Answer {
    this.#version += 1;
    const object = {
      ...body,
      metadata: { ...body?.metadata, resourceVersion: String(this.#version) },
    };
    this.objects.set(key, object);
    return { status: 200, body: object };
  }
}
