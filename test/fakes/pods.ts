import { connect, createServer, type Socket } from 'node:net';
import { after } from 'node:test';
import type { Endpoint } from '../../sidecar/config/types.ts';
import { TestAuthority } from './certificates.ts';
import { eventually, FakeCredentials, listen } from './connections.ts';
import { TestSidecar, type TestSidecarOptions } from './sidecars.ts';

/** Of the mesh in which the pods below are. */
export const ca = new TestAuthority();
/** Its cluster IP and port, as pods call it. */
export const SERVICE = { host: '10.96.0.10', port: 5432 };
let pods = 0;

/** A pod with a sidecar, at a loopback address of its own. */
export async function pod(
  workload: string,
  options: Partial<TestSidecarOptions> = {},
): Promise<TestSidecar> {
  pods += 1;
  return await new TestSidecar({
    namespace: 'shop',
    workload,
    address: `127.${process.pid % 250}.1.${pods}`,
    credentials: new FakeCredentials(ca.credentials('shop', workload)),
    ...options,
  }).start();
}

/** The unmodified program in a pod. */
export async function program(
  host: string,
  onSocket: (socket: Socket) => void,
): Promise<{ port: number; sockets: Socket[]; endpoint: Endpoint }> {
  const sockets: Socket[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    onSocket(socket);
  });
  const port = await listen(server, host);
  after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const endpoint = {
    address: host,
    ports: new Map([[SERVICE.port, port]]),
    workload: {
      address: host,
      namespace: 'plain',
      workload: 'outside',
      pod: 'outside-1',
      serviceAccount: 'default',
      node: '',
      zone: '',
      trunkPort: 0,
    },
  };
  return { port, sockets, endpoint };
}

/** What the application of a pod sees when it opens a connection. */
export class Call {
  readonly socket: Socket;
  readonly closed: Promise<void>;
  error: Error | undefined;
  ended = false;
  #text = '';

  constructor(from: TestSidecar, port = from.outbound.port) {
    this.socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    this.socket.setEncoding('utf8');
    this.socket.on('data', (text) => {
      this.#text += text;
    });
    this.socket.on('end', () => {
      this.ended = true;
    });
    this.socket.on('error', (error) => {
      this.error = error;
    });
    this.closed = new Promise((resolve) => this.socket.once('close', () => resolve()));
    after(() => this.socket.destroy());
  }

  get text(): string {
    return this.#text;
  }

  /** Waits for the other side to have said all, and closes. */
  async serverEnds(): Promise<void> {
    await eventually(() => this.ended, `an end after "${this.#text}"`);
    this.socket.end();
    await this.closed;
  }

  async receives(text: string): Promise<void> {
    await eventually(() => this.#text === text, `"${text}" (there is "${this.#text}")`);
  }
}
