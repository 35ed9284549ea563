import type { Clock } from '../../runtime/clock.ts';
import type { SocketAddress } from '../../runtime/env.ts';
import { MeshError } from '../../runtime/errors.ts';
import type { HttpContext, Unresolved } from '../context.ts';
import { CONNECTION_ESTABLISHED, serveHttp1, writeRefusal } from '../http1/serve.ts';
import type { RequestHead } from '../message.ts';
import { logRefusal } from '../policy/access-log.ts';
import type { HttpTarget } from '../route/route.ts';
import type { Transport } from '../transport.ts';
import type { AcceptedConnection } from './accepted-connection.ts';
import type { Destinations } from './destinations.ts';
import { canonicalAddress } from './original-destination.ts';
import type { OutboundPlans } from './outbound-plans.ts';

export interface ExplicitProxyOptions {
  readonly destinations: Destinations;
  readonly clock: Clock;
  readonly plans: OutboundPlans;
  /** The sidecar's own ports, to which nothing is forwarded. */
  readonly isOwn: (host: string, port: number) => boolean;
  /** Serves a tunnel as if the connection had been intercepted on its way there. */
  readonly serve: (
    connection: AcceptedConnection,
    destination: SocketAddress,
    first: Buffer | undefined,
  ) => void;
}

type DirectRequests = ReturnType<OutboundPlans['directRequests']>;

/**
 * Where nothing may redirect connections, applications find the sidecar through
 * `HTTP_PROXY`: requests in absolute form (RFC 9112, section 3.2.2), and CONNECT
 * for everything else.
 */
export class ExplicitProxy {
  readonly #options: ExplicitProxyOptions;

  constructor(options: ExplicitProxyOptions) {
    this.#options = options;
  }

  serve(connection: AcceptedConnection): void {
    const targets = new Map<string, DirectRequests>();
    const context: HttpContext = this.#options.plans.context({
      resolve: (head) => this.#resolve(head, targets),
      onConnect: (head, transport, rest) =>
        this.#connect(connection, context, head, transport, rest),
    });
    connection.serveWith(serveHttp1(connection.transport, undefined, context));
  }

  #resolve(
    head: RequestHead,
    targets: Map<string, DirectRequests>,
  ): HttpTarget | MeshError | Unresolved {
    if (head.form !== 'absolute') {
      return new MeshError(
        'not-a-proxy-request',
        `this port is an HTTP proxy: the request has to name a whole URL, and names "${head.path}"`,
      );
    }
    const host = canonicalAddress(head.host);
    const port = head.port ?? 80;
    if (this.#options.isOwn(host, port)) return ownPort(host, port);
    const found = this.#options.destinations.find(host, port);
    if (found.kind === 'pending') return { wait: (again) => found.wait(again) };
    if (found.kind === 'service') return found.target.http;
    // One connection of a client may carry requests to many places; few of them at a time.
    const key = `${host}|${port}`;
    let target = targets.get(key);
    if (target === undefined) {
      if (targets.size >= 64) targets.clear();
      target = this.#options.plans.directRequests(found);
      targets.set(key, target);
    }
    return target(head);
  }

  #connect(
    connection: AcceptedConnection,
    context: HttpContext,
    head: RequestHead,
    transport: Transport,
    rest: Buffer | undefined,
  ): void {
    const host = canonicalAddress(head.host);
    const { port } = head;
    if (port === undefined || this.#options.isOwn(host, port)) {
      const error = ownPort(host, port ?? 0);
      const bytesOut = writeRefusal(transport, error, this.#options.clock);
      logRefusal(context, 'http1', transport.peer, error, 0, bytesOut, head);
      return;
    }
    transport.write(CONNECTION_ESTABLISHED);
    this.#options.serve(connection, { host, port }, rest);
  }
}

function ownPort(host: string, port: number): MeshError {
  return new MeshError(
    'destination-not-allowed',
    `${host}:${port} is the sidecar itself, or no destination at all`,
  );
}
