import type { IncomingMessage } from 'node:http';
import {
  type AdminHandler,
  type AdminResponse,
  AdminServer,
  jsonResponse,
  readiness,
} from '../runtime/admin-server.ts';
import type { Component } from '../runtime/component.ts';
import { MeshError } from '../runtime/errors.ts';
import type { LineWriter } from '../runtime/line-writer.ts';
import type { Log } from '../runtime/log.ts';
import { RELEASE } from '../runtime/release.ts';
import type { DataPath } from './data-path.ts';
import type { SidecarEnvironment } from './environment.ts';
import type { Source } from './source.ts';
import type { Counters } from './telemetry/counters.ts';
import type { Threads } from './threads/threads.ts';
import { turnClock } from './turn-clock.ts';

/** What the admin ports tell of. */
export interface AdminOptions {
  readonly source: Source;
  readonly dataPath: DataPath;
  /** Where there are several. */
  readonly threads: Threads | undefined;
  readonly counters: Counters;
  readonly environment: SidecarEnvironment;
  readonly log: Log;
  readonly output: LineWriter;
}

/**
 * The two admin ports: on the loopback everything about this sidecar, without its
 * keys; on the pod's address only what kubelet and Prometheus need.
 */
export class Admin {
  readonly #options: AdminOptions;
  #serving = false;

  constructor(options: AdminOptions) {
    this.#options = options;
  }

  /** Ready from its start, and not ready from its stop: stands behind everything that serves. */
  readonly serving: Component = {
    name: 'readiness',
    start: () => {
      this.#serving = true;
      this.#options.log.info({}, 'ready');
    },
    stop: () => {
      this.#serving = false;
    },
  };

  servers(): Component[] {
    const { environment } = this.#options;
    const metrics = this.#metrics();
    const explain = this.#explain();
    const health = {
      '/live': () => ({ body: 'live\n' }),
      '/ready': this.#ready(),
      '/metrics': metrics,
    };
    return [
      new AdminServer('health', environment.healthAddress, health),
      new AdminServer('admin', environment.adminAddress, {
        ...health,
        '/config_dump': async (request) => {
          const question = queryOf(request).get('explain');
          return question === null ? jsonResponse(await this.#dump()) : await explain(question);
        },
        '/log_level': logLevel(this.#options),
      }),
    ];
  }

  #ready(): AdminHandler {
    const { store, certificates, needsCertificate } = this.#options.source;
    return readiness({
      configuration: () => store.received,
      certificate: () => !needsCertificate || certificates.current !== undefined,
      listeners: () => this.#serving,
    });
  }

  /** The library is loaded at the first scrape, since not every sidecar is scraped. */
  #metrics(): AdminHandler {
    const { source, counters, output } = this.#options;
    const facts = {
      release: RELEASE,
      certificateNotAfterMs: () => source.certificates.current?.notAfterMs,
      configVersion: () => source.store.current.version,
      logLinesDropped: () => output.dropped,
      ...source.facts,
    };
    let registry:
      | ReturnType<typeof import('./telemetry/prometheus.ts')['createRegistry']>
      | undefined;
    return async () => {
      if (registry === undefined) {
        const { createRegistry } = await import('./telemetry/prometheus.ts');
        registry = createRegistry(counters, facts);
      }
      return { contentType: registry.contentType, body: await registry.metrics() };
    };
  }

  /** Loaded with the first question. */
  #explain(): (question: string) => Promise<AdminResponse> {
    const { source, dataPath } = this.#options;
    return async (question) => {
      const { Explainer } = await import('./explain/explainer.ts');
      const { compiled, clusters } = dataPath;
      const { namespace } = source.pod;
      const view = source.store;
      const redirected = source.listeners.outbound?.redirect === true;
      try {
        const explainer = new Explainer({
          view,
          compiled,
          clusters,
          clock: turnClock,
          namespace,
          redirected,
        });
        return jsonResponse(await explainer.explain(question));
      } catch (error) {
        if (!(error instanceof MeshError) || error.code !== 'bad-question') throw error;
        return { status: 400, body: `${error.message}\n` };
      }
    };
  }

  async #dump(): Promise<object> {
    const { source, dataPath, threads } = this.#options;
    const { store, certificates, facts } = source;
    const { current } = certificates;
    return {
      release: RELEASE,
      pod: source.pod,
      listeners: source.listeners,
      controlPlane: { connected: facts.controlPlaneConnected(), configAgeMs: facts.configAgeMs() },
      identity:
        current === undefined
          ? null
          : { spiffeId: current.spiffeId, notAfter: new Date(current.notAfterMs).toISOString() },
      wanted: store.wanted,
      config: store.current,
      clusters: dataPath.clusters.describe(),
      ...(threads === undefined ? {} : { clustersOfThreads: await threads.describe() }),
    };
  }
}

function queryOf({ url = '' }: IncomingMessage): URLSearchParams {
  const mark = url.indexOf('?');
  return new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1));
}

const LEVELS = ['debug', 'info', 'warn', 'error'];

/** `/log_level` tells it, `/log_level?level=debug` changes it until the next start. */
function logLevel({ log, threads }: AdminOptions): AdminHandler {
  return (request) => {
    const level = queryOf(request).get('level');
    if (level !== null) {
      if (!LEVELS.includes(level)) {
        return {
          status: 400,
          body: `there is no level "${level}"; there are ${LEVELS.join(', ')}\n`,
        };
      }
      log.level = level;
      threads?.setLogLevel(level);
    }
    return { body: `${log.level}\n` };
  };
}
