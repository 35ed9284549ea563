import { connect as connectHttp2, constants, type IncomingHttpHeaders } from 'node:http2';
import { after } from 'node:test';
import { connect as connectTls } from 'node:tls';
import type { Credentials } from '../../sidecar/identity/types.ts';
import { SERVER_NAME } from '../../sidecar/trunk/protocol.ts';

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
