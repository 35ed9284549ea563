import { once } from 'node:events';
import { createServer } from 'node:net';
import { MeshError } from '../runtime/errors.ts';

/** Below the ports from which systems take those of outgoing connections. */
const RANGE = { first: 20_000, last: 31_999 };

/** Finds ports of 127.0.0.1 that nobody uses, and gives each out once. */
export class FreePorts {
  #next = RANGE.first + Math.floor(Math.random() * (RANGE.last - RANGE.first));

  /** @throws MeshError `no-free-port` */
  async take(): Promise<number> {
    for (let tries = 0; tries < 1000; tries += 1) {
      this.#next = this.#next >= RANGE.last ? RANGE.first : this.#next + 1;
      if (await isFree(this.#next)) return this.#next;
    }
    throw new MeshError(
      'no-free-port',
      `no port from ${RANGE.first} to ${RANGE.last} is free on this machine`,
    );
  }
}

async function isFree(port: number): Promise<boolean> {
  // On all addresses: a program of the user will listen there.
  const server = createServer();
  server.listen(port);
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return true;
}
