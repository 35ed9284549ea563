/** How a sidecar carries a connection: request by request, or as bytes. */
export type Carriage = 'HTTP' | 'TCP';

/** What `remora_connections_opened_total` says of one sort of connections. */
export interface Carried {
  /** `<namespace>/<name>`; empty on the server's side. */
  readonly service: string;
  readonly direction: 'outbound' | 'inbound';
  readonly carriage: Carriage;
  readonly mutualTls: boolean;
  readonly connections: number;
}

const CARRIAGES: Readonly<Record<string, Carriage>> = {
  http: 'HTTP',
  tcp: 'TCP',
};

/** A sample of Prometheus' text format. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Reads the samples of a scrape. Label values hold neither quotes nor line ends here. */
export function parseMetrics(text: string): Sample[] {
  return text.split('\n').flatMap((line) => {
    const match = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (match === null || line.startsWith('#')) return [];
    const [, name = '', labels = '', value] = match;
    const pairs = [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, key = '', text = '']) => [
      key,
      text,
    ]);
    return [{ name, labels: Object.fromEntries(pairs), value: Number(value) }];
  });
}

/**
 * The connections that a sidecar has counted.
 *
 * @throws Error on a protocol that this suite does not know
 */
export function readCarried(metrics: string): Carried[] {
  return parseMetrics(metrics)
    .filter(({ name, value }) => name === 'remora_connections_opened_total' && value > 0)
    .map(({ labels, value }) => {
      const carriage = CARRIAGES[labels.protocol ?? ''];
      if (carriage === undefined) throw new Error(`carried as what? ${JSON.stringify(labels)}`);
      return {
        service: labels.service ?? '',
        direction: labels.direction === 'inbound' ? 'inbound' : 'outbound',
        carriage,
        mutualTls: labels.mutual_tls === 'true',
        connections: value,
      };
    });
}
