import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { CampaignRequest as _remora_v1_CampaignRequest, CampaignRequest__Output as _remora_v1_CampaignRequest__Output } from '../../remora/v1/CampaignRequest.ts';
import type { CampaignResponse as _remora_v1_CampaignResponse, CampaignResponse__Output as _remora_v1_CampaignResponse__Output } from '../../remora/v1/CampaignResponse.ts';

/**
 * Leader election on behalf of pods. A candidate joins, then keeps itself
 * alive with a Renew a third of the lease apart; the control plane holds the
 * Kubernetes Lease for the elected pod and tells every candidate who leads.
 * Durations are relative, so that both sides use their own monotonic clocks.
 */
export interface ElectionClient extends grpc.Client {
  Campaign(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_remora_v1_CampaignRequest, _remora_v1_CampaignResponse__Output>;
  Campaign(options?: grpc.CallOptions): grpc.ClientDuplexStream<_remora_v1_CampaignRequest, _remora_v1_CampaignResponse__Output>;
  campaign(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_remora_v1_CampaignRequest, _remora_v1_CampaignResponse__Output>;
  campaign(options?: grpc.CallOptions): grpc.ClientDuplexStream<_remora_v1_CampaignRequest, _remora_v1_CampaignResponse__Output>;
  
}

/**
 * Leader election on behalf of pods. A candidate joins, then keeps itself
 * alive with a Renew a third of the lease apart; the control plane holds the
 * Kubernetes Lease for the elected pod and tells every candidate who leads.
 * Durations are relative, so that both sides use their own monotonic clocks.
 */
export interface ElectionHandlers extends grpc.UntypedServiceImplementation {
  Campaign: grpc.handleBidiStreamingCall<_remora_v1_CampaignRequest__Output, _remora_v1_CampaignResponse>;
  
}

export interface ElectionDefinition extends grpc.ServiceDefinition {
  Campaign: MethodDefinition<_remora_v1_CampaignRequest, _remora_v1_CampaignResponse, _remora_v1_CampaignRequest__Output, _remora_v1_CampaignResponse__Output>
}
