import type { Hello as _remora_v1_Hello, Hello__Output as _remora_v1_Hello__Output } from '../../remora/v1/Hello.ts';
import type { Subscription as _remora_v1_Subscription, Subscription__Output as _remora_v1_Subscription__Output } from '../../remora/v1/Subscription.ts';
import type { Ack as _remora_v1_Ack, Ack__Output as _remora_v1_Ack__Output } from '../../remora/v1/Ack.ts';
import type { Nack as _remora_v1_Nack, Nack__Output as _remora_v1_Nack__Output } from '../../remora/v1/Nack.ts';

export interface SubscribeRequest {
  'hello'?: (_remora_v1_Hello | null);
  'subscription'?: (_remora_v1_Subscription | null);
  'ack'?: (_remora_v1_Ack | null);
  'nack'?: (_remora_v1_Nack | null);
  'request'?: "hello"|"subscription"|"ack"|"nack";
}

export interface SubscribeRequest__Output {
  'hello'?: (_remora_v1_Hello__Output | null);
  'subscription'?: (_remora_v1_Subscription__Output | null);
  'ack'?: (_remora_v1_Ack__Output | null);
  'nack'?: (_remora_v1_Nack__Output | null);
  'request'?: "hello"|"subscription"|"ack"|"nack";
}
