import { spawn } from 'node:child_process';
import { get } from 'node:http';
import { join } from 'node:path';
import { CONTROL_PLANE_NAME, SYSTEM_NAMESPACE } from '../proto/well-known.ts';
import type { SocketAddress } from '../runtime/env.ts';
import { MeshError } from '../runtime/errors.ts';
import { ContainerProcess, type ProcessRecorder } from './container.ts';
import { CHECKOUT } from './image-folders.ts';
import type { StateFolder } from './state-folder.ts';

/** The name in its certificate, as in a cluster. */
export const CONTROL_PLANE_SERVER_NAME = `${CONTROL_PLANE_NAME}.${SYSTEM_NAMESPACE}.svc`;

export interface ControlPlaneOptions {
  readonly state: StateFolder;
  readonly manifests: string;
  readonly grpc: SocketAddress;
  readonly admin: SocketAddress;
  readonly logLevel: string;
  readonly record: ProcessRecorder;
}

/** The control plane as a process of this machine, with the folders in place of a Kubernetes API. */
export class ControlPlaneProcess {
  readonly logPath: string;
  /** Where it writes whom to trust. */
  readonly trustBundle: string;
  readonly #options: ControlPlaneOptions;
  #process: ContainerProcess;

  constructor(options: ControlPlaneOptions) {
    this.#options = options;
    this.logPath = options.state.log('control-plane');
    this.trustBundle = join(options.state.controlPlane, 'roots.pem');
    this.#process = this.#create();
  }

  /** `host:port` for sidecars. */
  get address(): string {
    return `${this.#options.grpc.host}:${this.#options.grpc.port}`;
  }

  get running(): boolean {
    return this.#process.state.kind === 'running';
  }

  /** Why it does not run. */
  get reason(): string {
    const { state } = this.#process;
    return state.kind === 'waiting' ? state.reason : state.kind;
  }

  /** Returns when it is ready. @throws MeshError `control-plane-not-ready` */
  async start(signal: AbortSignal): Promise<void> {
    this.#process.start();
    const deadline = performance.now() + 30_000;
    while (!(await this.#isReady())) {
      signal.throwIfAborted();
      if (performance.now() > deadline) {
        throw new MeshError(
          'control-plane-not-ready',
          `the control plane is not ready after 30 s; see ${this.logPath}`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Takes it away for a while: the mesh goes on without. */
  async pause(): Promise<void> {
    await this.#process.stop(5000);
  }

  /** Brings it back. */
  resume(): void {
    if (this.running) return;
    this.#process = this.#create();
    this.#process.start();
  }

  async stop(patience: AbortSignal): Promise<void> {
    await this.#process.stop(5000, patience);
  }

  /** A page of its admin server as JSON; undefined while it does not answer. */
  async read(path: string): Promise<unknown> {
    const text = await this.#get(path);
    if (text === undefined) return undefined;
    try {
      return JSON.parse(text);
    } catch {
      return undefined;
    }
  }

  async #isReady(): Promise<boolean> {
    return (await this.#get('/ready')) !== undefined;
  }

  #get(path: string): Promise<string | undefined> {
    return new Promise((resolve) => {
      const request = get(
        { ...this.#options.admin, path, agent: false, timeout: 2000 },
        (response) => {
          let body = '';
          response.setEncoding('utf8').on('data', (text: string) => {
            body += text;
          });
          response.on('end', () => resolve(response.statusCode === 200 ? body : undefined));
        },
      );
      request.on('timeout', () => request.destroy());
      request.on('error', () => resolve(undefined));
      request.on('close', () => resolve(undefined));
    });
  }

  #create(): ContainerProcess {
    const { state, manifests, grpc, admin, logLevel, record } = this.#options;
    return new ContainerProcess({
      name: 'control-plane',
      restartPolicy: 'Always',
      logPath: this.logPath,
      record,
      onChange: () => {},
      spawn: (output) =>
        spawn(process.execPath, [join(CHECKOUT, 'control-plane/main.ts')], {
          cwd: CHECKOUT,
          detached: true,
          stdio: ['ignore', output, output],
          env: {
            PATH: process.env.PATH ?? '',
            HOME: process.env.HOME ?? '/',
            NODE_COMPILE_CACHE: state.cache('control-plane'),
            REMORA_RESOURCES: `files:${manifests}:${state.objects}`,
            REMORA_GRPC_ADDRESS: `${grpc.host}:${grpc.port}`,
            REMORA_ADMIN_ADDRESS: `${admin.host}:${admin.port}`,
            REMORA_STATE_DIR: state.controlPlane,
            REMORA_LOCAL_TOKEN_KEY: state.tokenKey,
            REMORA_SERVER_NAMES: `${CONTROL_PLANE_SERVER_NAME},${grpc.host}`,
            REMORA_LOG_LEVEL: logLevel,
          },
        }),
    });
  }
}
