import { writeFile } from 'node:fs/promises';
import { CONTAINER } from '../proto/well-known.ts';
import { MeshError } from '../runtime/errors.ts';
import { ContainerProcess, type ProcessRecorder } from './container.ts';
import { containerEnvironment } from './environment.ts';
import { type ImageFolders, SIDECAR_IMAGE } from './image-folders.ts';
import type { LocalNode, PodNetwork, Role } from './local-node.ts';
import type { Manifests } from './manifests.ts';
import type { Container, Pod } from './objects.ts';
import type { PodTokens } from './pod-tokens.ts';
import type { ProbeTarget } from './probe.ts';
import type { InjectionSettings } from './sidecar-injection.ts';
import type { StateFolder } from './state-folder.ts';

/** What pods have in common. */
export interface PodSurroundings {
  readonly node: LocalNode;
  readonly manifests: Manifests;
  readonly images: ImageFolders;
  readonly tokens: PodTokens;
  readonly state: StateFolder;
  readonly injection: InjectionSettings;
  /** PEM file with the mesh's roots. */
  readonly trustBundle: string;
  readonly record: ProcessRecorder;
  /** Makes a folder that only the sidecar's user can write to. */
  readonly makeSidecarFolder: (path: string) => Promise<void>;
  namespaceLabels(namespace: string): Readonly<Record<string, string>>;
  /** The pod's state has changed. */
  readonly onChange: () => void;
}

/** Makes processes of one pod's containers, each with the variables that it has there. */
export class PodContainers {
  readonly #surroundings: PodSurroundings;
  readonly #pod: Pod;
  readonly #network: PodNetwork;
  readonly #injected: boolean;

  constructor(surroundings: PodSurroundings, pod: Pod, network: PodNetwork, injected: boolean) {
    this.#surroundings = surroundings;
    this.#pod = pod;
    this.#network = network;
    this.#injected = injected;
  }

  /** A process that is not started yet. */
  process(
    container: Container,
    restartPolicy: 'Always' | 'OnFailure' | 'Never' = 'Always',
    onChange: (container: ContainerProcess) => void = () => {},
  ): ContainerProcess {
    const { state, record } = this.#surroundings;
    const { name, namespace = '' } = this.#pod.metadata;
    return new ContainerProcess({
      name: container.name,
      restartPolicy,
      logPath: state.log(namespace, name, container.name),
      spawn: (output) => this.#spawn(container, output),
      record,
      onChange,
    });
  }

  target(container: Container): ProbeTarget {
    return {
      reach: (port) => {
        const number =
          typeof port === 'number'
            ? port
            : container.ports?.find((one) => one.name === port)?.containerPort;
        return number === undefined ? undefined : this.#network.reach(number);
      },
      execute: (command, timeoutMs) => this.#execute(container, command, timeoutMs),
    };
  }

  /** What the sidecar shows to the control plane, and where it keeps what it learns. */
  async writeCredentials(): Promise<void> {
    const { state, tokens, makeSidecarFolder } = this.#surroundings;
    const { name, namespace = '' } = this.#pod.metadata;
    const serviceAccount = this.#pod.spec.serviceAccountName ?? 'default';
    const token = await tokens.sign({ namespace, name, serviceAccount });
    await writeFile(`${this.#folder}/token`, token, { mode: 0o600 });
    await makeSidecarFolder(`${this.#folder}/sidecar`);
    await makeSidecarFolder(state.cache('sidecar'));
  }

  get #folder(): string {
    const { name, namespace = '' } = this.#pod.metadata;
    return this.#surroundings.state.pod(namespace, name);
  }

  #spawn(container: Container, output: number): ReturnType<PodNetwork['spawn']> {
    const { images, manifests, node } = this.#surroundings;
    const { metadata, spec } = this.#pod;
    const { env, problems } = containerEnvironment(
      container,
      {
        name: metadata.name,
        namespace: metadata.namespace ?? '',
        labels: metadata.labels ?? {},
        annotations: metadata.annotations ?? {},
        address: this.#network.address,
        hostAddress: node.address,
        serviceAccount: spec.serviceAccountName ?? 'default',
      },
      manifests,
    );
    if (problems.length > 0) throw new MeshError('bad-environment', problems.join('; '));
    const role = roleOf(container);
    return this.#network.spawn({
      command: images.command(container),
      env: this.#environment(role, container, env),
      role,
      output,
    });
  }

  #environment(
    role: Role,
    container: Container,
    env: Readonly<Record<string, string>>,
  ): Record<string, string> {
    const { state, trustBundle } = this.#surroundings;
    const { metadata, spec } = this.#pod;
    if (role === 'application') {
      return {
        HOSTNAME: spec.hostname ?? metadata.name,
        ...env,
        ...this.#network.applicationEnv(container.name, this.#injected),
      };
    }
    if (role === 'rules') return joinLists(env, this.#network.rulesEnv);
    return {
      ...env,
      REMORA_TRUST_BUNDLE: trustBundle,
      REMORA_TOKEN_PATH: `${this.#folder}/token`,
      REMORA_STATE_DIR: `${this.#folder}/sidecar`,
      NODE_COMPILE_CACHE: state.cache('sidecar'),
      ...this.#network.sidecarEnv,
    };
  }

  #execute(container: Container, command: readonly string[], timeoutMs: number): Promise<boolean> {
    const { state, record } = this.#surroundings;
    const { name, namespace = '' } = this.#pod.metadata;
    return new Promise((resolve) => {
      const process = new ContainerProcess({
        name: container.name,
        restartPolicy: 'Never',
        logPath: state.log(namespace, name, 'probes'),
        spawn: (output) => this.#spawn({ ...container, command: [...command], args: [] }, output),
        record,
        onChange: (ended) => {
          if (ended.state.kind !== 'ended') return;
          clearTimeout(timer);
          resolve(ended.state.exitCode === 0);
        },
      });
      const timer = setTimeout(() => process.kill('SIGKILL'), timeoutMs);
      process.start();
    });
  }
}

function roleOf(container: Container): Role {
  if (container.image !== SIDECAR_IMAGE) return 'application';
  return container.name === CONTAINER.init ? 'rules' : 'sidecar';
}

/** Where both have a list, the rules get both. */
function joinLists(
  env: Readonly<Record<string, string>>,
  more: Readonly<Record<string, string>>,
): Record<string, string> {
  const joined = { ...env };
  for (const [name, value] of Object.entries(more)) {
    joined[name] = [env[name], value].filter(Boolean).join(',');
  }
  return joined;
}
