import assert from 'node:assert/strict';
import type { AddressInfo, Server } from 'node:net';
import type { CredentialSource, Credentials } from '../../sidecar/identity/types.ts';
import type { Transport } from '../../sidecar/transport.ts';

/** Certificates that a test hands out and renews. */
export class FakeCredentials implements CredentialSource {
  current: Credentials | undefined;
  readonly #listeners = new Set<(next: Credentials) => void>();

  constructor(current: Credentials | undefined) {
    this.current = current;
  }

  replace(next: Credentials): void {
    this.current = next;
    for (const listener of this.#listeners) listener(next);
  }

  onChange(listener: (next: Credentials) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** Starts on a free port of the loopback address, and returns the port. */
export async function listen(server: Server, host = '127.0.0.1', port = 0): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  return (server.address() as AddressInfo).port;
}

/** What a transport received so far, and how it ended. */
export interface Collected {
  bytes(): Buffer;
  hasEnded(): boolean;
  readonly ended: Promise<Buffer>;
  readonly closed: Promise<Error | undefined>;
}

/** Reads a transport to its end. */
export function collect(transport: Transport): Collected {
  const chunks: Buffer[] = [];
  const ended = Promise.withResolvers<Buffer>();
  const closed = Promise.withResolvers<Error | undefined>();
  let hasEnded = false;
  transport.attach({
    onData: (bytes) => chunks.push(bytes),
    onEnd: () => {
      hasEnded = true;
      ended.resolve(Buffer.concat(chunks));
    },
    onDrain: () => {},
    onClose: (error) => closed.resolve(error),
  });
  transport.resume();
  return {
    bytes: () => Buffer.concat(chunks),
    hasEnded: () => hasEnded,
    ended: ended.promise,
    closed: closed.promise,
  };
}

/** Waits until the condition holds; fails when it does not within ten seconds. */
export async function eventually(holds: () => boolean, what = 'the condition'): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!holds()) {
    if (Date.now() > deadline) assert.fail(`${what} never came to hold`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
