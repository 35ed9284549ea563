import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Component } from './component.ts';
import type { SocketAddress } from './env.ts';
import { describeError } from './errors.ts';

/** Probes and scrapes need a few; of more the oldest gives way, so that nobody can keep the probes out. */
const MAX_CONNECTIONS = 500;
const TIMEOUT_MS = 10_000;

/** What a path answers. A handler may also write the response itself and return nothing. */
export interface AdminResponse {
  status?: number;
  contentType?: string;
  body: string;
}

export type AdminHandler = (
  request: IncomingMessage,
  response: ServerResponse,
) => AdminResponse | undefined | Promise<AdminResponse | undefined>;

/**
 * The small HTTP server of every process: `/live`, `/ready`, `/metrics`,
 * `/config_dump` and what else a process adds. GET only, no bodies; never on
 * the path of the mesh's traffic.
 */
export class AdminServer implements Component {
  readonly name: string;
  readonly #address: SocketAddress;
  readonly #routes: ReadonlyMap<string, AdminHandler>;
  /** In the order in which they came. */
  readonly #open = new Set<Socket>();
  #server: Server | undefined;

  constructor(
    name: string,
    address: SocketAddress,
    routes: Readonly<Record<string, AdminHandler>>,
  ) {
    this.name = name;
    this.#address = address;
    this.#routes = new Map(Object.entries(routes));
  }

  async start(): Promise<void> {
    const server = createServer(
      {
        headersTimeout: TIMEOUT_MS,
        requestTimeout: TIMEOUT_MS,
        connectionsCheckingInterval: 2_000,
      },
      (request, response) => void this.#answer(request, response),
    );
    server.on('connection', (socket) => this.#onConnection(socket));
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#address.port, this.#address.host, () => {
        server.off('error', reject);
        resolve();
      });
    });
  }

  /** The port in use, for tests that ask for port 0. */
  get port(): number {
    const address = this.#server?.address();
    return typeof address === 'object' && address !== null ? address.port : this.#address.port;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  }

  #onConnection(socket: Socket): void {
    this.#open.add(socket);
    socket.once('close', () => this.#open.delete(socket));
    if (this.#open.size <= MAX_CONNECTIONS) return;
    for (const oldest of this.#open) {
      oldest.destroy();
      break;
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
    const handler = this.#routes.get(path);
    let answer: AdminResponse | undefined;
    try {
      if (handler === undefined) {
        answer = {
          status: 404,
          body: `${path} is not here. There is: ${[...this.#routes.keys()].join(' ')}\n`,
        };
      } else if (request.method !== 'GET' && request.method !== 'HEAD') {
        answer = { status: 405, body: 'GET only\n' };
      } else {
        answer = await handler(request, response);
      }
    } catch (error) {
      answer = { status: 500, body: `${describeError(error)}\n` };
    }
    if (answer === undefined || response.headersSent) return;
    response.writeHead(answer.status ?? 200, {
      'content-type': answer.contentType ?? 'text/plain; charset=utf-8',
    });
    response.end(answer.body);
  }
}

/** An object as indented JSON; `Map` and `Set` as objects and arrays. */
export function jsonResponse(value: unknown): AdminResponse {
  const body = JSON.stringify(
    value,
    (_key, item: unknown) => {
      if (item instanceof Map) return Object.fromEntries(item);
      if (item instanceof Set) return [...item];
      return item;
    },
    2,
  );
  return { contentType: 'application/json', body: `${body}\n` };
}

/** `/ready`: 200 once every named condition holds, else 503 with those that do not. */
export function readiness(conditions: Readonly<Record<string, () => boolean>>): AdminHandler {
  return () => {
    const missing = Object.entries(conditions).flatMap(([name, holds]) => (holds() ? [] : [name]));
    return missing.length === 0
      ? { body: 'ready\n' }
      : { status: 503, body: `not ready, waiting for: ${missing.join(', ')}\n` };
  };
}
