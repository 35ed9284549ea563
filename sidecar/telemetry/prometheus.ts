import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import {
  CONNECTION,
  type Counters,
  DURATION_BOUNDS_MS,
  REQUEST,
  type RequestLabels,
} from './counters.ts';
import {
  CONNECTION_LABELS,
  connectionLabels,
  REQUEST_LABELS,
  requestLabels,
} from './metric-labels.ts';
import type { Direction } from './types.ts';

/** What the metrics tell besides traffic; asked at each scrape. */
export interface SidecarFacts {
  readonly release: string;
  /** Undefined without a certificate. */
  certificateNotAfterMs(): number | undefined;
  /** Empty before the first configuration. */
  configVersion(): string;
  /** How long ago the configuration was known to be the newest. */
  configAgeMs(): number | undefined;
  configRefusals(): number;
  /** Of the log and the access log, because nobody read them. */
  logLinesDropped(): number;
  /** Undefined when there is none to be connected to. */
  controlPlaneConnected(): boolean | undefined;
}

/**
 * A registry that reads our tables when it is scraped: between two scrapes it
 * costs nothing. The names are documented in docs/metrics.md.
 */
export function createRegistry(counters: Counters, facts: SidecarFacts): Registry {
  const registry = new Registry();
  addRequests(registry, counters);
  addConnections(registry, counters);
  addResilience(registry, counters);
  addFacts(registry, facts);
  return registry;
}

function addRequests(registry: Registry, counters: Counters): void {
  registry.registerMetric(
    new DurationHistogram('http_server_request_duration_seconds', 'inbound', counters),
  );
  registry.registerMetric(
    new DurationHistogram('http_client_request_duration_seconds', 'outbound', counters),
  );
  const { requests } = counters;
  for (const [name, help, column] of [
    [
      'remora_http_request_bytes_total',
      'Bytes of requests, heads and bodies',
      REQUEST.requestBytes,
    ],
    [
      'remora_http_response_bytes_total',
      'Bytes of responses, heads and bodies',
      REQUEST.responseBytes,
    ],
  ] as const) {
    new Counter({
      name,
      help,
      labelNames: ['direction', ...REQUEST_LABELS],
      registers: [registry],
      collect() {
        this.reset();
        requests.labels.forEach((labels, row) => {
          const { direction } = labels;
          this.inc({ direction, ...requestLabels(labels) }, requests.at(row, column));
        });
      },
    });
  }
}

function addConnections(registry: Registry, counters: Counters): void {
  const { connections } = counters;
  for (const [name, help, column] of [
    ['remora_connections_opened_total', 'Connections opened', CONNECTION.opened],
    [
      'remora_connection_sent_bytes_total',
      'Bytes from source to destination',
      CONNECTION.bytesSent,
    ],
    [
      'remora_connection_received_bytes_total',
      'Bytes from destination to source',
      CONNECTION.bytesReceived,
    ],
  ] as const) {
    new Counter({
      name,
      help: `${help}, by connection`,
      labelNames: CONNECTION_LABELS,
      registers: [registry],
      collect() {
        this.reset();
        connections.labels.forEach((labels, row) => {
          this.inc(connectionLabels(labels), connections.at(row, column));
        });
      },
    });
  }
  new Gauge({
    name: 'remora_connections_active',
    help: 'Connections open now',
    labelNames: CONNECTION_LABELS,
    registers: [registry],
    collect() {
      this.reset();
      connections.labels.forEach((labels, row) => {
        this.set(connectionLabels(labels), connections.at(row, CONNECTION.active));
      });
    },
  });
}

function addResilience(registry: Registry, counters: Counters): void {
  const { retries, hedges, limitRefusals, refusals, faults, storeFailures } = counters;
  for (const [name, help, series, what] of [
    ['remora_retries_total', 'Requests that were tried again, by reason', retries, 'service'],
    [
      'remora_hedges_total',
      'Second tries beside the first, by what became of them',
      hedges,
      'service',
    ],
    [
      'remora_limit_refusals_total',
      'Requests and connections that were refused because a limit was reached, by reason',
      limitRefusals,
      'service',
    ],
    [
      'remora_refusals_total',
      'Connections and requests that a rule refused, by destination and reason',
      refusals,
      'destination',
    ],
    [
      'remora_faults_injected_total',
      'Faults that were done to requests on purpose: delay, abort, bandwidth',
      faults,
      'service',
    ],
    [
      'remora_rate_limit_store_failures_total',
      'Requests for which the store of rate limits gave no answer, by reason',
      storeFailures,
      'service',
    ],
  ] as const) {
    new Counter({
      name,
      help,
      labelNames: [what, 'reason'],
      registers: [registry],
      collect() {
        this.reset();
        series.labels.forEach((labels, row) => {
          this.inc({ [what]: labels.service, reason: labels.reason }, series.at(row, 0));
        });
      },
    });
  }
  new Counter({
    name: 'remora_ejections_total',
    help: 'Endpoints that were taken out of the balancer',
    labelNames: ['service'],
    registers: [registry],
    collect() {
      this.reset();
      counters.ejections.labels.forEach((labels, row) => {
        this.inc({ ...labels }, counters.ejections.at(row, 0));
      });
    },
  });
  new Gauge({
    name: 'remora_ejected_endpoints',
    help: 'Endpoints that are out of the balancer now',
    labelNames: ['service'],
    registers: [registry],
    collect() {
      this.reset();
      for (const [service, count] of counters.ejectedEndpoints()) this.set({ service }, count);
    },
  });
}

