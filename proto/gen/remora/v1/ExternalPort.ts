import type { Protocol as _remora_v1_Protocol, Protocol__Output as _remora_v1_Protocol__Output } from '../../remora/v1/Protocol.ts';
import type { OriginateTls as _remora_v1_OriginateTls, OriginateTls__Output as _remora_v1_OriginateTls__Output } from '../../remora/v1/OriginateTls.ts';

export interface ExternalPort {
  'port'?: (number);
  /**
   * HTTP1 stands for HTTP of any version and is told by the host of the request, TLS
   * by its server name, TCP by the address.
   */
  'protocol'?: (_remora_v1_Protocol);
  'targetPort'?: (number);
  /**
   * The sidecar speaks TLS with the host.
   */
  'tls'?: (_remora_v1_OriginateTls | null);
}

export interface ExternalPort__Output {
  'port': (number);
  /**
   * HTTP1 stands for HTTP of any version and is told by the host of the request, TLS
   * by its server name, TCP by the address.
   */
  'protocol': (_remora_v1_Protocol__Output);
  'targetPort': (number);
  /**
   * The sidecar speaks TLS with the host.
   */
  'tls': (_remora_v1_OriginateTls__Output | null);
}
