import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { type ConnectionOptions, connect } from 'node:tls';

/** What Node's own TLS client says first. */
export async function realHello(options: ConnectionOptions): Promise<Buffer> {
  const wire = new Duplex({
    read() {},
    write(bytes: Buffer, _encoding, done) {
      this.emit('said', bytes);
      done();
    },
  });
  const said = once(wire, 'said') as Promise<[Buffer]>;
  const client = connect({ socket: wire, rejectUnauthorized: false, ...options });
  client.on('error', () => {});
  const [bytes] = await said;
  client.destroy();
  return bytes;
}
