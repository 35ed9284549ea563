import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { AUTHORITATIVE_ANSWER, decode, encode, type Packet, RECURSION_AVAILABLE } from 'dns-packet';
import type { SocketAddress } from '../runtime/env.ts';
import type { DnsZone } from './dns-zone.ts';

/** Response codes of RFC 1035 section 4.1.1. */
const RCODE = { nameError: 3, notImplemented: 4 } as const;

/** Above this a response does not fit every UDP path; the client asks again over TCP. */
const UDP_LIMIT_BYTES = 1232;
const TRUNCATED = 1 << 9;

/**
 * The pods' name server, over UDP and TCP. Names that are not the cluster's do
 * not exist: from the namespaces of local mode there is no way out of the machine.
 */
export class DnsServer {
  readonly #address: SocketAddress;
  readonly #zone: DnsZone;
  readonly #connections = new Set<Socket>();
  #udp: UdpSocket | undefined;
  #tcp: Server | undefined;

  constructor(address: SocketAddress, zone: DnsZone) {
    this.#address = address;
    this.#zone = zone;
  }

  async start(): Promise<void> {
    // A port that the system chose for UDP may be taken for TCP: then it chooses again.
    for (let triesLeft = this.#address.port === 0 ? 10 : 1; ; triesLeft -= 1) {
      try {
        await this.#listen();
        return;
      } catch (error) {
        await this.stop();
        if (triesLeft === 1) throw error;
      }
    }
  }

  async #listen(): Promise<void> {
    const { host, port } = this.#address;
    const udp = createSocket('udp4');
    this.#udp = udp;
    udp.on('message', (message, sender) => {
      const response = answer(message, this.#zone, UDP_LIMIT_BYTES);
      if (response !== undefined) udp.send(response, sender.port, sender.address);
    });
    udp.bind(port, host);
    await once(udp, 'listening');
    // A client that is gone must not end the server.
    udp.on('error', () => {});

    const tcp = createServer((socket) => this.#serve(socket));
    this.#tcp = tcp;
    tcp.listen(udp.address().port, host);
    await once(tcp, 'listening');
  }

  /** The port in use, for tests that ask for port 0. */
  get port(): number {
    return this.#udp?.address().port ?? this.#address.port;
  }

  async stop(): Promise<void> {
    for (const socket of this.#connections) socket.destroy();
    const { tcp, udp } = { tcp: this.#tcp, udp: this.#udp };
    this.#tcp = undefined;
    this.#udp = undefined;
    if (tcp !== undefined) await new Promise<void>((resolve) => tcp.close(() => resolve()));
    if (udp !== undefined) await new Promise<void>((resolve) => udp.close(() => resolve()));
  }

  /** Over TCP each message has its length before it. */
  #serve(socket: Socket): void {
    this.#connections.add(socket);
    socket.setTimeout(10_000, () => socket.destroy());
    socket.on('error', () => {});
    socket.on('close', () => this.#connections.delete(socket));
    let pending = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      pending = Buffer.concat([pending, chunk]);
      while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
        const end = 2 + pending.readUInt16BE(0);
        const response = answer(pending.subarray(2, end), this.#zone, 65535);
        pending = pending.subarray(end);
        if (response === undefined) {
          socket.destroy();
          return;
        }
        const length = Buffer.alloc(2);
        length.writeUInt16BE(response.length);
        socket.write(Buffer.concat([length, response]));
      }
    });
  }
}

/** The response to one message; undefined when the message cannot be understood. */
function answer(message: Buffer, zone: DnsZone, limitBytes: number): Buffer | undefined {
  let query: Packet;
  try {
    query = decode(message);
  } catch {
    return undefined;
  }
  const question = query.questions?.[0];
  if (query.type !== 'query' || question === undefined) return undefined;
  const { exists, answers } = zone.lookup(question.name, question.type);
  const notQuery = ((query.flags ?? 0) >> 11) & 0xf;
  const rcode = notQuery !== 0 ? RCODE.notImplemented : exists ? 0 : RCODE.nameError;
  const response: Packet = {
    type: 'response',
    ...(query.id === undefined ? {} : { id: query.id }),
    flags:
      ((query.flags ?? 0) & 0x0100) |
      RECURSION_AVAILABLE |
      (zone.holds(question.name.toLowerCase()) ? AUTHORITATIVE_ANSWER : 0) |
      rcode,
    questions: [question],
    answers: [...answers],
  };
  const bytes = encode(response);
  if (bytes.length <= limitBytes) return bytes;
  return encode({ ...response, flags: (response.flags ?? 0) | TRUNCATED, answers: [] });
}
