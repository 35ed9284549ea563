import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { CampaignRequest as _remora_v1_CampaignRequest, CampaignRequest__Output as _remora_v1_CampaignRequest__Output } from './remora/v1/CampaignRequest.ts';
import type { CampaignResponse as _remora_v1_CampaignResponse, CampaignResponse__Output as _remora_v1_CampaignResponse__Output } from './remora/v1/CampaignResponse.ts';
import type { ElectionClient as _remora_v1_ElectionClient, ElectionDefinition as _remora_v1_ElectionDefinition } from './remora/v1/Election.ts';
import type { Grant as _remora_v1_Grant, Grant__Output as _remora_v1_Grant__Output } from './remora/v1/Grant.ts';
import type { Refusal as _remora_v1_Refusal, Refusal__Output as _remora_v1_Refusal__Output } from './remora/v1/Refusal.ts';
import type { Renew as _remora_v1_Renew, Renew__Output as _remora_v1_Renew__Output } from './remora/v1/Renew.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  remora: {
    v1: {
      CampaignRequest: MessageTypeDefinition<_remora_v1_CampaignRequest, _remora_v1_CampaignRequest__Output>
      CampaignResponse: MessageTypeDefinition<_remora_v1_CampaignResponse, _remora_v1_CampaignResponse__Output>
      /**
       * Leader election on behalf of pods. A candidate joins, then keeps itself
       * alive with a Renew a third of the lease apart; the control plane holds the
       * Kubernetes Lease for the elected pod and tells every candidate who leads.
       * Durations are relative, so that both sides use their own monotonic clocks.
       */
      Election: SubtypeConstructor<typeof grpc.Client, _remora_v1_ElectionClient> & { service: _remora_v1_ElectionDefinition }
      Grant: MessageTypeDefinition<_remora_v1_Grant, _remora_v1_Grant__Output>
      Refusal: MessageTypeDefinition<_remora_v1_Refusal, _remora_v1_Refusal__Output>
      Renew: MessageTypeDefinition<_remora_v1_Renew, _remora_v1_Renew__Output>
    }
  }
}

