import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { parseSocketAddress, type SocketAddress } from '../runtime/env.ts';
import { isServing, type ServedService } from './services.ts';

/** Between the two ends of a connection only; not handed on (RFC 9110 section 7.6.1). */
const HOP_BY_HOP = ['connection', 'proxy-connection', 'keep-alive', 'te', 'trailer', 'upgrade'];

/**
 * In loopback, what DNS and cluster IPs are to a pod without a sidecar: an HTTP
 * proxy (absolute form and CONNECT) that knows the services by name and hands on
 * in plain text to one of their pods. It is not part of the mesh.
 */
export class ServiceProxy {
  readonly #namespace: string;
  readonly #services: () => readonly ServedService[];
  readonly #sockets = new Set<Duplex>();
  #server: Server | undefined;

  /** @param namespace in which short names are looked up */
  constructor(namespace: string, services: () => readonly ServedService[]) {
    this.#namespace = namespace;
    this.#services = services;
  }

  async start(): Promise<void> {
    const server = createServer((incoming, response) => this.#forward(incoming, response));
    this.#server = server;
    server.on('connect', (incoming: IncomingMessage, socket: Duplex, head: Buffer) =>
      this.#tunnel(incoming, socket, head),
    );
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  }

  get port(): number {
    const address = this.#server?.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  }

  #forward(incoming: IncomingMessage, response: ServerResponse): void {
    const url = URL.parse(incoming.url ?? '');
    if (url === null || url.protocol !== 'http:') {
      refuse(response, 400, 'this is a proxy: it takes http://name/path and CONNECT name:port');
      return;
    }
    const target = this.#resolve(url.hostname, Number(url.port || 80));
    if (target === undefined) {
      refuse(response, 503, `service ${url.host} has no pod that is ready`);
      return;
    }
    const headers: IncomingHttpHeaders = { ...incoming.headers, host: url.host };
    for (const name of HOP_BY_HOP) delete headers[name];
    const outgoing = request(
      {
        ...target,
        method: incoming.method ?? 'GET',
        path: `${url.pathname}${url.search}`,
        headers,
        agent: false,
      },
      (answer) => {
        for (const name of HOP_BY_HOP) delete answer.headers[name];
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      },
    );
    outgoing.on('error', (error) => refuse(response, 502, `${url.host}: ${error.message}`));
    response.on('close', () => outgoing.destroy());
    incoming.pipe(outgoing);
  }

  #tunnel(incoming: IncomingMessage, client: Duplex, head: Buffer): void {
    client.on('error', () => client.destroy());
    const asked = parseSocketAddress(incoming.url ?? '');
    const target = asked === undefined ? undefined : this.#resolve(asked.host, asked.port);
    if (target === undefined) {
      client.end('HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n');
      return;
    }
    const upstream: Socket = connect(target.port, target.host);
    for (const socket of [client, upstream]) {
      this.#sockets.add(socket);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    upstream.on('error', () => client.destroy());
    upstream.once('connect', () => {
      client.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      upstream.write(head);
      client.pipe(upstream).pipe(client);
    });
  }

  /** A pod of the service of that name; what is no service is reached as it stands. */
  #resolve(host: string, port: number): SocketAddress | undefined {
    const [name, namespace = this.#namespace, ...rest] = host.split('.');
    const ours = ['', 'svc', 'svc.cluster.local'].includes(rest.join('.'));
    const service = this.#services().find(
      (candidate) =>
        candidate.clusterIp === host ||
        (ours && candidate.name === name && candidate.namespace === namespace),
    );
    if (service === undefined) return { host, port };
    const targets = service.backends.flatMap((backend) => {
      const target = backend.targets.get(port);
      const serving = target !== undefined && isServing(service, backend);
      return serving ? [{ host: backend.pod.address, port: target }] : [];
    });
    return targets[Math.floor(Math.random() * targets.length)];
  }
}

function refuse(response: ServerResponse, status: number, reason: string): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(`${reason}\n`);
}
