import { rm } from 'node:fs/promises';
import { createServer, request, type Server, type ServerResponse } from 'node:http';
import { describeError, MeshError } from '../runtime/errors.ts';

/** What a running local mode can be asked. Methods and paths as keys: `POST /control-plane/stop`. */
export type ControlRoutes = Readonly<Record<string, () => Promise<unknown> | unknown>>;

/** A Unix socket by which another `npm start`, or a test, speaks to the running one. */
export class ControlApi {
  readonly #path: string;
  readonly #routes: ControlRoutes;
  #server: Server | undefined;

  constructor(path: string, routes: ControlRoutes) {
    this.#path = path;
    this.#routes = routes;
  }

  async start(): Promise<void> {
    await rm(this.#path, { force: true });
    const server = createServer((incoming, response) => {
      void this.#answer(`${incoming.method} ${incoming.url}`, response);
    });
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#path, resolve);
    });
  }

  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
    await rm(this.#path, { force: true });
  }

  async #answer(asked: string, response: ServerResponse): Promise<void> {
    const route = this.#routes[asked];
    let status = 200;
    let body: unknown;
    try {
      if (route === undefined) status = 404;
      body = route === undefined ? { paths: Object.keys(this.#routes) } : await route();
    } catch (error) {
      status = 500;
      body = { error: describeError(error) };
    }
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(`${JSON.stringify(body ?? {})}\n`);
  }
}

/** Asks a running local mode. @throws MeshError `not-running` */
export function askControlApi(path: string, method: string, url: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const asking = request({ socketPath: path, method, path: url, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => {
        if (response.statusCode === 200) resolve(JSON.parse(text));
        else reject(new MeshError('not-done', `${method} ${url}: ${text.trim()}`));
      });
    });
    asking.on('error', (cause) => {
      reject(new MeshError('not-running', `no mesh runs here (${path})`, { cause }));
    });
    asking.end();
  });
}
