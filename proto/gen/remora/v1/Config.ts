import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { Push as _remora_v1_Push, Push__Output as _remora_v1_Push__Output } from '../../remora/v1/Push.ts';
import type { SubscribeRequest as _remora_v1_SubscribeRequest, SubscribeRequest__Output as _remora_v1_SubscribeRequest__Output } from '../../remora/v1/SubscribeRequest.ts';

/**
 * Pushes what a sidecar needs to know. The sidecar speaks first with a Hello;
 * from then on the control plane pushes deltas, at most one unanswered at a
 * time, and the sidecar answers each with an Ack or a Nack.
 * 
 * Resource names:
 * settings                     about this sidecar itself            (pushed always)
 * service/<namespace>/<name>   the index: addresses, ports          (pushed always)
 * routes/<namespace>/<name>    rules and policies of a service      (pushed once subscribed)
 * endpoints/<namespace>/<name> where a service's pods are           (pushed once subscribed, also for
 * the backends of subscribed routes)
 * external/<namespace>/<name>  hosts outside of the mesh            (pushed always)
 * workload/<ip>                who answers at a pod's address       (pushed once subscribed; when nobody
 * does, a Workload with only its address)
 */
export interface ConfigClient extends grpc.Client {
  Subscribe(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_remora_v1_SubscribeRequest, _remora_v1_Push__Output>;
  Subscribe(options?: grpc.CallOptions): grpc.ClientDuplexStream<_remora_v1_SubscribeRequest, _remora_v1_Push__Output>;
  subscribe(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_remora_v1_SubscribeRequest, _remora_v1_Push__Output>;
  subscribe(options?: grpc.CallOptions): grpc.ClientDuplexStream<_remora_v1_SubscribeRequest, _remora_v1_Push__Output>;
  
}

/**
 * Pushes what a sidecar needs to know. The sidecar speaks first with a Hello;
 * from then on the control plane pushes deltas, at most one unanswered at a
 * time, and the sidecar answers each with an Ack or a Nack.
 * 
 * Resource names:
 * settings                     about this sidecar itself            (pushed always)
 * service/<namespace>/<name>   the index: addresses, ports          (pushed always)
 * routes/<namespace>/<name>    rules and policies of a service      (pushed once subscribed)
 * endpoints/<namespace>/<name> where a service's pods are           (pushed once subscribed, also for
 * the backends of subscribed routes)
 * external/<namespace>/<name>  hosts outside of the mesh            (pushed always)
 * workload/<ip>                who answers at a pod's address       (pushed once subscribed; when nobody
 * does, a Workload with only its address)
 */
export interface ConfigHandlers extends grpc.UntypedServiceImplementation {
  Subscribe: grpc.handleBidiStreamingCall<_remora_v1_SubscribeRequest__Output, _remora_v1_Push>;
  
}

export interface ConfigDefinition extends grpc.ServiceDefinition {
  Subscribe: MethodDefinition<_remora_v1_SubscribeRequest, _remora_v1_Push, _remora_v1_SubscribeRequest__Output, _remora_v1_Push__Output>
}
