import type { EdgeRates } from '../../control-plane/telemetry/aggregate.ts';
import type { Problem } from '../problems.ts';

/** One container, as the view and `status` show it. */
export interface ContainerStatus {
  readonly name: string;
  readonly state: 'waiting' | 'running' | 'ended';
  /** Why it waits, or with what it ended. */
  readonly detail: string;
  readonly pid: number | undefined;
  readonly restarts: number;
  readonly log: string;
}

export interface PodStatus {
  readonly namespace: string;
  readonly name: string;
  readonly workload: string;
  readonly phase: string;
  readonly ready: boolean;
  readonly terminating: boolean;
  readonly injected: boolean;
  readonly address: string;
  readonly containers: readonly ContainerStatus[];
}

export interface JobStatus {
  readonly namespace: string;
  readonly name: string;
  readonly succeeded: number;
  readonly completions: number;
  readonly failed: number;
  readonly state: 'running' | 'complete' | 'failed';
}

/** Everything there is to know about a running local mesh, as data. */
export interface LocalStatus {
  /** `network namespaces (root)`, `loopback`, ... */
  readonly mode: string;
  /** The folder that was asked for. */
  readonly folder: string;
  readonly uptimeMs: number;
  readonly controlPlane: { readonly running: boolean; readonly reason: string };
  readonly pods: readonly PodStatus[];
  readonly jobs: readonly JobStatus[];
  readonly edges: readonly EdgeRates[];
  readonly problems: readonly Problem[];
  readonly logs: string;
  /** A route whose weights one could change, with its file. */
  readonly tip: { readonly route: string; readonly path: string } | undefined;
}
