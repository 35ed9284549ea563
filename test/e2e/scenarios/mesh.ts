import type { PodAgent } from './agent.ts';
import type { Manifest } from './manifests.ts';
import type { Client } from './scenario.ts';

/** A `metav1.Condition`, as far as it is looked at. */
export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

/** The mesh in which scenarios are played: local, or a cluster. */
export interface ScenarioMesh {
  /** The shared workloads run, and the agents with them. */
  start(services: readonly Manifest[]): Promise<void>;
  end(): Promise<void>;
  agent(client: Client): PodAgent;
  /** Agents in the pods of clients that have a sidecar. */
  readonly callers: readonly PodAgent[];
  /** Agents in the pods of the application, started when they are first asked for. */
  callees(): Promise<readonly PodAgent[]>;
  /**
   * Makes what is applied equal to these objects; what is there beyond the shared
   * workloads and is not among them goes. The marker is seen by nobody before the others.
   */
  set(objects: readonly Manifest[], marker: Manifest): Promise<void>;
  /** What the control plane says of an object that is applied. */
  conditions(object: Manifest): Promise<readonly Condition[]>;
  /** Why an object is refused, in the words that a user reads; undefined when it is not. */
  refusal(object: Manifest): Promise<string | undefined>;
}
