import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FakeObject {
  apiVersion?: string;
  kind?: string;
  metadata: {
    name: string;
    namespace?: string;
    resourceVersion?: string;
    uid?: string;
    generation?: number;
    [key: string]: unknown;
  };
  [key: string]: unknown;
}

interface Watcher {
  readonly plural: string;
  readonly response: ServerResponse;
}

interface Event {
  readonly plural: string;
  readonly version: number;
  readonly type: string;
  readonly object: FakeObject;
}

/**
 * A server that speaks the Kubernetes API's list, watch and status patch over
 * real HTTP, with the faults of real servers on request. Objects are kept by
 * plural and `<namespace>/<name>`.
 */
export class FakeKubeApi {
  readonly #server: Server;
  readonly #objects = new Map<string, Map<string, FakeObject>>();
  readonly #history: Event[] = [];
  readonly #watchers = new Set<Watcher>();
  readonly #absent = new Set<string>();
  /** Path and query of each request, in order. */
  readonly requests: { method: string; url: string }[] = [];
  #version = 100;
  #oldestVersion = 0;
  #pageSize = 2;
  /** The next requests are answered with these statuses. */
  readonly #failures: number[] = [];
  #silent = false;

  constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  get url(): URL {
    return new URL(`http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`);
  }

  get watcherCount(): number {
    return this.#watchers.size;
  }

