import type { Protocol as _remora_v1_Protocol, Protocol__Output as _remora_v1_Protocol__Output } from '../../remora/v1/Protocol.ts';

export interface Port {
  'port'?: (number);
  'name'?: (string);
  'protocol'?: (_remora_v1_Protocol);
}

export interface Port__Output {
  'port': (number);
  'name': (string);
  'protocol': (_remora_v1_Protocol__Output);
}
