import type { X509Certificate } from 'node:crypto';
import { MeshError } from '../../runtime/errors.ts';

/** A SPIFFE ID of the mesh, taken apart. */
export interface MeshIdentity {
  /** `spiffe://<trust domain>/ns/<namespace>/sa/<service account>` */
  readonly id: string;
  readonly trustDomain: string;
  readonly namespace: string;
  readonly serviceAccount: string;
}

const MESH_ID =
  /^spiffe:\/\/([a-z0-9._-]{1,255})\/ns\/([a-z0-9][a-z0-9-]{0,62})\/sa\/([a-z0-9][a-z0-9.-]{0,252})$/;

/** Undefined when the text is not exactly a mesh identity. */
export function parseMeshIdentity(text: string): MeshIdentity | undefined {
  const match = MESH_ID.exec(text);
  if (match === null) return undefined;
  const [, trustDomain = '', namespace = '', serviceAccount = ''] = match;
  return { id: text, trustDomain, namespace, serviceAccount };
}

/**
 * The identity in a certificate whose chain was verified. The certificate has to
 * carry exactly one URI (SPIFFE X.509-SVID, section 2), and the URI has to be a
 * mesh identity of this trust domain.
 *
 * Throws `peer-identity-mismatch`.
 */
export function identityOf(
  certificate: X509Certificate | undefined,
  trustDomain: string,
): MeshIdentity {
  if (certificate === undefined) throw mismatch('it showed no certificate');
  const uris = uriNames(certificate.subjectAltName ?? '');
  if (uris.length !== 1) {
    throw mismatch(`its certificate carries ${uris.length} URIs, and exactly one is allowed`);
  }
  const identity = parseMeshIdentity(uris[0] ?? '');
  if (identity === undefined) throw mismatch('the URI in its certificate is no mesh identity');
  if (identity.trustDomain !== trustDomain) {
    throw mismatch(`its trust domain is ${identity.trustDomain}, and ours is ${trustDomain}`);
  }
  return identity;
}

/**
 * Node prints the names as `URI:spiffe://..., DNS:...` and puts a name that holds
 * a comma, a quote or a control byte into quotes. Such names stay quoted here, and
 * are then no mesh identity.
 */
function uriNames(subjectAltName: string): string[] {
  const names = subjectAltName.match(/[A-Za-z ]+:(?:"(?:[^"\\]|\\.)*"|[^,"]*)/g) ?? [];
  return names
    .map((name) => name.trim())
    .flatMap((name) => (name.startsWith('URI:') ? [name.slice('URI:'.length)] : []));
}

function mismatch(reason: string): MeshError {
  return new MeshError('peer-identity-mismatch', `the peer's identity is not proven: ${reason}`);
}
