import type { ContenderId } from './contenders.ts';
import { controlPlane } from './measure-control-plane.ts';
import { type CpuOptions, cpu } from './measure-cpu.ts';
import { latency } from './measure-latency.ts';
import { memory } from './measure-memory.ts';
import { meshMemory } from './measure-mesh-memory.ts';
import { start } from './measure-start.ts';
import type { Measure } from './measured.ts';
import { LAST_PATH, RULE_HEADER } from './rules.ts';

/** A figure that somebody published, and that is not measured here. */
export interface Published {
  readonly name: string;
  readonly value: number;
}

/** One comparison: a row of the table. */
export interface RowPlan {
  readonly id: string;
  readonly title: string;
  readonly unit: string;
  /** Which of the scenario's quantities. */
  readonly quantity: string;
  readonly peer: ContenderId | Published;
  /** The highest ratio, ours to the peer's, with which the target is met. */
  readonly target: number;
}

/** What is measured together, and the rows that come of it. */
export interface Scenario {
  readonly id: string;
  readonly rows: readonly RowPlan[];
  /** Why the figures do not mean yet what the row says. */
  readonly note?: string;
  /** Undefined: there is nothing to measure yet. */
  readonly measure?: Measure;
  /** Runs by itself: neither origin nor load generator is needed. */
  readonly selfContained?: boolean;
}

type Targets = Readonly<Partial<Record<ContenderId, number>>>;

/** A row for each peer, and for each quantity. */
function rows(
  id: string,
  title: string,
  unit: string,
  targets: Targets,
  quantities: readonly string[] = [''],
): RowPlan[] {
  return quantities.flatMap((quantity) =>
    (Object.entries(targets) as [ContenderId, number][]).map(([peer, target]) => ({
      id: [[id, quantity].filter((part) => part !== '').join('-'), peer].join('.'),
      title: quantity === '' ? title : `${title}, ${quantity}`,
      ...{ unit, quantity, peer, target },
    })),
  );
}

function cpuScenario(
  id: string,
  title: string,
  options: CpuOptions,
  targets: Targets,
  note?: string,
): Scenario {
  return {
    id,
    rows: rows(id, `CPU per ${options.per}, ${title}`, `µs/${options.per}`, targets),
    measure: cpu(options),
    ...(note === undefined ? {} : { note }),
  };
}

const PAIR_TARGETS: Targets = { 'envoy-h1': 0.4, 'envoy-h2': 0.5, haproxy: 0.9 };
const H2C_TARGETS: Targets = { envoy: 0.35, haproxy: 1.2 };
const BULK_TARGETS: Targets = { haproxy: 1.3 };

