import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import type { asn1 as Asn1 } from 'node-forge';
import asn1 from 'node-forge/lib/asn1.js';

const { Class, Type } = asn1;

const ECDSA_WITH_SHA256 = '1.2.840.10045.4.3.2';

/** A private key that never leaves this process, and the request for a certificate of it. */
export interface CertificateRequest {
  readonly privateKey: KeyObject;
  /** PKCS #10 (RFC 2986) in DER. */
  readonly der: Buffer;
}

/**
 * A new ECDSA P-256 key with a signing request that proves possession of it. The
 * request names nobody: the identity comes from the credentials of the call.
 */
export function createCertificateRequest(): CertificateRequest {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const publicKeyInfo = publicKey.export({ type: 'spki', format: 'der' });
  const information = sequence([
    asn1.create(Class.UNIVERSAL, Type.INTEGER, false, '\x00'),
    sequence([]),
    asn1.fromDer(publicKeyInfo.toString('latin1')),
    asn1.create(Class.CONTEXT_SPECIFIC, 0, true, []),
  ]);
  const signature = sign('sha256', toDer(information), privateKey);
  const request = sequence([
    information,
    sequence([
      asn1.create(Class.UNIVERSAL, Type.OID, false, asn1.oidToDer(ECDSA_WITH_SHA256).getBytes()),
    ]),
    asn1.create(Class.UNIVERSAL, Type.BITSTRING, false, `\x00${signature.toString('latin1')}`),
  ]);
  return { privateKey, der: toDer(request) };
}

function sequence(items: Asn1.Asn1[]): Asn1.Asn1 {
  return asn1.create(Class.UNIVERSAL, Type.SEQUENCE, true, items);
}

function toDer(value: Asn1.Asn1): Buffer {
  return Buffer.from(asn1.toDer(value).getBytes(), 'latin1');
}
