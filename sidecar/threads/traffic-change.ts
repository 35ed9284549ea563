import { type ConnectionLabels, Counters, type RequestLabels } from '../telemetry/counters.ts';
import type { Series } from '../telemetry/series.ts';

/** Rows whose numbers grew, with how much. */
type Growth<Labels> = readonly (readonly [labels: Labels, amounts: Float64Array])[];

type ReasonLabels = { readonly service: string; readonly reason: string };

/** What one thread counted since it told last. */
export interface TrafficChange {
  readonly requests: Growth<RequestLabels>;
  readonly connections: Growth<ConnectionLabels>;
  readonly retries: Growth<ReasonLabels>;
  readonly hedges: Growth<ReasonLabels>;
  readonly limitRefusals: Growth<ReasonLabels>;
  readonly faults: Growth<ReasonLabels>;
  readonly storeFailures: Growth<ReasonLabels>;
  readonly refusals: Growth<ReasonLabels>;
}

/** Reads the counters of a thread again and again, and tells what was added since the last time. */
export class TrafficReader {
  readonly #growth: { readonly [Table in keyof TrafficChange]: () => TrafficChange[Table] };

  constructor(counters: Counters) {
    this.#growth = {
      requests: growthOf(counters.requests),
      connections: growthOf(counters.connections),
      retries: growthOf(counters.retries),
      hedges: growthOf(counters.hedges),
      limitRefusals: growthOf(counters.limitRefusals),
      faults: growthOf(counters.faults),
      storeFailures: growthOf(counters.storeFailures),
      refusals: growthOf(counters.refusals),
    };
  }

  /** Undefined when nothing happened. */
  read(): TrafficChange | undefined {
    const change = {
      requests: this.#growth.requests(),
      connections: this.#growth.connections(),
      retries: this.#growth.retries(),
      hedges: this.#growth.hedges(),
      limitRefusals: this.#growth.limitRefusals(),
      faults: this.#growth.faults(),
      storeFailures: this.#growth.storeFailures(),
      refusals: this.#growth.refusals(),
    };
    return Object.values(change).every(({ length }) => length === 0) ? undefined : change;
  }
}

/** Adds what another thread counted to the counters that are told to the outside. */
export function addTraffic(counters: Counters, change: TrafficChange): void {
  for (const [labels, amounts] of change.requests) counters.addRequests(labels, amounts);
  for (const [labels, amounts] of change.connections) counters.addConnections(labels, amounts);
  for (const [{ service, reason }, amounts] of change.retries) {
    counters.retried(service, reason, amounts[0]);
  }
  for (const [{ service, reason }, amounts] of change.hedges) {
    counters.hedged(service, reason, amounts[0]);
  }
  for (const [{ service, reason }, amounts] of change.limitRefusals) {
    counters.limitReached(service, reason, amounts[0]);
  }
  for (const [{ service, reason }, amounts] of change.faults) {
    counters.faultInjected(service, reason, amounts[0]);
  }
  for (const [{ service, reason }, amounts] of change.storeFailures) {
    counters.rateLimitStoreFailed(service, reason, amounts[0]);
  }
  for (const [{ service, reason }, amounts] of change.refusals) {
    counters.refused(service, reason, amounts[0]);
  }
}

/** Counters of a thread whose ejections are known in the main thread at once. */
export class ThreadCounters extends Counters {
  readonly #tell: (change: EndpointChange) => void;

  constructor(tell: (change: EndpointChange) => void) {
    super();
    this.#tell = tell;
  }

  override ejected(service: string, endpoint: string): void {
    this.#tell({ kind: 'ejected', service, endpoint });
  }

  override restored(service: string, endpoint: string): void {
    this.#tell({ kind: 'restored', service, endpoint });
  }
}

export interface EndpointChange {
  readonly kind: 'ejected' | 'restored';
  readonly service: string;
  readonly endpoint: string;
}

/** Tells at each call what was added since the one before. */
function growthOf<Labels>(series: Series<Labels>): () => Growth<Labels> {
  const told = series.reading();
  return () => {
    const grown = growth(series, told.values);
    told.values = series.snapshot();
    return grown;
  };
}

function growth<Labels>(series: Series<Labels>, told: Float64Array): Growth<Labels> {
  const { columns, values } = series;
  const grown: [Labels, Float64Array][] = [];
  series.labels.forEach((labels, row) => {
    const base = row * columns;
    const amounts = new Float64Array(columns);
    let some = false;
    for (let i = 0; i < columns; i++) {
      amounts[i] = (values[base + i] ?? 0) - (told[base + i] ?? 0);
      if (amounts[i] !== 0) some = true;
    }
    if (some) grown.push([labels, amounts]);
  });
  return grown;
}
