export interface CertifyRequest {
  /**
   * PKCS #10 in DER, ECDSA P-256. The names in it are ignored: the identity
   * comes from the credentials of the call.
   */
  'certificateSigningRequest'?: (Buffer | Uint8Array | string);
}

export interface CertifyRequest__Output {
  /**
   * PKCS #10 in DER, ECDSA P-256. The names in it are ignored: the identity
   * comes from the credentials of the call.
   */
  'certificateSigningRequest': (Buffer);
}