  /** Creates or replaces an object, and tells the watchers. */
  put(plural: string, object: FakeObject): this {
    const objects = this.#kind(plural);
    const key = keyOf(object);
    const type = objects.has(key) ? 'MODIFIED' : 'ADDED';
    this.#version += 1;
    const stored = structuredClone(object);
    stored.metadata.resourceVersion = String(this.#version);
    objects.set(key, stored);
    this.#tell({ plural, version: this.#version, type, object: stored });
    return this;
  }

  delete(plural: string, key: string): this {
    const object = this.#kind(plural).get(key);
    if (object === undefined) throw new Error(`there is no ${plural} ${key}`);
    this.#kind(plural).delete(key);
    this.#version += 1;
    const last = structuredClone(object);
    last.metadata.resourceVersion = String(this.#version);
    this.#tell({ plural, version: this.#version, type: 'DELETED', object: last });
    return this;
  }

  get(plural: string, key: string): FakeObject | undefined {
    return this.#kind(plural).get(key);
  }

  /** Sends every watcher a bookmark of the present version. */
  bookmark(): this {
    for (const { response } of this.#watchers) {
      const metadata = { resourceVersion: String(this.#version) };
      response.write(`${JSON.stringify({ type: 'BOOKMARK', object: { metadata } })}\n`);
    }
    return this;
  }

  /** Forgets the past: who watches from before is told 410, as an event or as the answer. */
  compact(): this {
    this.#oldestVersion = this.#version + 1;
    this.#version += 1;
    return this;
  }

  /** Tells all watchers that they are too old. */
  expireWatches(): this {
    for (const { response } of this.#watchers) {
      const status = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' };
      response.end(`${JSON.stringify({ type: 'ERROR', object: status })}\n`);
    }
    return this;
  }

  /** Ends the watches as a server does whose time is up. */
  endWatches(): this {
    for (const { response } of this.#watchers) response.end();
    return this;
  }

  /** Cuts the watchers' connections in the middle of a line. */
  cutWatches(): this {
    for (const { response } of this.#watchers) {
      response.write('{"type":"MODI');
      response.destroy();
    }
    return this;
  }

  /** From now on watches are accepted and then hear nothing. */
  fallSilent(silent = true): this {
    this.#silent = silent;
    return this;
  }

  failNext(...statuses: number[]): this {
    this.#failures.push(...statuses);
    return this;
  }

  /** As if the kind's CRD were not installed. */
  uninstall(plural: string): this {
    this.#absent.add(plural);
    return this;
  }

  install(plural: string): this {
    this.#absent.delete(plural);
    return this;
  }

  #kind(plural: string): Map<string, FakeObject> {
    const present = this.#objects.get(plural);
    if (present !== undefined) return present;
    const created = new Map<string, FakeObject>();
    this.#objects.set(plural, created);
    return created;
  }

  #tell(event: Event): void {
    this.#history.push(event);
    if (this.#silent) return;
    for (const { plural, response } of this.#watchers) {
      if (plural === event.plural) writeEvent(response, event);
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://fake');
    this.requests.push({ method: request.method ?? '', url: request.url ?? '' });
    const failure = this.#failures.shift();
    if (failure !== undefined) return sendStatus(response, failure, 'made to fail');
    const path = parsePath(url.pathname);
    if (path === undefined || this.#absent.has(path.plural)) {
      return sendStatus(response, 404, 'the server could not find the requested resource');
    }
    if (request.method === 'PATCH') return await this.#patch(request, response, path);
    if (url.searchParams.get('watch') === 'true') return this.#watch(url, response, path.plural);
    this.#list(url, response, path.plural);
  }

  #list(url: URL, response: ServerResponse, plural: string): void {
    const [from = 0, version = this.#version] = (url.searchParams.get('continue') ?? '')
      .split('@')
      .filter((part) => part !== '')
      .map(Number);
    const all = [...this.#kind(plural).values()];
    const more = from + this.#pageSize < all.length;
    sendJson(response, 200, {
      metadata: {
        resourceVersion: String(version),
        ...(more ? { continue: `${from + this.#pageSize}@${version}` } : {}),
      },
      items: all.slice(from, from + this.#pageSize),
    });
  }

  #watch(url: URL, response: ServerResponse, plural: string): void {
    const since = Number(url.searchParams.get('resourceVersion'));
    if (since < this.#oldestVersion) {
      sendStatus(response, 410, 'too old resource version');
      return;
    }
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    const watcher = { plural, response };
    this.#watchers.add(watcher);
    response.on('close', () => this.#watchers.delete(watcher));
    if (this.#silent) return;
    for (const event of this.#history) {
      if (event.plural === plural && event.version > since) writeEvent(response, event);
    }
  }

  async #patch(
    request: IncomingMessage,
    response: ServerResponse,
    { plural, key }: { plural: string; key: string },
  ): Promise<void> {
    let text = '';
    for await (const chunk of request) text += String(chunk);
    const patch = JSON.parse(text) as FakeObject;
    const object = this.#kind(plural).get(key);
    if (object === undefined) return sendStatus(response, 404, `${plural} ${key} not found`);
    const expected = patch.metadata?.resourceVersion;
    if (expected !== undefined && expected !== object.metadata.resourceVersion) {
      return sendStatus(response, 409, 'the object has been modified');
    }
    const status = { ...(object.status as object), ...(patch.status as object) };
    this.put(plural, { ...object, status });
    sendJson(response, 200, this.#kind(plural).get(key));
  }
}

/** `/api/v1/pods`, `/apis/<group>/<version>/namespaces/<namespace>/<plural>/<name>/status` */
function parsePath(pathname: string): { plural: string; key: string } | undefined {
  const match =
    /^\/(?:api\/v1|apis\/[^/]+\/[^/]+)(?:\/namespaces\/([^/]+))?\/([^/]+)(?:\/([^/]+)\/status)?$/.exec(
      pathname,
    );
  if (match === null) return undefined;
  return { plural: match[2] ?? '', key: `${match[1]}/${match[3]}` };
}

function keyOf(object: FakeObject): string {
  const { name, namespace = '' } = object.metadata;
  return namespace === '' ? name : `${namespace}/${name}`;
}

function writeEvent(response: ServerResponse, { type, object }: Event): void {
  response.write(`${JSON.stringify({ type, object })}\n`);
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

function sendStatus(response: ServerResponse, status: number, message: string): void {
  const reason = status === 410 ? 'Expired' : status === 404 ? 'NotFound' : 'Failure';
  sendJson(response, status, { kind: 'Status', code: status, reason, message });
}