/** The table. */
export const SCENARIOS: readonly Scenario[] = [
  cpuScenario(
    'plain-h1',
    'plain hop, HTTP/1.1, 32 connections',
    { hop: 'plain', protocol: 'http1', connections: 32, requests: 60_000, per: 'request' },
    { envoy: 0.5, haproxy: 1.4, nginx: 1.4 },
  ),
  ...[32, 128].map((connections) =>
    cpuScenario(
      `mtls-h1-${connections}`,
      `mTLS pair, HTTP/1.1, ${connections} connections`,
      { hop: 'pair', protocol: 'http1', connections, requests: 40_000, per: 'request' },
      PAIR_TARGETS,
    ),
  ),
  cpuScenario(
    'h2c-4x10',
    'plain hop, HTTP/2, 4 × 10 streams',
    {
      hop: 'plain',
      protocol: 'h2c',
      connections: 4,
      streams: 10,
      requests: 60_000,
      per: 'request',
    },
    H2C_TARGETS,
  ),
  cpuScenario(
    'h2c-32x1',
    'plain hop, HTTP/2, 32 × 1 streams',
    {
      hop: 'plain',
      protocol: 'h2c',
      connections: 32,
      streams: 1,
      requests: 30_000,
      per: 'request',
    },
    H2C_TARGETS,
  ),
  cpuScenario(
    'grpc-unary',
    'mTLS pair, gRPC unary, 4 × 10 streams',
    {
      hop: 'pair',
      protocol: 'grpc',
      connections: 4,
      streams: 10,
      requests: 20_000,
      per: 'request',
    },
    { envoy: 0.5 },
  ),
  cpuScenario(
    'bulk-64k',
    'mTLS pair, HTTP/1.1, 64 KiB bodies',
    { hop: 'pair', protocol: 'http1', path: '/64k', connections: 8, requests: 8_000, per: 'MiB' },
    BULK_TARGETS,
  ),
  cpuScenario(
    'bulk-1m',
    'mTLS pair, HTTP/1.1, 1 MiB bodies',
    { hop: 'pair', protocol: 'http1', path: '/1m', connections: 8, requests: 500, per: 'MiB' },
    BULK_TARGETS,
  ),
  cpuScenario(
    'bulk-tcp',
    'mTLS pair, raw TCP, 1 MiB at a time',
    { hop: 'pair', protocol: 'tcp', path: '/1m', connections: 8, requests: 500, per: 'MiB' },
    BULK_TARGETS,
  ),
  cpuScenario(
    'routes-1000',
    'plain hop, HTTP/1.1, the last of 1,000 rules',
    {
      hop: 'plain',
      protocol: 'http1',
      rules: 1_000,
      path: LAST_PATH,
      fields: [`${RULE_HEADER}: another`],
      connections: 32,
      requests: 30_000,
      per: 'request',
    },
    { envoy: 0.5, 'one-rule': 1.15 },
  ),
  {
    id: 'latency',
    rows: rows(
      'latency',
      'added latency, mTLS pair, 1,000 requests/s',
      'µs',
      { 'envoy-h1': 1, 'envoy-h2': 1 },
      ['p50', 'p99'],
    ),
    measure: latency({ requestsPerSecond: 1_000, connections: 32, durationMs: 4_000 }),
  },
  ...[
    { id: 'memory', title: 'PSS of a sidecar', services: 1, used: 1 },
    { id: 'memory-1000', title: 'PSS, 1,000 services of which 10 used', services: 1_000, used: 10 },
  ].map(({ id, title, services, used }) => ({
    id,
    rows: rows(id, title, 'MiB', { envoy: 1 }, ['idle', 'after']),
    measure: memory({ services, used }),
  })),
  {
    id: 'memory-mesh',
    rows: rows(
      'memory-mesh',
      'PSS in a mesh of 1,000 services × 10 endpoints, 10 services used',
      'MiB',
      { envoy: 1 },
      ['idle', 'after'],
    ),
    measure: meshMemory({ services: 1_000, used: 10 }),
  },
  {
    id: 'start',
    rows: rows('start', 'start to first proxied request', 'ms', { envoy: 1.5 }),
    measure: start(),
  },
  cpuScenario(
    'threads-2',
    'two threads each, plain hop, HTTP/1.1, 32 connections',
    {
      hop: 'plain',
      protocol: 'http1',
      threads: 2,
      connections: 32,
      requests: 40_000,
      per: 'request',
    },
    { envoy: 0.5 },
  ),
  {
    id: 'control-plane',
    selfContained: true,
    // Published are 0.75 MB and 330 certificates a second; the targets are 60 KiB,
    // 250 ms and 2,000 a second.
    rows: [
      {
        id: 'control-plane-memory',
        title: 'control plane, memory per connected sidecar',
        ...{ unit: 'KiB', quantity: 'memory', target: 60 / 732 },
        peer: { name: 'istiod (published)', value: 732 },
      },
      {
        id: 'control-plane-change',
        title: 'endpoint change to last acknowledgement, worst of 20',
        ...{ unit: 'ms', quantity: 'change', target: 2.5 },
        peer: { name: 'istiod (debounce alone)', value: 100 },
      },
      {
        id: 'control-plane-certificates',
        title: 'CPU per certificate issued',
        ...{ unit: 'µs', quantity: 'certificate', target: 330 / 2_000 },
        peer: { name: 'Consul (published)', value: 1e6 / 330 },
      },
    ],
    measure: controlPlane({ sidecars: 1_000, services: 1_000 }),
  },
];

/**
 * What `--only` means: a row, a scenario, or a row without its peer. The rest of
 * each scenario is left out.
 *
 * @throws Error when there is no such thing, naming what there is
 */
export function selectScenarios(scenarios: readonly Scenario[], only?: string): Scenario[] {
  if (only === undefined) return [...scenarios];
  const selected = scenarios.flatMap((scenario) => {
    const chosen = scenario.rows.filter(
      ({ id }) => scenario.id === only || id === only || id.startsWith(`${only}.`),
    );
    return chosen.length === 0 ? [] : [{ ...scenario, rows: chosen }];
  });
  if (selected.length === 0) {
    const ids = scenarios.map(({ id }) => id).join(', ');
    throw new Error(`there is no "${only}"; there are ${ids}, and the rows that --list shows`);
  }
  return selected;
}
