import type { Edge as _remora_v1_Edge, Edge__Output as _remora_v1_Edge__Output } from '../../remora/v1/Edge.ts';

export interface TrafficReport {
  'edges'?: (_remora_v1_Edge)[];
}

export interface TrafficReport__Output {
  'edges': (_remora_v1_Edge__Output)[];
}
