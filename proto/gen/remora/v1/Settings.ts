import type { Port as _remora_v1_Port, Port__Output as _remora_v1_Port__Output } from '../../remora/v1/Port.ts';
import type { EgressMode as _remora_v1_EgressMode, EgressMode__Output as _remora_v1_EgressMode__Output } from '../../remora/v1/EgressMode.ts';
import type { InboundRateLimits as _remora_v1_InboundRateLimits, InboundRateLimits__Output as _remora_v1_InboundRateLimits__Output } from '../../remora/v1/InboundRateLimits.ts';

export interface Settings {
  /**
   * The workload this pod belongs to, for example the Deployment's name.
   */
  'workload'?: (string);
  'trustDomain'?: (string);
  /**
   * Protocols of the pod's own ports, from the services that select it.
   */
  'inboundPorts'?: (_remora_v1_Port)[];
  /**
   * Elections in which this pod is a candidate.
   */
  'elections'?: (string)[];
  /**
   * Where the pod runs; empty where that is not known.
   */
  'zone'?: (string);
  /**
   * Anything but ALLOW requires the feature "egress.v1".
   */
  'egress'?: (_remora_v1_EgressMode);
  /**
   * Of what comes to the pod's own ports. Requires the feature "rate-limits.v1".
   */
  'rateLimits'?: (_remora_v1_InboundRateLimits)[];
}

export interface Settings__Output {
  /**
   * The workload this pod belongs to, for example the Deployment's name.
   */
  'workload': (string);
  'trustDomain': (string);
  /**
   * Protocols of the pod's own ports, from the services that select it.
   */
  'inboundPorts': (_remora_v1_Port__Output)[];
  /**
   * Elections in which this pod is a candidate.
   */
  'elections': (string)[];
  /**
   * Where the pod runs; empty where that is not known.
   */
  'zone': (string);
  /**
   * Anything but ALLOW requires the feature "egress.v1".
   */
  'egress': (_remora_v1_EgressMode__Output);
  /**
   * Of what comes to the pod's own ports. Requires the feature "rate-limits.v1".
   */
  'rateLimits': (_remora_v1_InboundRateLimits__Output)[];
}
