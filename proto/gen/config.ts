import type * as grpc from '@grpc/grpc-js';
import type { EnumTypeDefinition, MessageTypeDefinition } from '@grpc/proto-loader';

import type { Ack as _remora_v1_Ack, Ack__Output as _remora_v1_Ack__Output } from './remora/v1/Ack.ts';
import type { Backend as _remora_v1_Backend, Backend__Output as _remora_v1_Backend__Output } from './remora/v1/Backend.ts';
import type { CallerIdentity as _remora_v1_CallerIdentity, CallerIdentity__Output as _remora_v1_CallerIdentity__Output } from './remora/v1/CallerIdentity.ts';
import type { CallingPod as _remora_v1_CallingPod, CallingPod__Output as _remora_v1_CallingPod__Output } from './remora/v1/CallingPod.ts';
import type { CircuitBreaker as _remora_v1_CircuitBreaker, CircuitBreaker__Output as _remora_v1_CircuitBreaker__Output } from './remora/v1/CircuitBreaker.ts';
import type { ConfigClient as _remora_v1_ConfigClient, ConfigDefinition as _remora_v1_ConfigDefinition } from './remora/v1/Config.ts';
import type { ConnectionRule as _remora_v1_ConnectionRule, ConnectionRule__Output as _remora_v1_ConnectionRule__Output } from './remora/v1/ConnectionRule.ts';
import type { Cors as _remora_v1_Cors, Cors__Output as _remora_v1_Cors__Output } from './remora/v1/Cors.ts';
import type { Endpoint as _remora_v1_Endpoint, Endpoint__Output as _remora_v1_Endpoint__Output } from './remora/v1/Endpoint.ts';
import type { EndpointPort as _remora_v1_EndpointPort, EndpointPort__Output as _remora_v1_EndpointPort__Output } from './remora/v1/EndpointPort.ts';
import type { Endpoints as _remora_v1_Endpoints, Endpoints__Output as _remora_v1_Endpoints__Output } from './remora/v1/Endpoints.ts';
import type { Everybody as _remora_v1_Everybody, Everybody__Output as _remora_v1_Everybody__Output } from './remora/v1/Everybody.ts';
import type { ExternalPort as _remora_v1_ExternalPort, ExternalPort__Output as _remora_v1_ExternalPort__Output } from './remora/v1/ExternalPort.ts';
import type { ExternalService as _remora_v1_ExternalService, ExternalService__Output as _remora_v1_ExternalService__Output } from './remora/v1/ExternalService.ts';
import type { FaultAbort as _remora_v1_FaultAbort, FaultAbort__Output as _remora_v1_FaultAbort__Output } from './remora/v1/FaultAbort.ts';
import type { FaultBandwidth as _remora_v1_FaultBandwidth, FaultBandwidth__Output as _remora_v1_FaultBandwidth__Output } from './remora/v1/FaultBandwidth.ts';
import type { FaultDelay as _remora_v1_FaultDelay, FaultDelay__Output as _remora_v1_FaultDelay__Output } from './remora/v1/FaultDelay.ts';
import type { Faults as _remora_v1_Faults, Faults__Output as _remora_v1_Faults__Output } from './remora/v1/Faults.ts';
import type { Filters as _remora_v1_Filters, Filters__Output as _remora_v1_Filters__Output } from './remora/v1/Filters.ts';
import type { HashCookie as _remora_v1_HashCookie, HashCookie__Output as _remora_v1_HashCookie__Output } from './remora/v1/HashCookie.ts';
import type { HashSource as _remora_v1_HashSource, HashSource__Output as _remora_v1_HashSource__Output } from './remora/v1/HashSource.ts';
import type { Header as _remora_v1_Header, Header__Output as _remora_v1_Header__Output } from './remora/v1/Header.ts';
import type { HeaderChanges as _remora_v1_HeaderChanges, HeaderChanges__Output as _remora_v1_HeaderChanges__Output } from './remora/v1/HeaderChanges.ts';
import type { Hedging as _remora_v1_Hedging, Hedging__Output as _remora_v1_Hedging__Output } from './remora/v1/Hedging.ts';
import type { Hello as _remora_v1_Hello, Hello__Output as _remora_v1_Hello__Output } from './remora/v1/Hello.ts';
import type { HttpMatch as _remora_v1_HttpMatch, HttpMatch__Output as _remora_v1_HttpMatch__Output } from './remora/v1/HttpMatch.ts';
import type { HttpRule as _remora_v1_HttpRule, HttpRule__Output as _remora_v1_HttpRule__Output } from './remora/v1/HttpRule.ts';
import type { InboundRateLimits as _remora_v1_InboundRateLimits, InboundRateLimits__Output as _remora_v1_InboundRateLimits__Output } from './remora/v1/InboundRateLimits.ts';
import type { LatencyEjection as _remora_v1_LatencyEjection, LatencyEjection__Output as _remora_v1_LatencyEjection__Output } from './remora/v1/LatencyEjection.ts';
import type { Limits as _remora_v1_Limits, Limits__Output as _remora_v1_Limits__Output } from './remora/v1/Limits.ts';
import type { LoadBalancer as _remora_v1_LoadBalancer, LoadBalancer__Output as _remora_v1_LoadBalancer__Output } from './remora/v1/LoadBalancer.ts';
import type { Locality as _remora_v1_Locality, Locality__Output as _remora_v1_Locality__Output } from './remora/v1/Locality.ts';
import type { Mirror as _remora_v1_Mirror, Mirror__Output as _remora_v1_Mirror__Output } from './remora/v1/Mirror.ts';
import type { Nack as _remora_v1_Nack, Nack__Output as _remora_v1_Nack__Output } from './remora/v1/Nack.ts';
import type { OriginateTls as _remora_v1_OriginateTls, OriginateTls__Output as _remora_v1_OriginateTls__Output } from './remora/v1/OriginateTls.ts';
import type { PathChange as _remora_v1_PathChange, PathChange__Output as _remora_v1_PathChange__Output } from './remora/v1/PathChange.ts';
import type { Policy as _remora_v1_Policy, Policy__Output as _remora_v1_Policy__Output } from './remora/v1/Policy.ts';
import type { Port as _remora_v1_Port, Port__Output as _remora_v1_Port__Output } from './remora/v1/Port.ts';
import type { PortRoutes as _remora_v1_PortRoutes, PortRoutes__Output as _remora_v1_PortRoutes__Output } from './remora/v1/PortRoutes.ts';
import type { Push as _remora_v1_Push, Push__Output as _remora_v1_Push__Output } from './remora/v1/Push.ts';
import type { RateLimit as _remora_v1_RateLimit, RateLimit__Output as _remora_v1_RateLimit__Output } from './remora/v1/RateLimit.ts';
import type { RateLimitKey as _remora_v1_RateLimitKey, RateLimitKey__Output as _remora_v1_RateLimitKey__Output } from './remora/v1/RateLimitKey.ts';
import type { RateLimitStore as _remora_v1_RateLimitStore, RateLimitStore__Output as _remora_v1_RateLimitStore__Output } from './remora/v1/RateLimitStore.ts';
import type { RateLimits as _remora_v1_RateLimits, RateLimits__Output as _remora_v1_RateLimits__Output } from './remora/v1/RateLimits.ts';
import type { Redirect as _remora_v1_Redirect, Redirect__Output as _remora_v1_Redirect__Output } from './remora/v1/Redirect.ts';
import type { Resource as _remora_v1_Resource, Resource__Output as _remora_v1_Resource__Output } from './remora/v1/Resource.ts';
import type { Retries as _remora_v1_Retries, Retries__Output as _remora_v1_Retries__Output } from './remora/v1/Retries.ts';
import type { Rewrite as _remora_v1_Rewrite, Rewrite__Output as _remora_v1_Rewrite__Output } from './remora/v1/Rewrite.ts';
import type { Routes as _remora_v1_Routes, Routes__Output as _remora_v1_Routes__Output } from './remora/v1/Routes.ts';
import type { Service as _remora_v1_Service, Service__Output as _remora_v1_Service__Output } from './remora/v1/Service.ts';
import type { SessionPersistence as _remora_v1_SessionPersistence, SessionPersistence__Output as _remora_v1_SessionPersistence__Output } from './remora/v1/SessionPersistence.ts';
import type { Settings as _remora_v1_Settings, Settings__Output as _remora_v1_Settings__Output } from './remora/v1/Settings.ts';
import type { SlowStart as _remora_v1_SlowStart, SlowStart__Output as _remora_v1_SlowStart__Output } from './remora/v1/SlowStart.ts';
import type { SubscribeRequest as _remora_v1_SubscribeRequest, SubscribeRequest__Output as _remora_v1_SubscribeRequest__Output } from './remora/v1/SubscribeRequest.ts';
import type { Subscription as _remora_v1_Subscription, Subscription__Output as _remora_v1_Subscription__Output } from './remora/v1/Subscription.ts';
import type { SuccessRateEjection as _remora_v1_SuccessRateEjection, SuccessRateEjection__Output as _remora_v1_SuccessRateEjection__Output } from './remora/v1/SuccessRateEjection.ts';
import type { ValueMatch as _remora_v1_ValueMatch, ValueMatch__Output as _remora_v1_ValueMatch__Output } from './remora/v1/ValueMatch.ts';
import type { Workload as _remora_v1_Workload, Workload__Output as _remora_v1_Workload__Output } from './remora/v1/Workload.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  remora: {
    v1: {
      Ack: MessageTypeDefinition<_remora_v1_Ack, _remora_v1_Ack__Output>
      Backend: MessageTypeDefinition<_remora_v1_Backend, _remora_v1_Backend__Output>
      BalancerType: EnumTypeDefinition
      CallerIdentity: MessageTypeDefinition<_remora_v1_CallerIdentity, _remora_v1_CallerIdentity__Output>
      CallingPod: MessageTypeDefinition<_remora_v1_CallingPod, _remora_v1_CallingPod__Output>
      CircuitBreaker: MessageTypeDefinition<_remora_v1_CircuitBreaker, _remora_v1_CircuitBreaker__Output>
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
      Config: SubtypeConstructor<typeof grpc.Client, _remora_v1_ConfigClient> & { service: _remora_v1_ConfigDefinition }
      ConnectionRule: MessageTypeDefinition<_remora_v1_ConnectionRule, _remora_v1_ConnectionRule__Output>
      Cors: MessageTypeDefinition<_remora_v1_Cors, _remora_v1_Cors__Output>
      EgressMode: EnumTypeDefinition
      Endpoint: MessageTypeDefinition<_remora_v1_Endpoint, _remora_v1_Endpoint__Output>
      EndpointPort: MessageTypeDefinition<_remora_v1_EndpointPort, _remora_v1_EndpointPort__Output>
      Endpoints: MessageTypeDefinition<_remora_v1_Endpoints, _remora_v1_Endpoints__Output>
      Everybody: MessageTypeDefinition<_remora_v1_Everybody, _remora_v1_Everybody__Output>
      ExternalPort: MessageTypeDefinition<_remora_v1_ExternalPort, _remora_v1_ExternalPort__Output>
      ExternalService: MessageTypeDefinition<_remora_v1_ExternalService, _remora_v1_ExternalService__Output>
      FaultAbort: MessageTypeDefinition<_remora_v1_FaultAbort, _remora_v1_FaultAbort__Output>
      FaultBandwidth: MessageTypeDefinition<_remora_v1_FaultBandwidth, _remora_v1_FaultBandwidth__Output>
      FaultDelay: MessageTypeDefinition<_remora_v1_FaultDelay, _remora_v1_FaultDelay__Output>
      Faults: MessageTypeDefinition<_remora_v1_Faults, _remora_v1_Faults__Output>
      Filters: MessageTypeDefinition<_remora_v1_Filters, _remora_v1_Filters__Output>
      HashCookie: MessageTypeDefinition<_remora_v1_HashCookie, _remora_v1_HashCookie__Output>
      HashSource: MessageTypeDefinition<_remora_v1_HashSource, _remora_v1_HashSource__Output>
      Header: MessageTypeDefinition<_remora_v1_Header, _remora_v1_Header__Output>
      HeaderChanges: MessageTypeDefinition<_remora_v1_HeaderChanges, _remora_v1_HeaderChanges__Output>
      Hedging: MessageTypeDefinition<_remora_v1_Hedging, _remora_v1_Hedging__Output>
      Hello: MessageTypeDefinition<_remora_v1_Hello, _remora_v1_Hello__Output>
      HttpMatch: MessageTypeDefinition<_remora_v1_HttpMatch, _remora_v1_HttpMatch__Output>
      HttpRule: MessageTypeDefinition<_remora_v1_HttpRule, _remora_v1_HttpRule__Output>
      InboundRateLimits: MessageTypeDefinition<_remora_v1_InboundRateLimits, _remora_v1_InboundRateLimits__Output>
      LatencyEjection: MessageTypeDefinition<_remora_v1_LatencyEjection, _remora_v1_LatencyEjection__Output>
      Limits: MessageTypeDefinition<_remora_v1_Limits, _remora_v1_Limits__Output>
      LoadBalancer: MessageTypeDefinition<_remora_v1_LoadBalancer, _remora_v1_LoadBalancer__Output>
      Locality: MessageTypeDefinition<_remora_v1_Locality, _remora_v1_Locality__Output>
      Mirror: MessageTypeDefinition<_remora_v1_Mirror, _remora_v1_Mirror__Output>
      Nack: MessageTypeDefinition<_remora_v1_Nack, _remora_v1_Nack__Output>
      OriginateTls: MessageTypeDefinition<_remora_v1_OriginateTls, _remora_v1_OriginateTls__Output>
      PathChange: MessageTypeDefinition<_remora_v1_PathChange, _remora_v1_PathChange__Output>
      Policy: MessageTypeDefinition<_remora_v1_Policy, _remora_v1_Policy__Output>
      Port: MessageTypeDefinition<_remora_v1_Port, _remora_v1_Port__Output>
      PortRoutes: MessageTypeDefinition<_remora_v1_PortRoutes, _remora_v1_PortRoutes__Output>
      Protocol: EnumTypeDefinition
      Push: MessageTypeDefinition<_remora_v1_Push, _remora_v1_Push__Output>
      RateLimit: MessageTypeDefinition<_remora_v1_RateLimit, _remora_v1_RateLimit__Output>
      RateLimitKey: MessageTypeDefinition<_remora_v1_RateLimitKey, _remora_v1_RateLimitKey__Output>
      RateLimitStore: MessageTypeDefinition<_remora_v1_RateLimitStore, _remora_v1_RateLimitStore__Output>
      RateLimits: MessageTypeDefinition<_remora_v1_RateLimits, _remora_v1_RateLimits__Output>
      Redirect: MessageTypeDefinition<_remora_v1_Redirect, _remora_v1_Redirect__Output>
      Resource: MessageTypeDefinition<_remora_v1_Resource, _remora_v1_Resource__Output>
      Retries: MessageTypeDefinition<_remora_v1_Retries, _remora_v1_Retries__Output>
      Rewrite: MessageTypeDefinition<_remora_v1_Rewrite, _remora_v1_Rewrite__Output>
      Routes: MessageTypeDefinition<_remora_v1_Routes, _remora_v1_Routes__Output>
      Service: MessageTypeDefinition<_remora_v1_Service, _remora_v1_Service__Output>
      SessionPersistence: MessageTypeDefinition<_remora_v1_SessionPersistence, _remora_v1_SessionPersistence__Output>
      Settings: MessageTypeDefinition<_remora_v1_Settings, _remora_v1_Settings__Output>
      SlowStart: MessageTypeDefinition<_remora_v1_SlowStart, _remora_v1_SlowStart__Output>
      SubscribeRequest: MessageTypeDefinition<_remora_v1_SubscribeRequest, _remora_v1_SubscribeRequest__Output>
      Subscription: MessageTypeDefinition<_remora_v1_Subscription, _remora_v1_Subscription__Output>
      SuccessRateEjection: MessageTypeDefinition<_remora_v1_SuccessRateEjection, _remora_v1_SuccessRateEjection__Output>
      ValueMatch: MessageTypeDefinition<_remora_v1_ValueMatch, _remora_v1_ValueMatch__Output>
      Workload: MessageTypeDefinition<_remora_v1_Workload, _remora_v1_Workload__Output>
    }
  }
}

