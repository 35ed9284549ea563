import { isIPv4 } from 'node:net';
import { canonicalAddress } from './original-destination.ts';

/** Whether an address and port is a port of the sidecar itself, to which nothing is forwarded. */
export type OwnPlaces = (host: string, port: number) => boolean;

/**
 * @param addresses of the pod
 * @param ports of the sidecar
 */
export function ownPlaces(addresses: readonly string[], ports: readonly number[]): OwnPlaces {
  const own = new Set(addresses.map(canonicalAddress));
  const known = new Set(ports);
  return (host, port) => {
    if (!known.has(port)) return false;
    const address = canonicalAddress(host);
    return isThisMachine(address) || own.has(address);
  };
}

export function isLoopback(host: string): boolean {
  return (isIPv4(host) && host.startsWith('127.')) || host === '::1' || host === 'localhost';
}

/** The kernel takes the unspecified addresses for the loopback ones. */
function isThisMachine(host: string): boolean {
  return isLoopback(host) || host === '0.0.0.0' || host === '::';
}
