import type { ExternalPort as _remora_v1_ExternalPort, ExternalPort__Output as _remora_v1_ExternalPort__Output } from '../../remora/v1/ExternalPort.ts';
import type { Policy as _remora_v1_Policy, Policy__Output as _remora_v1_Policy__Output } from '../../remora/v1/Policy.ts';

/**
 * Hosts outside of the mesh.
 */
export interface ExternalService {
  'namespace'?: (string);
  'name'?: (string);
  /**
   * Names of hosts, in lower case; "*." stands for one label or more.
   */
  'hosts'?: (string)[];
  'ports'?: (_remora_v1_ExternalPort)[];
  /**
   * Addresses and names of hosts to connect to; none: the host itself. The sidecar
   * resolves names.
   */
  'endpoints'?: (string)[];
  'policy'?: (_remora_v1_Policy | null);
}

/**
 * Hosts outside of the mesh.
 */
export interface ExternalService__Output {
  'namespace': (string);
  'name': (string);
  /**
   * Names of hosts, in lower case; "*." stands for one label or more.
   */
  'hosts': (string)[];
  'ports': (_remora_v1_ExternalPort__Output)[];
  /**
   * Addresses and names of hosts to connect to; none: the host itself. The sidecar
   * resolves names.
   */
  'endpoints': (string)[];
  'policy': (_remora_v1_Policy__Output | null);
}
