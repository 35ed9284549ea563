import type { TrafficReport } from '../../proto/gen/remora/v1/TrafficReport.ts';
import { v1 } from '../../proto/load.ts';
import type { Backoff } from '../../runtime/backoff.ts';
import { type Clock, systemClock, type Timer } from '../../runtime/clock.ts';
import type { Component } from '../../runtime/component.ts';
import type { ControlPlaneConnection } from '../../runtime/identity/control-plane-connection.ts';
import { ControlPlaneStream } from '../../runtime/identity/control-plane-stream.ts';
import type { Log } from '../../runtime/log.ts';
import type { Counters } from './counters.ts';
import { EdgeReader } from './edges.ts';

const REPORT_EVERY_MS = 1000;

export interface TrafficReporterOptions {
  readonly connection: ControlPlaneConnection;
  readonly counters: Counters;
  readonly log: Log;
  readonly clock?: Clock;
  readonly backoff?: Backoff;
  /** One second, but for tests. */
  readonly intervalMs?: number;
}

/**
 * Tells the control plane once a second what traffic there was. While it cannot
 * be told the counters go on, and the first report afterwards carries it all.
 */
export class TrafficReporter implements Component {
  readonly name = 'traffic reports';
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #edges: EdgeReader;
  readonly #stream: ControlPlaneStream<TrafficReport>;
  #timer: Timer | undefined;

  constructor(options: TrafficReporterOptions) {
    const { connection, counters, log } = options;
    this.#clock = options.clock ?? systemClock;
    this.#intervalMs = options.intervalMs ?? REPORT_EVERY_MS;
    this.#edges = new EdgeReader(counters);
    this.#stream = new ControlPlaneStream<TrafficReport>({
      carries: 'traffic reports',
      connection,
      open: async () => {
        const { client, metadata } = await connection.open(v1.Telemetry);
        return client.report(metadata, () => {});
      },
      onOpen: () => {},
      log,
      clock: this.#clock,
      ...(options.backoff === undefined ? {} : { backoff: options.backoff }),
    });
  }

  start(): void {
    this.#stream.start();
    this.#arm();
  }

  async stop(signal?: AbortSignal): Promise<void> {
    this.#timer?.cancel();
    this.#report();
    await this.#stream.stop(signal);
  }

  #arm(): void {
    this.#timer = this.#clock.setTimeout(() => {
      this.#report();
      this.#arm();
    }, this.#intervalMs);
  }

  #report(): void {
    if (!this.#stream.reachable || this.#stream.congested) return;
    const edges = this.#edges.read();
    if (edges.length > 0) this.#stream.write({ edges });
  }
}