function addFacts(registry: Registry, facts: SidecarFacts): void {
  const gauge = (name: string, help: string, value: () => number | undefined): void => {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        const now = value();
        if (now === undefined) this.remove();
        else this.set(now);
      },
    });
  };
  gauge(
    'remora_certificate_expiry_timestamp_seconds',
    'When the certificate in use ends, in seconds since the epoch',
    () => seconds(facts.certificateNotAfterMs()),
  );
  gauge(
    'remora_config_age_seconds',
    'Time since the configuration was known to be the newest; 0 while connected',
    () => seconds(facts.configAgeMs()),
  );
  gauge('remora_control_plane_connected', 'Whether the control plane answers: 1 or 0', () => {
    const connected = facts.controlPlaneConnected();
    return connected === undefined ? undefined : Number(connected);
  });
  new Counter({
    name: 'remora_config_refused_total',
    help: 'Configurations that were refused; the one before stayed in force',
    registers: [registry],
    collect() {
      this.reset();
      this.inc(facts.configRefusals());
    },
  });
  new Counter({
    name: 'remora_log_lines_dropped_total',
    help: 'Lines of logs that were dropped, because standard output is not read',
    registers: [registry],
    collect() {
      this.reset();
      this.inc(facts.logLinesDropped());
    },
  });
  new Gauge({
    name: 'remora_config_info',
    help: 'The configuration in force, as a label',
    labelNames: ['version'],
    registers: [registry],
    collect() {
      this.reset();
      const version = facts.configVersion();
      if (version !== '') this.set({ version }, 1);
    },
  });
  new Gauge({
    name: 'remora_build_info',
    help: 'The release of the sidecar and of Node.js, as labels',
    labelNames: ['version', 'node_version'],
    registers: [registry],
  }).set({ version: facts.release, node_version: process.version }, 1);
  new Gauge({
    name: 'process_resident_memory_bytes',
    help: 'Resident memory of the sidecar',
    registers: [registry],
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
  new Gauge({
    name: 'nodejs_heap_size_used_bytes',
    help: "Of the sidecar's heap, what holds objects, some of them garbage already",
    registers: [registry],
    collect() {
      this.set(process.memoryUsage().heapUsed);
    },
  });
  new Counter({
    name: 'process_cpu_seconds_total',
    help: 'Processor time of the sidecar',
    registers: [registry],
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((user + system) / 1e6);
    },
  });
}

/** prom-client's histogram takes observations one by one; ours are counted already. */
class DurationHistogram extends Histogram<string> {
  readonly #title: string;
  readonly #help: string;
  readonly #direction: Direction;
  readonly #counters: Counters;

  constructor(name: string, direction: Direction, counters: Counters) {
    const side = direction === 'inbound' ? 'served' : 'made';
    const help = `Duration of the HTTP requests that this pod ${side}, in seconds`;
    super({ name, help, labelNames: REQUEST_LABELS, registers: [] });
    this.#title = name;
    this.#help = help;
    this.#direction = direction;
    this.#counters = counters;
  }

  override async get(): ReturnType<Histogram<string>['get']> {
    const { requests } = this.#counters;
    const values = requests.labels.flatMap((labels, row) =>
      labels.direction === this.#direction ? this.#rows(labels, row) : [],
    );
    return {
      name: this.#title,
      help: this.#help,
      type: 'histogram' as never,
      values,
      aggregator: 'sum',
      collect: () => {},
    };
  }

  /** What the registry calls first. */
  getForPromString(): ReturnType<Histogram<string>['get']> {
    return this.get();
  }

  #rows(
    labels: RequestLabels,
    row: number,
  ): { metricName: string; labels: Record<string, string | number>; value: number }[] {
    const { requests } = this.#counters;
    const shared = requestLabels(labels);
    const metricName = `${this.#title}_bucket`;
    let below = 0;
    const buckets = DURATION_BOUNDS_MS.map((boundMs, i) => {
      below += requests.at(row, REQUEST.buckets + i);
      return { metricName, labels: { ...shared, le: boundMs / 1000 }, value: below };
    });
    const count = requests.at(row, REQUEST.count);
    const sum = requests.at(row, REQUEST.durationMs) / 1000;
    return [
      ...buckets,
      { metricName, labels: { ...shared, le: '+Inf' }, value: count },
      { metricName: `${this.#title}_sum`, labels: shared, value: sum },
      { metricName: `${this.#title}_count`, labels: shared, value: count },
    ];
  }
}

function seconds(milliseconds: number | undefined): number | undefined {
  return milliseconds === undefined ? undefined : milliseconds / 1000;
}
