import assert from 'node:assert/strict';
import { connect as connectHttp2, constants, type IncomingHttpHeaders } from 'node:http2';
import { createServer, type Server, type Socket } from 'node:net';
import { after } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { type Clock, systemClock } from '../../runtime/clock.ts';
import { MeshError } from '../../runtime/errors.ts';
import { silentLog } from '../../runtime/log.ts';
import type { Credentials } from '../../sidecar/identity/types.ts';
import { TrunkClient } from '../../sidecar/trunk/client.ts';
import { SERVER_NAME } from '../../sidecar/trunk/protocol.ts';
import { TrunkServer } from '../../sidecar/trunk/server.ts';
import type { TrunkHttp2Acceptor, TrunkRequest, TrunkStream } from '../../sidecar/trunk/types.ts';
import { TestAuthority } from './certificates.ts';
import { FakeCredentials, listen } from './connections.ts';

export const ca = new TestAuthority();
export const SERVER_ID = 'spiffe://cluster.local/ns/shop/sa/cart';

/** A sidecar that serves streams, and what it saw of them. */
export async function serve(
  onStream: (stream: TrunkStream) => void,
  credentials: Credentials = ca.credentials('shop', 'cart'),
  onHttp2?: TrunkHttp2Acceptor,
): Promise<{ port: number; server: TrunkServer; listener: Server; sockets: Socket[] }> {
  const server = new TrunkServer({
    credentials: new FakeCredentials(credentials),
    clock: systemClock,
    log: silentLog(),
    onStream,
    onHttp2,
    maxConnections: 1_000,
    onLimit: () => {},
  });
  const sockets: Socket[] = [];
  const listener = createServer((socket) => {
    sockets.push(socket);
    server.accept(socket);
  });
  const port = await listen(listener);
  after(async () => {
    listener.close();
    await server.close(AbortSignal.abort());
    for (const socket of sockets) socket.destroy();
  });
  return { port, server, listener, sockets };
}

export function client(credentials: FakeCredentials, clock: Clock = systemClock): TrunkClient {
  const trunk = new TrunkClient({
    credentials,
    self: () => ({ namespace: 'shop', workload: 'web' }),
    clock,
    log: silentLog(),
    sourceAddress: undefined,
  });
  after(() => trunk.close(AbortSignal.abort()));
  return trunk;
}

export const ownCredentials = (): FakeCredentials =>
  new FakeCredentials(ca.credentials('shop', 'web'));

export function request(trunkPort: number, change: Partial<TrunkRequest> = {}): TrunkRequest {
  return {
    address: '127.0.0.1',
    trunkPort,
    identity: SERVER_ID,
    port: 8080,
    timeoutMs: 5_000,
    ...change,
  };
}

/** Answers each stream with what it receives. */
export function echo(stream: TrunkStream): void {
  const transport = stream.accept();
  transport.attach({
    onData: (bytes) => transport.write(bytes),
    onEnd: () => transport.end(),
    onDrain: () => {},
    onClose: () => {},
  });
  transport.resume();
}

export const hasCode =
  (code: string) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof MeshError, String(error));
    assert.equal(error.code, code, error.message);
    return true;
  };

/** Speaks to a trunk as a peer would that has its own ideas; returns the answer's headers. */
export async function askTrunk(options: {
  host?: string;
  port: number;
  headers: Readonly<Record<string, string>>;
  credentials: Credentials;
}): Promise<IncomingHttpHeaders> {
  const { host = '127.0.0.1', port, headers, credentials } = options;
  const session = connectHttp2('https://peer', {
    createConnection: () =>
      connectTls({
        host,
        port,
        secureContext: credentials.secureContext,
        servername: SERVER_NAME,
        ALPNProtocols: ['h2'],
        checkServerIdentity: () => undefined,
      }),
  });
  after(() => session.destroy());
  return await new Promise((resolve, reject) => {
    session.on('error', reject);
    session.on('close', () => reject(new Error('closed')));
    const stream = session.request(headers, { endStream: false });
    stream.on('error', reject);
    stream.on('response', (response) => {
      resolve(response);
      stream.close(constants.NGHTTP2_CANCEL);
    });
  });
}
