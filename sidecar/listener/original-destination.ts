import { isIPv6, SocketAddress as NetAddress, type Socket } from 'node:net';
import type { SocketAddress } from '../../runtime/env.ts';
import { describeError, MeshError } from '../../runtime/errors.ts';

/** Where a redirected connection was going; undefined when it was not redirected. */
export type OriginalDestination = (socket: Socket) => SocketAddress | undefined;

/** From linux/in.h, linux/in6.h and linux/netfilter_ipv4.h. */
const SOL_IP = 0;
const SOL_IPV6 = 41;
/** The same number for IPv4 and IPv6 (`IP6T_SO_ORIGINAL_DST`). */
const SO_ORIGINAL_DST = 80;
const AF_INET = 2;
/** struct sockaddr_in6 is the larger one. */
const ADDRESS_BYTES = 28;

/** No redirect happened: the connection is not tracked, or not translated. */
const ENOENT = 2;
const ENOPROTOOPT = 92;

type GetSocketOption = (
  descriptor: number,
  level: number,
  option: number,
  value: Buffer,
  length: [number],
) => number;

/**
 * Loads the system call that tells where an intercepted connection was going.
 * Linux only.
 *
 * Throws `interception-unavailable` where there is no such call.
 */
export async function loadOriginalDestination(): Promise<OriginalDestination> {
  let getSocketOption: GetSocketOption;
  let errorNumber: () => number;
  try {
    const { default: koffi } = await import('koffi');
    const signature =
      'int getsockopt(int descriptor, int level, int option, _Out_ uint8_t *value, _Inout_ uint32_t *length)';
    getSocketOption = koffi.load(null).func(signature);
    errorNumber = () => koffi.errno();
  } catch (error) {
    throw new MeshError(
      'interception-unavailable',
      `connections cannot be intercepted on this system (${describeError(error)}): set REMORA_INTERCEPTION=explicit`,
      { cause: error },
    );
  }
  const value = Buffer.alloc(ADDRESS_BYTES);
  return (socket) => {
    const descriptor = descriptorOf(socket);
    const local = socket.localAddress ?? '';
    // An IPv4 connection to a socket that listens on both families counts as IPv4 here.
    const level = isIPv6(local) && !local.startsWith('::ffff:') ? SOL_IPV6 : SOL_IP;
    if (getSocketOption(descriptor, level, SO_ORIGINAL_DST, value, [ADDRESS_BYTES]) === 0) {
      return parseAddress(value);
    }
    const number = errorNumber();
    if (number === ENOENT || number === ENOPROTOOPT) return undefined;
    throw new MeshError(
      'interception-unavailable',
      `the kernel did not tell the original destination of a connection (errno ${number})`,
    );
  };
}

/** Node has no public way to a socket's descriptor. */
function descriptorOf(socket: Socket): number {
  const { _handle: handle } = socket as unknown as { _handle?: { fd?: number } | null };
  const descriptor = handle?.fd;
  if (descriptor === undefined || descriptor < 0) {
    throw new MeshError('connection-reset', 'the connection closed before it was looked at');
  }
  return descriptor;
}

/** A struct sockaddr_in or sockaddr_in6. */
function parseAddress(bytes: Buffer): SocketAddress {
  const port = bytes.readUInt16BE(2);
  const family = process.arch === 's390x' ? bytes.readUInt16BE(0) : bytes.readUInt16LE(0);
  if (family === AF_INET) return { host: bytes.subarray(4, 8).join('.'), port };
  const groups: string[] = [];
  for (let i = 8; i < 24; i += 2) groups.push(bytes.readUInt16BE(i).toString(16));
  return { host: canonicalAddress(groups.join(':')), port };
}

/** An address in the one form in which addresses are compared (RFC 5952); other text as it is. */
export function canonicalAddress(text: string): string {
  const bare = text.split('%', 1)[0] ?? text;
  if (!isIPv6(bare)) return text;
  const { address } = new NetAddress({ address: bare, family: 'ipv6' });
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
}
