import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

const PREFIX = 'remora_control_plane_';

/** What the control plane counts about itself. */
export interface ControlPlaneMetrics {
  readonly registry: Registry;
  readonly pushes: Counter;
  readonly pushBytes: Counter;
  /** From the change, or the sidecar's question, to its acknowledgement. */
  readonly pushLatency: Histogram;
  readonly refusals: Counter;
  readonly streams: Gauge<'service'>;
  /** Streams that ended with an error of ours, by its code. */
  readonly streamErrors: Counter<'service' | 'code'>;
  readonly certificates: Counter;
  readonly leaderChanges: Counter;
  readonly reportsDropped: Counter<'reason'>;
  /** A gauge whose value is asked for at each scrape. */
  observe(name: string, help: string, value: () => number): void;
}

export function createMetrics(): ControlPlaneMetrics {
  const registry = new Registry();
  const registers = [registry];
  const counter = (name: string, help: string) =>
    new Counter({ name: PREFIX + name, help, registers });
  collectDefaultMetrics({ register: registry });
  return {
    registry,
    pushes: counter('pushes_total', 'Configuration pushes to sidecars.'),
    pushBytes: counter('push_bytes_total', 'Bytes of configuration pushed to sidecars.'),
    pushLatency: new Histogram({
      name: `${PREFIX}push_latency_seconds`,
      help: "From a change, or a sidecar's question, to its acknowledgement.",
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
      registers,
    }),
    refusals: counter('refusals_total', 'Pushes that a sidecar refused.'),
    streams: new Gauge({
      name: `${PREFIX}streams`,
      help: 'Open streams by service.',
      labelNames: ['service'],
      registers,
    }),
    streamErrors: new Counter({
      name: `${PREFIX}stream_errors_total`,
      help: 'Streams that the control plane ended with an error.',
      labelNames: ['service', 'code'],
      registers,
    }),
    certificates: counter('certificates_issued_total', 'Certificates issued to sidecars.'),
    leaderChanges: counter('leader_changes_total', 'Leaders elected.'),
    reportsDropped: new Counter({
      name: `${PREFIX}reported_edges_dropped_total`,
      help: 'Edges of traffic reports that were not counted.',
      labelNames: ['reason'],
      registers,
    }),
    observe(name, help, value) {
      new Gauge({
        name: PREFIX + name,
        help,
        registers,
        collect() {
          this.set(value());
        },
      });
    },
  };
}
