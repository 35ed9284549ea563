import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** What the injector counts. */
export interface InjectorMetrics {
  readonly registry: Registry;
  readonly admissions: Counter<'action' | 'reason'>;
  /** From the last byte of the request to the answer. */
  readonly latency: Histogram<'action'>;
}

/** @param state asked at each scrape. */
export function createMetrics(state: {
  certificateExpirySeconds(): number;
  caBundleInPlace(): boolean;
}): InjectorMetrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  new Gauge({
    name: 'remora_injector_certificate_expiry_timestamp_seconds',
    help: 'When the serving certificate ends, in seconds since the epoch; 0 while there is none.',
    registers,
    collect() {
      this.set(state.certificateExpirySeconds());
    },
  });
  new Gauge({
    name: 'remora_injector_ca_bundle_in_place',
    help: "1 when the webhook's caBundle holds the roots of the mesh.",
    registers,
    collect() {
      this.set(state.caBundleInPlace() ? 1 : 0);
    },
  });
  return {
    registry,
    admissions: new Counter({
      name: 'remora_injector_admissions_total',
      help: 'Admission requests by what was decided, and why.',
      labelNames: ['action', 'reason'],
      registers,
    }),
    latency: new Histogram({
      name: 'remora_injector_admission_duration_seconds',
      help: 'Time to answer an admission request.',
      labelNames: ['action'],
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1],
      registers,
    }),
  };
}
