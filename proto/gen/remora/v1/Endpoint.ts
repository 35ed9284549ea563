import type { EndpointPort as _remora_v1_EndpointPort, EndpointPort__Output as _remora_v1_EndpointPort__Output } from '../../remora/v1/EndpointPort.ts';
import type { Workload as _remora_v1_Workload, Workload__Output as _remora_v1_Workload__Output } from '../../remora/v1/Workload.ts';

export interface Endpoint {
  'address'?: (string);
  /**
   * From the service's port to the port on which the pod answers.
   */
  'ports'?: (_remora_v1_EndpointPort)[];
  'workload'?: (_remora_v1_Workload | null);
}

export interface Endpoint__Output {
  'address': (string);
  /**
   * From the service's port to the port on which the pod answers.
   */
  'ports': (_remora_v1_EndpointPort__Output)[];
  'workload': (_remora_v1_Workload__Output | null);
}
