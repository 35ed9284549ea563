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
  readonly #counters: Counters;
  readonly #told = {
    requests: NOTHING,
    connections: NOTHING,
    retries: NOTHING,
    hedges: NOTHING,
    limitRefusals: NOTHING,
    faults: NOTHING,
    storeFailures: NOTHING,
    refusals: NOTHING,
  };

  constructor(counters: Counters) {
    this.#counters = counters;
  }

  /** Undefined when nothing happened. */
  read(): TrafficChange | undefined {
    const {
      requests,
      connections,
      retries,
      hedges,
      limitRefusals,
      faults,
      storeFailures,
      refusals,
    } = this.#counters;
    const change = {
      requests: growth(requests, this.#told.requests),
      connections: growth(connections, this.#told.connections),
      retries: growth(retries, this.#told.retries),
      hedges: growth(hedges, this.#told.hedges),
      limitRefusals: growth(limitRefusals, this.#told.limitRefusals),
      faults: growth(faults, this.#told.faults),
      storeFailures: growth(storeFailures, this.#told.storeFailures),
      refusals: growth(refusals, this.#told.refusals),
    };
    this.#told.requests = requests.snapshot();
    this.#told.connections = connections.snapshot();
    this.#told.retries = retries.snapshot();
    this.#told.hedges = hedges.snapshot();
    this.#told.limitRefusals = limitRefusals.snapshot();
    this.#told.faults = faults.snapshot();
    this.#told.storeFailures = storeFailures.snapshot();
    this.#told.refusals = refusals.snapshot();
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

const NOTHING: Float64Array = new Float64Array(0);

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
