import type { Endpoint as _remora_v1_Endpoint, Endpoint__Output as _remora_v1_Endpoint__Output } from '../../remora/v1/Endpoint.ts';

export interface Endpoints {
  'service'?: (string);
  'endpoints'?: (_remora_v1_Endpoint)[];
}

export interface Endpoints__Output {
  'service': (string);
  'endpoints': (_remora_v1_Endpoint__Output)[];
}
