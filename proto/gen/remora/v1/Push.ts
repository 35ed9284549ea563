import type { Resource as _remora_v1_Resource, Resource__Output as _remora_v1_Resource__Output } from '../../remora/v1/Resource.ts';
import type { Long } from '@grpc/proto-loader';

export interface Push {
  'nonce'?: (number | string | Long);
  /**
   * The hash of everything this sidecar should hold after the push. It ends in
   * "-partial" when more follows, or a refused resource was left out.
   */
  'version'?: (string);
  'resources'?: (_remora_v1_Resource)[];
  'removed'?: (string)[];
}

export interface Push__Output {
  'nonce': (number);
  /**
   * The hash of everything this sidecar should hold after the push. It ends in
   * "-partial" when more follows, or a refused resource was left out.
   */
  'version': (string);
  'resources': (_remora_v1_Resource__Output)[];
  'removed': (string)[];
}
