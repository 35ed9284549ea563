import { MeshError } from '../runtime/errors.ts';
import { type Family, familyOf } from './port-lists.ts';

/** How packets of the sidecar are told from packets of the application. */
export type SidecarMatch =
  /** By the owner of the socket: the usual way. */
  | { by: 'uid'; uid: number }
  /**
   * By the address to which the sidecar binds its outgoing connections, for
   * user namespaces that map only one uid.
   */
  | { by: 'source-address'; addresses: readonly string[] };

export interface InterceptionOptions {
  /** Where the sidecar takes connections that the pod opens. */
  outboundPort: number;
  /** Where the sidecar takes connections that the pod receives. */
  inboundPort: number;
  sidecar: SidecarMatch;
  /** Inbound ports that are reached directly; the sidecar's own must be among them. */
  excludedInboundPorts: readonly number[];
  /** Destination ports that the application reaches directly. */
  excludedOutboundPorts: readonly number[];
  /** Networks, of either family, that the application reaches directly. */
  excludedOutboundCidrs: readonly string[];
}

const CHAIN_INBOUND = 'REMORA_INBOUND';
const CHAIN_OUTBOUND = 'REMORA_OUTBOUND';

/** One rule of a chain and the reason for its place, which is printed above it. */
interface Rule {
  why: string;
  match: string;
  target: string;
}

/**
 * The interception rules of a pod as input of `iptables-restore --noflush`
 * (`ip6tables-restore` for IPv6).
 *
 * Only the nat table is used: the kernel asks it once per connection, for the
 * first packet, so replies follow by themselves and a packet later costs
 * nothing. Everything but TCP passes untouched, DNS over UDP too.
 *
 * Running it again leaves one copy: the declaration of a chain empties it, and
 * the jumps that `existing` (the output of `iptables-save -t nat`) shows are
 * deleted first. Rules of others are kept.
 *
 * @throws MeshError `bad-interception` when sidecar addresses are wanted and
 * there is none of the family: the sidecar's own connections would loop.
 */
export function interceptionRules(
  family: Family,
  options: InterceptionOptions,
  existing = '',
): string {
  const lines = ['*nat', `:${CHAIN_INBOUND} - [0:0]`, `:${CHAIN_OUTBOUND} - [0:0]`];
  for (const jump of existingJumps(existing)) lines.push(jump.replace('-A', '-D'));
  lines.push(
    `-A PREROUTING -p tcp -j ${CHAIN_INBOUND}`,
    `-A OUTPUT -p tcp -j ${CHAIN_OUTBOUND}`,
    ...render(CHAIN_INBOUND, inboundRules(options)),
    ...render(CHAIN_OUTBOUND, outboundRules(family, options)),
    'COMMIT',
    '',
  );
  return lines.join('\n');
}

/**
 * What is missing or double in the output of `iptables-save -t nat` after the
 * rules were written; empty when all is in place.
 */
export function missingRules(saved: string, rules: string): string[] {
  const count = (text: string, start: string): number =>
    text.split('\n').filter((line) => line.startsWith(`${start} `)).length;
  const problems: string[] = [];
  for (const chain of [CHAIN_INBOUND, CHAIN_OUTBOUND]) {
    const [wanted, found] = [count(rules, `-A ${chain}`), count(saved, `-A ${chain}`)];
    if (found !== wanted) problems.push(`chain ${chain} has ${found} rules instead of ${wanted}`);
    const jumps = existingJumps(saved).filter((line) => line.endsWith(chain)).length;
    if (jumps !== 1) problems.push(`${jumps} rules lead into chain ${chain} instead of one`);
  }
  return problems;
}

/** The rules of built-in chains that jump into ours. */
function existingJumps(saved: string): string[] {
  return saved
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => /^-A (PREROUTING|OUTPUT) .*-j REMORA_(INBOUND|OUTBOUND)$/.test(line));
}

function inboundRules(options: InterceptionOptions): Rule[] {
  return [
    ...options.excludedInboundPorts.map((port) => ({
      why: 'excluded port',
      match: `-p tcp --dport ${port}`,
      target: 'RETURN',
    })),
    {
      why: 'all else goes through the sidecar',
      match: '-p tcp',
      target: `REDIRECT --to-ports ${options.inboundPort}`,
    },
  ];
}

function outboundRules(family: Family, options: InterceptionOptions): Rule[] {
  return [
    {
      // The sidecar delivers inbound connections this way, and so does a call of
      // a pod to itself by its own address. A call to its own Service has the
      // Service's address, is not on lo, and goes through the sidecar.
      why: 'addresses of the pod itself',
      match: '-o lo',
      target: 'RETURN',
    },
    ...sidecarMatches(family, options.sidecar).map((match) => ({
      why: "the sidecar's own connections, which would loop",
      match,
      target: 'RETURN',
    })),
    ...options.excludedOutboundPorts.map((port) => ({
      why: 'excluded port',
      match: `-p tcp --dport ${port}`,
      target: 'RETURN',
    })),
    ...options.excludedOutboundCidrs
      .filter((cidr) => familyOf(cidr) === family)
      .map((cidr) => ({ why: 'excluded network', match: `-d ${cidr}`, target: 'RETURN' })),
    {
      why: 'all else goes through the sidecar',
      match: '-p tcp',
      target: `REDIRECT --to-ports ${options.outboundPort}`,
    },
  ];
}

function sidecarMatches(family: Family, sidecar: SidecarMatch): string[] {
  if (sidecar.by === 'uid') return [`-m owner --uid-owner ${sidecar.uid}`];
  const addresses = sidecar.addresses.filter((address) => familyOf(address) === family);
  if (addresses.length === 0) {
    throw new MeshError(
      'bad-interception',
      `the sidecar has no ${family} address by which its own connections could be told from the application's: give it one, or leave ${family} alone`,
    );
  }
  return addresses.map((address) => `-s ${address}`);
}

function render(chain: string, rules: readonly Rule[]): string[] {
  return rules.flatMap(({ why, match, target }, index) => {
    const line = `-A ${chain} ${match} -j ${target}`;
    return why === rules[index - 1]?.why ? [line] : [`# ${why}`, line];
  });
}
