import type { Clock } from '../runtime/clock.ts';
import type { Component } from '../runtime/component.ts';
import type { Log } from '../runtime/log.ts';
import type { ControlPlaneConfig } from './config.ts';
import type { LeaseStore } from './election/lease.ts';
import type { CertificateAuthority } from './identity/authority.ts';
import type { CaStore } from './identity/ca-store.ts';
import type { Authenticator } from './identity/types.ts';
import type { ControlPlaneMetrics } from './metrics.ts';
import type { Mesh } from './snapshot/mesh-state.ts';
import type { StatusSink } from './status/sinks.ts';
import type { ResourceSource } from './watch/source.ts';

/** What a platform needs of the process. */
export interface PlatformOptions {
  readonly config: ControlPlaneConfig;
  readonly metrics: ControlPlaneMetrics;
  readonly clock: Clock;
  readonly log: Log;
}

/** What the control plane takes from where it runs: a Kubernetes cluster, or a folder of files. */
export interface Platform {
  readonly source: ResourceSource & Component;
  readonly authenticator: Authenticator;
  readonly caStore: CaStore;
  readonly leaseStore: LeaseStore;
  readonly statusSink: StatusSink;
  /** Whether this replica is the one that writes statuses. */
  writesStatus(mesh: Mesh): boolean;
  /** What runs beside the streams once mesh and authority are there. */
  attend(mesh: Mesh, authority: CertificateAuthority): readonly Component[];
}
