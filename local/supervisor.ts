import { mkdir } from 'node:fs/promises';
import { PORT } from '../proto/well-known.ts';
import type { Mode } from './capability.ts';
import { Cluster } from './cluster.ts';
import type { ProcessRecorder } from './container.ts';
import { ControlApi } from './control-api.ts';
import { CONTROL_PLANE_SERVER_NAME, ControlPlaneProcess } from './control-plane-process.ts';
import { readLocalFolder } from './image-folders.ts';
import { LoopbackNode } from './loopback-node.ts';
import { Manifests } from './manifests.ts';
import { readEdges, readMeshProblems, withoutRepetition } from './mesh-report.ts';
import { NamespaceNode, NETWORK_PREFIX } from './namespace-node.ts';
import { giveToSidecar } from './namespace-pod.ts';
import { PodTokens } from './pod-tokens.ts';
import { type KnownProcess, knownProcess, RunRecord } from './run-record.ts';
import { StateFolder } from './state-folder.ts';
import { findTip, jobStatuses, livingEdges, podStatuses } from './status.ts';
import type { LocalStatus } from './view/status.ts';
import type { View } from './view/terminal.ts';

/** What the launcher tells the process that does the work. */
export interface SupervisorSettings {
  readonly folder: string;
  readonly state: string;
  readonly mode: Mode;
  readonly logLevel: string;
  readonly accessLog: string;
  readonly launcher: KnownProcess;
}

/** How often the view is drawn and the control plane is asked. */
const VIEW_MS = 1000;

/**
 * The local mesh, put together in the order in which its parts start: node,
 * control plane, pods. Runs in the node's own namespaces where there are any.
 */
export class Supervisor {
  readonly #settings: SupervisorSettings;
  readonly #view: View;
  readonly #startedMs = performance.now();
  readonly #started: { stop(patience: AbortSignal): Promise<void> | void }[] = [];
  #drawing: NodeJS.Timeout | undefined;

  constructor(settings: SupervisorSettings, view: View) {
    this.#settings = settings;
    this.#view = view;
  }

  /** Returns when the pods are being started. */
  async start(signal: AbortSignal): Promise<void> {
    const { mode, launcher, logLevel, accessLog } = this.#settings;
    const folder = await readLocalFolder(this.#settings.folder);
    const state = new StateFolder(this.#settings.state);
    await state.prepare();
    const record = createRecord(state, mode, launcher);
    this.#started.push({ stop: () => record.remove() });

    const node =
      mode.kind === 'namespaces' ? new NamespaceNode(mode.identification) : new LoopbackNode();
    await this.#begin(node, () => node.start());
    const port = async (usual: number): Promise<number> =>
      node instanceof LoopbackNode ? await node.freePort() : usual;
    const controlPlane = new ControlPlaneProcess({
      ...{ state, logLevel, record },
      manifests: folder.manifests,
      grpc: { host: node.address, port: await port(PORT.controlPlane) },
      admin: { host: node.address, port: await port(PORT.controlPlaneAdmin) },
    });

    const manifests = new Manifests(folder.manifests);
    const cluster = new Cluster({
      ...{ manifests, node },
      objectsFolder: state.objects,
      networkPrefix: NETWORK_PREFIX,
      surroundings: {
        ...{ node, manifests, state, record },
        images: folder.images,
        tokens: new PodTokens(state.tokenKey),
        injection: {
          controlPlane: controlPlane.address,
          controlPlaneName: CONTROL_PLANE_SERVER_NAME,
          logLevel,
          accessLog,
        },
        trustBundle: controlPlane.trustBundle,
        makeSidecarFolder: async (path) => {
          await mkdir(path, { recursive: true, mode: 0o700 });
          if (mode.kind === 'namespaces') await giveToSidecar(path, mode.identification);
        },
      },
    });
    await cluster.start();
    await this.#begin(controlPlane, () => controlPlane.start(signal));

    const status = (): Promise<LocalStatus> =>
      this.#status(cluster, controlPlane, manifests, state);
    const api = new ControlApi(state.socket, {
      'GET /status': status,
      'POST /control-plane/stop': () => controlPlane.pause(),
      'POST /control-plane/start': () => controlPlane.resume(),
    });
    await this.#begin(api, () => api.start());
    await this.#begin(cluster, () => cluster.run());
    this.#draw(status);
  }

  /** Ends everything in reverse. Aborted, it cuts. */
  async stop(patience: AbortSignal): Promise<void> {
    clearTimeout(this.#drawing);
    this.#view.close();
    for (const part of this.#started.reverse()) await part.stop(patience);
  }

  /** What has begun to start must be stopped, also when it did not get far. */
  async #begin(
    part: { stop(patience: AbortSignal): Promise<void> | void },
    start: () => Promise<void> | void,
  ): Promise<void> {
    this.#started.push(part);
    await start();
  }

  #draw(status: () => Promise<LocalStatus>): void {
    const draw = async (): Promise<void> => {
      const now = await status();
      if (this.#drawing === undefined) return;
      this.#view.show(now);
      this.#drawing = setTimeout(() => void draw(), VIEW_MS);
    };
    this.#drawing = setTimeout(() => void draw(), 0);
  }

  async #status(
    cluster: Cluster,
    controlPlane: ControlPlaneProcess,
    manifests: Manifests,
    state: StateFolder,
  ): Promise<LocalStatus> {
    const [telemetry, dump] = await Promise.all([
      controlPlane.read('/telemetry'),
      controlPlane.read('/config_dump'),
    ]);
    const { mode, folder } = this.#settings;
    return {
      mode: describeMode(mode),
      folder,
      uptimeMs: performance.now() - this.#startedMs,
      controlPlane: { running: controlPlane.running, reason: controlPlane.reason },
      pods: podStatuses(cluster),
      jobs: jobStatuses(cluster),
      edges: livingEdges(readEdges(telemetry)),
      problems: withoutRepetition([...cluster.problems, ...readMeshProblems(dump)]),
      logs: state.logs,
      tip: findTip(manifests),
    };
  }
}

/** Where all processes end with a namespace, the launcher's is the only one to remember. */
function createRecord(
  state: StateFolder,
  mode: Mode,
  launcher: KnownProcess,
): ProcessRecorder & { remove(): void } {
  const record = new RunRecord(state.runRecord, launcher);
  if (mode.kind === 'namespaces') {
    return { started: () => {}, ended: () => {}, remove: () => record.remove() };
  }
  const self = knownProcess(process.pid);
  if (self !== undefined) record.started(self.pid);
  return record;
}

function describeMode(mode: Mode): string {
  if (mode.kind === 'loopback') return 'loopback';
  return mode.unprivileged ? 'network namespaces, without root' : 'network namespaces';
}
