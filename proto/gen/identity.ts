import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { Certificate as _remora_v1_Certificate, Certificate__Output as _remora_v1_Certificate__Output } from './remora/v1/Certificate.ts';
import type { CertifyRequest as _remora_v1_CertifyRequest, CertifyRequest__Output as _remora_v1_CertifyRequest__Output } from './remora/v1/CertifyRequest.ts';
import type { CertifyResponse as _remora_v1_CertifyResponse, CertifyResponse__Output as _remora_v1_CertifyResponse__Output } from './remora/v1/CertifyResponse.ts';
import type { IdentityClient as _remora_v1_IdentityClient, IdentityDefinition as _remora_v1_IdentityDefinition } from './remora/v1/Identity.ts';
import type { TrustBundle as _remora_v1_TrustBundle, TrustBundle__Output as _remora_v1_TrustBundle__Output } from './remora/v1/TrustBundle.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  remora: {
    v1: {
      Certificate: MessageTypeDefinition<_remora_v1_Certificate, _remora_v1_Certificate__Output>
      CertifyRequest: MessageTypeDefinition<_remora_v1_CertifyRequest, _remora_v1_CertifyRequest__Output>
      CertifyResponse: MessageTypeDefinition<_remora_v1_CertifyResponse, _remora_v1_CertifyResponse__Output>
      /**
       * Certificates. The client sends a signing request and gets a chain with the
       * roots to trust. The control plane begins with the roots as they are now. The
       * stream stays open: when the issuer or a root rotates, the control plane sends
       * the new trust bundle and may ask for a new request.
       */
      Identity: SubtypeConstructor<typeof grpc.Client, _remora_v1_IdentityClient> & { service: _remora_v1_IdentityDefinition }
      TrustBundle: MessageTypeDefinition<_remora_v1_TrustBundle, _remora_v1_TrustBundle__Output>
    }
  }
}

