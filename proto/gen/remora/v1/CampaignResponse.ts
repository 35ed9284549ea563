import type { Grant as _remora_v1_Grant, Grant__Output as _remora_v1_Grant__Output } from '../../remora/v1/Grant.ts';
import type { Refusal as _remora_v1_Refusal, Refusal__Output as _remora_v1_Refusal__Output } from '../../remora/v1/Refusal.ts';

export interface CampaignResponse {
  'grant'?: (_remora_v1_Grant | null);
  'refusal'?: (_remora_v1_Refusal | null);
  'response'?: "grant"|"refusal";
}

export interface CampaignResponse__Output {
  'grant'?: (_remora_v1_Grant__Output | null);
  'refusal'?: (_remora_v1_Refusal__Output | null);
  'response'?: "grant"|"refusal";
}
