import { isIP } from 'node:net';
import { MeshError } from '../runtime/errors.ts';

/** More than anyone lists by hand; a bound because the text comes from strangers. */
const MAX_ENTRIES = 64;

/**
 * Comma-separated TCP ports, sorted, each once. Empty text means none.
 *
 * @throws MeshError `bad-list` with a sentence that begins with the offending entry.
 */
export function parsePorts(text: string): number[] {
  const ports = entries(text).map((entry) => {
    const port = /^\d{1,5}$/.test(entry) ? Number(entry) : 0;
    if (port < 1 || port > 65535) {
      throw new MeshError('bad-list', `"${entry}" is not a port from 1 to 65535`);
    }
    return port;
  });
  return [...new Set(ports)].sort((a, b) => a - b);
}

/**
 * Comma-separated networks: `10.0.0.0/8`, `fd00::/8`; a bare address means that
 * address alone. Each once, in the order given.
 *
 * @throws MeshError `bad-list` with a sentence that begins with the offending entry.
 */
export function parseCidrs(text: string): string[] {
  return [...new Set(entries(text).map(parseCidr))];
}

function parseCidr(entry: string): string {
  const [address = '', prefix, ...rest] = entry.split('/');
  const family = isIP(address);
  const bits = family === 6 ? 128 : 32;
  const length = prefix === undefined ? bits : /^\d{1,3}$/.test(prefix) ? Number(prefix) : -1;
  // A zone (fe80::1%eth0) names an interface of one machine and means nothing in a rule.
  if (family === 0 || address.includes('%') || rest.length > 0 || length < 0 || length > bits) {
    throw new MeshError(
      'bad-list',
      `"${entry}" is not an address or a network such as 10.0.0.0/8 or fd00::/8`,
    );
  }
  return `${address}/${length}`;
}

export type Family = 'ipv4' | 'ipv6';

/** The family of an address or network. */
export function familyOf(cidr: string): Family {
  return cidr.includes(':') ? 'ipv6' : 'ipv4';
}

function entries(text: string): string[] {
  const list = text
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
  if (list.length > MAX_ENTRIES) {
    throw new MeshError('bad-list', `${list.length} entries are more than ${MAX_ENTRIES}`);
  }
  return list;
}
