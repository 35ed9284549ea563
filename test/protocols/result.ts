import type { Carriage, Carried } from './carriage.ts';
import type { Suite } from './suite.ts';

export interface CheckResult {
  readonly name: string;
  /** Undefined when it went well. */
  readonly error: string | undefined;
}

/** A row of the table, as it is written as JSON. */
export interface Result {
  readonly name: string;
  readonly title: string;
  readonly checks: readonly CheckResult[];
  /** Connections by mutual TLS and in all, as the client's sidecar has counted them. */
  readonly mutualTls: { readonly connections: number; readonly of: number };
  /** By service. */
  readonly carriage: Readonly<Record<string, readonly Carriage[]>>;
  /** Why it did not run. */
  readonly missing?: string;
}

/** What is wrong with how the sidecars at both ends have carried a suite's connections. */
export function judgeCarriage(
  suite: Suite,
  client: readonly Carried[],
  servers: readonly Carried[],
): string[] {
  const inbound = servers.filter(({ direction }) => direction === 'inbound');
  const plain = sum(inbound.filter(({ mutualTls }) => !mutualTls));
  return [
    ...judgeClient(suite, client),
    ...(inbound.length === 0 ? ['the sidecars of the servers have seen nothing'] : []),
    ...(plain === 0 ? [] : [`${plain} connections came to the servers in plain text`]),
  ];
}

function judgeClient(suite: Suite, client: readonly Carried[]): string[] {
  return Object.entries(suite.services).flatMap(([service, allowed]) => {
    const own = carriedTo(service, client);
    if (own.length === 0) return [`${service}: the sidecar has carried nothing`];
    return own.flatMap(({ carriage, mutualTls }) => [
      ...(allowed.includes(carriage) ? [] : [`${service}: carried as ${carriage}`]),
      ...(mutualTls ? [] : [`${service}: in plain text`]),
    ]);
  });
}

/** @param missing why it did not run */
export function resultOf(
  suite: Suite,
  checks: readonly CheckResult[],
  client: readonly Carried[],
  missing?: string,
): Result {
  const services = Object.keys(suite.services);
  const own = services.flatMap((service) => carriedTo(service, client));
  return {
    name: suite.name,
    title: suite.title,
    checks,
    mutualTls: {
      connections: sum(own.filter(({ mutualTls }) => mutualTls)),
      of: sum(own),
    },
    carriage: Object.fromEntries(
      services.map((service) => [
        service,
        [...new Set(carriedTo(service, client).map(({ carriage }) => carriage))].sort(),
      ]),
    ),
    ...(missing === undefined ? {} : { missing }),
  };
}

function carriedTo(service: string, client: readonly Carried[]): Carried[] {
  return client.filter(
    (one) => one.direction === 'outbound' && one.service.endsWith(`/${service}`),
  );
}

function sum(carried: readonly Carried[]): number {
  return carried.reduce((total, { connections }) => total + connections, 0);
}
