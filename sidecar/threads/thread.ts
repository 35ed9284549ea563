import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../../runtime/clock.ts';
import type { Component } from '../../runtime/component.ts';
import { describeError, MeshError } from '../../runtime/errors.ts';
import { LineWriter } from '../../runtime/line-writer.ts';
import { createLog, type Log, linesTo } from '../../runtime/log.ts';
import { ConfigStore } from '../config/store.ts';
import { createDataPath, type DataPath, firstConfiguration } from '../data-path.ts';
import { CertificateSource } from '../identity/certificate-source.ts';
import type { Source } from '../source.ts';
import { IdleSeries } from '../telemetry/idle-series.ts';
import { applyConfigChange } from './config-change.ts';
import { LinesToMain } from './lines.ts';
import type { FromThread, ThreadPart, ThreadStart, ToThread } from './messages.ts';
import { ThreadCounters, TrafficReader } from './traffic-change.ts';

/** How often the main thread hears what was counted here. */
const TELL_EVERY_MS = 500;

/**
 * A further thread of a sidecar: a whole data path of its own, on the same
 * ports. Configuration and certificate come from the main thread; what it counts
 * goes there.
 */
export async function serveThread(): Promise<void> {
  if (parentPort === null) throw new Error('this is no thread of a sidecar');
  await new Thread(parentPort, workerData as ThreadStart).serve();
}

class Thread {
  readonly #port: MessagePort;
  readonly #lines = new LinesToMain((lines) => this.#tellLines(lines));
  readonly #output = new LineWriter(this.#lines);
  #toldDropped = 0;
  readonly #log: Log;
  readonly #store = new ConfigStore();
  readonly #certificates = new CertificateSource();
  readonly #traffic: TrafficReader;
  readonly #dataPath: DataPath;
  readonly #first: Component;
  readonly #idleSeries: IdleSeries;
  readonly #starting = new AbortController();
  #stopping: AbortController | undefined;

  constructor(port: MessagePort, start: ThreadStart) {
    this.#port = port;
    const log = createLog('sidecar', start.environment.logLevel, linesTo(this.#output));
    this.#log = log.child({ thread: start.thread });
    const counters = new ThreadCounters((change) => this.#tell({ kind: 'endpoint', change }));
    this.#traffic = new TrafficReader(counters);
    this.#idleSeries = new IdleSeries(counters, systemClock);
    this.#store.subscribeWith(
      (wanted) => this.#tell({ kind: 'wanted', wanted }),
      // The main thread keeps its own list, within its own limit.
      () => {},
    );
    const source: Source = {
      ...start,
      store: this.#store,
      certificates: this.#certificates,
      components: [],
      patterns: [],
      facts: {
        configAgeMs: () => undefined,
        configRefusals: () => 0,
        controlPlaneConnected: () => undefined,
      },
    };
    const { environment } = start;
    this.#dataPath = createDataPath(source, environment, counters, this.#log, this.#output);
    this.#first = firstConfiguration(source);
  }

  async serve(): Promise<void> {
    this.#port.on('message', (message: ToThread) => void this.#onMessage(message));
    setInterval(() => this.#tellTraffic(), TELL_EVERY_MS).unref();
    const { outbound, inbound } = this.#dataPath;
    try {
      for (const component of [this.#idleSeries, this.#first, ...outbound, inbound]) {
        await component.start(this.#starting.signal);
      }
      this.#tell({ kind: 'serving' });
    } catch (error) {
      const code = error instanceof MeshError ? error.code : 'thread-failed';
      this.#tell({ kind: 'failed', code, sentence: describeError(error) });
    }
  }

  async #onMessage(message: ToThread): Promise<void> {
    switch (message.kind) {
      case 'config':
        this.#store.replace(applyConfigChange(this.#store.current, message.change));
        break;
      case 'certificate':
        this.#certificates.replace(message.certificate);
        break;
      case 'log-level':
        this.#log.level = message.level;
        break;
      case 'lines-taken':
        this.#lines.taken();
        break;
      case 'describe':
        this.#tell({ kind: 'described', clusters: this.#dataPath.clusters.describe() });
        break;
      case 'stop':
        await this.#stop(message.part);
        break;
      case 'cut':
        this.#stopping?.abort(new Error('patience has ended'));
        break;
    }
  }

  async #stop(part: ThreadPart): Promise<void> {
    this.#starting.abort();
    this.#stopping = new AbortController();
    const { outbound, inbound } = this.#dataPath;
    for (const component of part === 'inbound' ? [inbound] : [...outbound].reverse()) {
      try {
        await component.stop?.(this.#stopping.signal);
      } catch (error) {
        const fields = { component: component.name, error: describeError(error) };
        this.#log.error(fields, 'stop failed');
      }
    }
    this.#tellTraffic();
    if (part === 'outbound') {
      this.#idleSeries.stop();
      await this.#endLines();
    }
    this.#tell({ kind: 'stopped', part });
  }

  #tellTraffic(): void {
    const change = this.#traffic.read();
    if (change !== undefined) this.#tell({ kind: 'traffic', change });
  }

  /** The last part has stopped, and the thread with it. */
  async #endLines(): Promise<void> {
    this.#output.flush();
    await new Promise<void>((resolve) => this.#lines.end(() => resolve()));
  }

  #tellLines(lines: string): void {
    const { dropped } = this.#output;
    this.#tell({ kind: 'lines', lines, dropped: dropped - this.#toldDropped });
    this.#toldDropped = dropped;
  }

  #tell(message: FromThread): void {
    this.#port.postMessage(message);
  }
}
