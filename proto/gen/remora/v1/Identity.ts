import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { CertifyRequest as _remora_v1_CertifyRequest, CertifyRequest__Output as _remora_v1_CertifyRequest__Output } from '../../remora/v1/CertifyRequest.ts';
import type { CertifyResponse as _remora_v1_CertifyResponse, CertifyResponse__Output as _remora_v1_CertifyResponse__Output } from '../../remora/v1/CertifyResponse.ts';

/**
 * Certificates. The client sends a signing request and gets a chain with the
 * roots to trust. The control plane begins with the roots as they are now. The
 * stream stays open: when the issuer or a root rotates, the control plane sends
 * the new trust bundle and may ask for a new request.
 */
export interface IdentityClient extends grpc.Client {
  Certify(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_remora_v1_CertifyRequest, _remora_v1_CertifyResponse__Output>;
  Certify(options?: grpc.CallOptions): grpc.ClientDuplexStream<_remora_v1_CertifyRequest, _remora_v1_CertifyResponse__Output>;
  certify(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_remora_v1_CertifyRequest, _remora_v1_CertifyResponse__Output>;
  certify(options?: grpc.CallOptions): grpc.ClientDuplexStream<_remora_v1_CertifyRequest, _remora_v1_CertifyResponse__Output>;
  
}

/**
 * Certificates. The client sends a signing request and gets a chain with the
 * roots to trust. The control plane begins with the roots as they are now. The
 * stream stays open: when the issuer or a root rotates, the control plane sends
 * the new trust bundle and may ask for a new request.
 */
export interface IdentityHandlers extends grpc.UntypedServiceImplementation {
  Certify: grpc.handleBidiStreamingCall<_remora_v1_CertifyRequest__Output, _remora_v1_CertifyResponse>;
  
}

export interface IdentityDefinition extends grpc.ServiceDefinition {
  Certify: MethodDefinition<_remora_v1_CertifyRequest, _remora_v1_CertifyResponse, _remora_v1_CertifyRequest__Output, _remora_v1_CertifyResponse__Output>
}
