import type { EdgeRates } from '../../control-plane/telemetry/aggregate.ts';
import { type Column, renderTable } from './table.ts';

const COLUMNS: readonly Column[] = [
  { title: 'FROM', align: 'left' },
  { title: 'TO', align: 'left' },
  { title: 'SERVICE', align: 'left' },
  { title: 'MTLS', align: 'left' },
  { title: 'REQ/S', align: 'right' },
  { title: 'SUCCESS', align: 'right' },
  { title: 'P50', align: 'right' },
  { title: 'P99', align: 'right' },
  { title: 'RETRIES/S', align: 'right' },
];

/** Who calls whom, as lines. Pure. */
export function renderTraffic(edges: readonly EdgeRates[]): string[] {
  const rows = [...edges]
    .sort((a, b) => compare(party(a.source), party(b.source)) || compare(target(a), target(b)))
    .map((edge) => [
      party(edge.source),
      // A call that found no pod has a service, and nobody who answered.
      isKnown(edge.destination) || edge.service === '' ? party(edge.destination) : '-',
      edge.service,
      edge.mutualTls ? 'yes' : 'no',
      edge.protocol === 'http'
        ? edge.requestsPerSecond.toFixed(1)
        : `${edge.connectionsPerSecond.toFixed(1)} conn`,
      edge.successRate === null ? '-' : percent(edge.successRate),
      milliseconds(edge.p50Ms),
      milliseconds(edge.p99Ms),
      edge.retriesPerSecond === 0 ? '-' : edge.retriesPerSecond.toFixed(1),
    ]);
  return renderTable(COLUMNS, rows);
}

/** The shares of a route's requests by who got them. */
export interface RouteShares {
  /** `HTTPRoute shop/stock` */
  readonly route: string;
  readonly shares: readonly { readonly destination: string; readonly share: number }[];
}

const BAR_WIDTH = 20;

/** Routes with the share that each workload gets of their requests. Pure. */
export function routeShares(edges: readonly EdgeRates[]): RouteShares[] {
  const routes = new Map<string, Map<string, number>>();
  for (const edge of edges) {
    if (edge.route === '' || edge.requestsPerSecond === 0) continue;
    const [kind, namespace, name] = edge.route.split('/');
    const route = `${kind} ${namespace}/${name}`;
    const destinations = routes.get(route) ?? new Map<string, number>();
    routes.set(route, destinations);
    const destination = edge.destination.workload;
    destinations.set(destination, (destinations.get(destination) ?? 0) + edge.requestsPerSecond);
  }
  return [...routes]
    .sort(([a], [b]) => compare(a, b))
    .map(([route, destinations]) => {
      const total = [...destinations.values()].reduce((sum, rate) => sum + rate, 0);
      const shares = [...destinations]
        .sort(([a], [b]) => compare(a, b))
        .map(([destination, rate]) => ({ destination, share: rate / total }));
      return { route, shares };
    });
}

/** The shares with a bar each. Pure. */
export function renderShares(edges: readonly EdgeRates[]): string[] {
  return routeShares(edges).flatMap(({ route, shares }) => {
    const width = Math.max(...shares.map(({ destination }) => destination.length));
    return shares.map(({ destination, share }, index) => {
      const filled = Math.round(share * BAR_WIDTH);
      const bar = '█'.repeat(filled) + '░'.repeat(BAR_WIDTH - filled);
      const title = index === 0 ? route : ' '.repeat(route.length);
      return `${title}  ${destination.padEnd(width)}  ${bar} ${percent(share)}`;
    });
  });
}

/** `shop/orders`; what is not in the mesh has no name. */
function party(side: EdgeRates['source']): string {
  return isKnown(side) ? `${side.namespace}/${side.workload}` : 'outside the mesh';
}

function isKnown({ workload }: EdgeRates['source']): boolean {
  return workload !== '' && workload !== 'unknown';
}

function target(edge: EdgeRates): string {
  return `${party(edge.destination)} ${edge.service} ${edge.route}`;
}

function percent(share: number): string {
  // 99.96 % is not all of it.
  const rounded = share === 1 ? 100 : Math.min(99.9, Math.round(share * 1000) / 10);
  return `${rounded.toFixed(1)} %`;
}

function milliseconds(value: number | null): string {
  if (value === null) return '-';
  return value < 10 ? `${value.toFixed(1)} ms` : `${Math.round(value)} ms`;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
