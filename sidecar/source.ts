import type { Component } from '../runtime/component.ts';
import type { StaticListeners } from './config/static-file.ts';
import type { ConfigStore } from './config/store.ts';
import type { AccessLogSettings } from './config/types.ts';
import type { CertificateSource } from './identity/certificate-source.ts';
import type { SidecarFacts } from './telemetry/prometheus.ts';

export type ListenerSettings = StaticListeners;

/**
 * Where a sidecar gets from what it serves with: the control plane, or a file.
 * What follows is the same for both.
 */
export interface Source {
  readonly store: ConfigStore;
  readonly certificates: CertificateSource;
  /** Nothing is served before there is a certificate. */
  readonly needsCertificate: boolean;
  readonly pod: {
    readonly name: string;
    readonly namespace: string;
    readonly addresses: readonly string[];
  };
  readonly listeners: ListenerSettings;
  /** Undefined leaves it to the environment. */
  readonly accessLog?: AccessLogSettings | undefined;
  /** Bring configuration and certificate; started before the listeners. */
  readonly components: readonly Component[];
  /** Pod patterns and reports; started once there is a configuration. */
  readonly patterns: readonly Component[];
  /** Of the sidecar's own ports, those that the source opens itself. */
  readonly ports: readonly number[];
  readonly facts: Pick<SidecarFacts, 'configAgeMs' | 'configRefusals' | 'controlPlaneConnected'>;
}
