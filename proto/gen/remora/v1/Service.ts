import type { Port as _remora_v1_Port, Port__Output as _remora_v1_Port__Output } from '../../remora/v1/Port.ts';

export interface Service {
  'namespace'?: (string);
  'name'?: (string);
  /**
   * Cluster IPs; empty for a headless service.
   */
  'addresses'?: (string)[];
  'ports'?: (_remora_v1_Port)[];
}

export interface Service__Output {
  'namespace': (string);
  'name': (string);
  /**
   * Cluster IPs; empty for a headless service.
   */
  'addresses': (string)[];
  'ports': (_remora_v1_Port__Output)[];
}
