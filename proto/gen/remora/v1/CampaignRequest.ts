import type { Renew as _remora_v1_Renew, Renew__Output as _remora_v1_Renew__Output } from '../../remora/v1/Renew.ts';

export interface CampaignRequest {
  /**
   * The election's name in the pod's own namespace.
   */
  'join'?: (string);
  'renew'?: (_remora_v1_Renew | null);
  /**
   * Hands over at once. Sent only when the leader's work has stopped.
   */
  'resign'?: (string);
  'request'?: "join"|"renew"|"resign";
}

export interface CampaignRequest__Output {
  /**
   * The election's name in the pod's own namespace.
   */
  'join'?: (string);
  'renew'?: (_remora_v1_Renew__Output | null);
  /**
   * Hands over at once. Sent only when the leader's work has stopped.
   */
  'resign'?: (string);
  'request'?: "join"|"renew"|"resign";
}
