import type { ChildProcess } from 'node:child_process';
import type { SocketAddress } from '../runtime/env.ts';
import type { LocalCommand } from './image-folders.ts';
import type { Pod } from './objects.ts';
import type { ServedService } from './services.ts';

/** Whose process: it decides about user, variables and what is intercepted. */
export type Role = 'application' | 'sidecar' | 'rules';

/** A program to start in a pod. */
export interface PodProcess {
  readonly command: LocalCommand;
  readonly env: Readonly<Record<string, string>>;
  readonly role: Role;
  /** Descriptor of the file for its output. */
  readonly output: number;
}

/** One pod's place in the network. */
export interface PodNetwork {
  readonly address: string;
  /** Whether connections of the program are taken by rules; else it is told of a proxy. */
  readonly intercepts: boolean;
  /** Annotations that the pod needs here, before it is injected. */
  readonly annotations: Readonly<Record<string, string>>;
  /** Variables of the sidecar that differ from those in a cluster. */
  readonly sidecarEnv: Readonly<Record<string, string>>;
  /** Variables of the container that writes the rules. */
  readonly rulesEnv: Readonly<Record<string, string>>;
  /** Variables that local mode gives to a container of the user. */
  applicationEnv(container: string, injected: boolean): Readonly<Record<string, string>>;
  /** The port on which a container's port is really open. */
  realPort(containerPort: number): number;
  /** Where local mode itself reaches a port of the pod. */
  reach(containerPort: number): SocketAddress;
  start(): Promise<void>;
  spawn(process: PodProcess): ChildProcess;
  stop(): Promise<void>;
}

export interface PodNetworkRequest {
  readonly pod: Pod;
  readonly name: string;
  readonly namespace: string;
  /** For files of this pod. */
  readonly folder: string;
}

/** The machine as a Kubernetes node: makes networks for pods and carries services. */
export interface LocalNode {
  /** Address on which the control plane listens for the pods. */
  readonly address: string;
  start(): Promise<void>;
  createNetwork(request: PodNetworkRequest): Promise<PodNetwork>;
  /** The services and their backends have changed. */
  updateServices(services: readonly ServedService[]): Promise<void>;
  stop(): Promise<void>;
}
