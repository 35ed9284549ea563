import { connect as connectTls, createSecureContext, type SecureContext } from 'node:tls';
import type { Clock } from '../../runtime/clock.ts';
import { describeError, MeshError } from '../../runtime/errors.ts';
import { type Dialed, type Dialer, withoutTrunk } from './dialer.ts';

export interface TlsDialerOptions {
  readonly clock: Clock;
  /** What the server is asked for, and its certificate checked against. */
  readonly serverName: string;
  /** PEM; empty: public certificates. */
  readonly caCertificates: string;
  readonly speaksHttp: boolean;
}

/** Connects by TLS on behalf of an application that speaks plainly. */
export class TlsDialer implements Dialer {
  readonly #options: TlsDialerOptions;
  #context: SecureContext | undefined;

  constructor(options: TlsDialerOptions) {
    this.#options = options;
  }

  dial(host: string, port: number, _workload: unknown, timeoutMs: number): Promise<Dialed> {
    return this.#dial(host, port, timeoutMs, this.#options.speaksHttp ? 'http/1.1' : '');
  }

  dialHttp2(host: string, port: number, _workload: unknown, timeoutMs: number): Promise<Dialed> {
    return this.#dial(host, port, timeoutMs, 'h2');
  }

  /** @param protocol as ALPN names it; empty: none is named */
  #dial(host: string, port: number, timeoutMs: number, protocol: string): Promise<Dialed> {
    const { clock, serverName, caCertificates } = this.#options;
    return new Promise((resolve, reject) => {
      this.#context ??= createSecureContext(caCertificates === '' ? {} : { ca: caCertificates });
      const place = `${serverName} at ${host}:${port}`;
      const socket = connectTls({
        ...{ host, port, servername: serverName, secureContext: this.#context },
        ...{ allowHalfOpen: true, rejectUnauthorized: true },
        ...(protocol !== '' && { ALPNProtocols: [protocol] }),
      });
      const timer =
        timeoutMs === 0
          ? undefined
          : clock.setTimeout(() => {
              const sentence = `${place} did not answer within ${timeoutMs} ms`;
              socket.destroy(new MeshError('connect-timeout', sentence));
            }, timeoutMs);
      let connected = false;
      const onError = (error: Error): void => {
        timer?.cancel();
        if (error instanceof MeshError) reject(error);
        else {
          const code = connected ? 'tls-failed' : 'connect-failed';
          const reason = `${place} is not reached: ${describeError(error)}`;
          reject(new MeshError(code, reason, { cause: error }));
        }
      };
      socket.once('error', onError);
      socket.once('connect', () => {
        connected = true;
      });
      socket.once('secureConnect', () => {
        if (protocol === 'h2' && socket.alpnProtocol !== 'h2') {
          socket.destroy(new MeshError('tls-failed', `${place} does not speak HTTP/2`));
          return;
        }
        timer?.cancel();
        socket.off('error', onError);
        resolve(withoutTrunk(socket, host, port));
      });
    });
  }
}
