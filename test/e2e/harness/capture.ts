import type { NodeShell } from './node-shell.ts';

/**
 * Captures what pods send on the wire: tcpdump in the node's network namespace,
 * where every packet between pods passes in the form that leaves them.
 */
export class Capture {
  readonly #node: NodeShell;
  #file = 0;

  constructor(node: NodeShell) {
    this.#node = node;
  }

  /**
   * Runs `during` and returns the packets that passed meanwhile between an
   * address and a peer, or between an address and anybody.
   */
  async of(
    between: { addresses: readonly string[]; peer?: string },
    during: () => Promise<unknown>,
  ): Promise<Buffer> {
    this.#file += 1;
    const file = `/tmp/capture-${this.#file}`;
    const hosts = between.addresses.map((address) => `host ${address}`).join(' or ');
    const peer = between.peer === undefined ? '' : ` and host ${between.peer}`;
    const filter = `tcp and (${hosts})${peer}`;
    await this.#node.run(
      `tcpdump -i any -U -s 0 -w ${file} '${filter}' </dev/null >/dev/null 2>${file}.log & echo $! >${file}.pid; ` +
        `for _ in $(seq 100); do grep -q 'listening on' ${file}.log && exit 0; sleep 0.1; done; cat ${file}.log; exit 1`,
    );
    try {
      await during();
    } finally {
      // Packets lie in the kernel's buffer for up to a second.
      await this.#node.run(
        `sleep 1.2; kill -INT $(cat ${file}.pid); for _ in $(seq 50); do kill -0 $(cat ${file}.pid) 2>/dev/null || exit 0; sleep 0.1; done`,
      );
    }
    return Buffer.from(await this.#node.run(`base64 -w0 ${file}`), 'base64');
  }
}

/**
 * The TLS records that a capture holds to or from a port: how many packets
 * start with a handshake or application data record of TLS 1.x.
 */
export function countTlsRecords(capture: Buffer): { handshakes: number; data: number } {
  let handshakes = 0;
  let data = 0;
  for (const payload of tcpPayloads(capture)) {
    const version = payload.length > 5 && payload[1] === 3 && (payload[2] ?? 9) <= 4;
    if (version && payload[0] === 0x16) handshakes += 1;
    if (version && payload[0] === 0x17) data += 1;
  }
  return { handshakes, data };
}

/** Ports on which TCP payload was sent. */
export function portsWithPayload(capture: Buffer): Set<number> {
  const ports = new Set<number>();
  for (const segment of tcpSegments(capture)) {
    if (segment.payload.length === 0) continue;
    ports.add(segment.sourcePort);
    ports.add(segment.destinationPort);
  }
  return ports;
}

function* tcpPayloads(capture: Buffer): Generator<Buffer> {
  for (const segment of tcpSegments(capture)) {
    if (segment.payload.length > 0) yield segment.payload;
  }
}

interface Segment {
  sourcePort: number;
  destinationPort: number;
  payload: Buffer;
}

/** Takes a pcap file of `tcpdump -i any` (LINUX_SLL or LINUX_SLL2) apart; IPv4 and IPv6 without extensions. */
function* tcpSegments(capture: Buffer): Generator<Segment> {
  const linkType = capture.readUInt32LE(20);
  const linkHeader = linkType === 276 ? 20 : 16;
  for (let at = 24; at + 16 <= capture.length; ) {
    const length = capture.readUInt32LE(at + 8);
    const packet = capture.subarray(at + 16 + linkHeader, at + 16 + length);
    at += 16 + length;
    const segment = tcpSegment(packet);
    if (segment !== undefined) yield segment;
  }
}

function tcpSegment(packet: Buffer): Segment | undefined {
  const version = (packet[0] ?? 0) >> 4;
  let tcp: Buffer;
  if (version === 4 && packet.length >= 20 && packet[9] === 6) {
    tcp = packet.subarray(((packet[0] ?? 0) & 15) * 4, packet.readUInt16BE(2));
  } else if (version === 6 && packet.length >= 40 && packet[6] === 6) {
    tcp = packet.subarray(40, 40 + packet.readUInt16BE(4));
  } else {
    return undefined;
  }
  if (tcp.length < 20) return undefined;
  return {
    sourcePort: tcp.readUInt16BE(0),
    destinationPort: tcp.readUInt16BE(2),
    payload: tcp.subarray(((tcp[12] ?? 0) >> 4) * 4),
  };
}
