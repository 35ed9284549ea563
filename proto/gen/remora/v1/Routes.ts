import type { PortRoutes as _remora_v1_PortRoutes, PortRoutes__Output as _remora_v1_PortRoutes__Output } from '../../remora/v1/PortRoutes.ts';

export interface Routes {
  'service'?: (string);
  'ports'?: (_remora_v1_PortRoutes)[];
}

export interface Routes__Output {
  'service': (string);
  'ports': (_remora_v1_PortRoutes__Output)[];
}
