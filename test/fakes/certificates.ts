import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import forge from 'node-forge';
import { spiffeId } from '../../proto/well-known.ts';
import type { Credentials } from '../../sidecar/identity/types.ts';

const { asn1 } = forge;
const { Class, Type } = asn1;

const ECDSA_WITH_SHA256 = '1.2.840.10045.4.3.2';
const COMMON_NAME = '2.5.4.3';
const BASIC_CONSTRAINTS = '2.5.29.19';
const SUBJECT_ALTERNATIVE_NAME = '2.5.29.17';

/** A key and its certificate, both as PEM. */
export interface Issued {
  readonly key: string;
  readonly certificate: string;
}

/**
 * A certificate authority for tests: ECDSA P-256, as the mesh's own.
 *
 * @example
 * const ca = new TestAuthority();
 * const server = ca.credentials('shop', 'cart');
 */
export class TestAuthority {
  readonly trustDomain: string;
  /** PEM. */
  readonly root: string;
  readonly #key: KeyObject;

  constructor(trustDomain = 'cluster.local') {
    this.trustDomain = trustDomain;
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.#key = privateKey;
    this.root = this.#certificate('test root', publicKey, undefined);
  }

  /** A leaf with exactly these URIs as subject alternative names. */
  issue(uris: readonly string[]): Issued {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    return {
      key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      certificate: this.#certificate('leaf', publicKey, uris.map(uriName)),
    };
  }

  /** For a key that somebody else holds, as from a signing request. */
  certify(publicKey: KeyObject, uri: string, life: { fromMs: number; toMs: number }): string {
    return this.#certificate('leaf', publicKey, [uriName(uri)], life);
  }

  /** A server's certificate with a DNS name. */
  issueServer(dnsName: string): Issued {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    return {
      key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      certificate: this.#certificate('server', publicKey, [
        asn1.create(Class.CONTEXT_SPECIFIC, 2, false, dnsName),
      ]),
    };
  }

  /** What a sidecar of this service account holds. */
  credentials(namespace: string, serviceAccount: string): Credentials {
    const id = spiffeId(this.trustDomain, namespace, serviceAccount);
    return this.credentialsFor(id, [id]);
  }

  /** Credentials whose certificate may say something else than the holder claims. */
  credentialsFor(id: string, uris: readonly string[]): Credentials {
    const issued = this.issue(uris);
    return {
      spiffeId: id,
      trustDomain: this.trustDomain,
      secureContext: createSecureContext({
        minVersion: 'TLSv1.3',
        key: issued.key,
        cert: issued.certificate,
        ca: this.root,
      }),
      notAfterMs: Date.now() + 3_600_000,
    };
  }

  #certificate(
    subject: string,
    publicKey: KeyObject,
    names: forge.asn1.Asn1[] | undefined,
    life = { fromMs: Date.now() - 3_600_000, toMs: Date.now() + 24 * 3_600_000 },
  ): string {
    const publicKeyInfo = publicKey.export({ type: 'spki', format: 'der' }).toString('latin1');
    const isAuthority = names === undefined;
    const extensions = [
      extension(
        BASIC_CONSTRAINTS,
        true,
        sequence(isAuthority ? [primitive(Type.BOOLEAN, '\xff')] : []),
      ),
    ];
    if (names !== undefined) {
      extensions.push(extension(SUBJECT_ALTERNATIVE_NAME, true, sequence(names)));
    }
    const toBeSigned = sequence([
      asn1.create(Class.CONTEXT_SPECIFIC, 0, true, [primitive(Type.INTEGER, '\x02')]),
      primitive(Type.INTEGER, `\x01${randomBytes(8).toString('latin1')}`),
      sequence([objectIdentifier(ECDSA_WITH_SHA256)]),
      name('test root'),
      sequence([date(life.fromMs), date(life.toMs)]),
      name(subject),
      asn1.fromDer(publicKeyInfo),
      asn1.create(Class.CONTEXT_SPECIFIC, 3, true, [sequence(extensions)]),
    ]);
    const der = Buffer.from(asn1.toDer(toBeSigned).getBytes(), 'latin1');
    const signature = sign('sha256', der, this.#key);
    const certificate = sequence([
      toBeSigned,
      sequence([objectIdentifier(ECDSA_WITH_SHA256)]),
      primitive(Type.BITSTRING, `\x00${signature.toString('latin1')}`),
    ]);
    const base64 = Buffer.from(asn1.toDer(certificate).getBytes(), 'latin1').toString('base64');
    return `-----BEGIN CERTIFICATE-----\n${(base64.match(/.{1,64}/g) ?? []).join('\n')}\n-----END CERTIFICATE-----\n`;
  }
}

function sequence(items: forge.asn1.Asn1[]): forge.asn1.Asn1 {
  return asn1.create(Class.UNIVERSAL, Type.SEQUENCE, true, items);
}

function primitive(type: forge.asn1.Type, bytes: string): forge.asn1.Asn1 {
  return asn1.create(Class.UNIVERSAL, type, false, bytes);
}

function objectIdentifier(dotted: string): forge.asn1.Asn1 {
  return primitive(Type.OID, asn1.oidToDer(dotted).getBytes());
}

function name(commonName: string): forge.asn1.Asn1 {
  const attribute = sequence([objectIdentifier(COMMON_NAME), primitive(Type.UTF8, commonName)]);
  return sequence([asn1.create(Class.UNIVERSAL, Type.SET, true, [attribute])]);
}

function date(wallMs: number): forge.asn1.Asn1 {
  return primitive(Type.UTCTIME, asn1.dateToUtcTime(new Date(wallMs)));
}

function uriName(uri: string): forge.asn1.Asn1 {
  return asn1.create(Class.CONTEXT_SPECIFIC, 6, false, uri);
}

function extension(id: string, critical: boolean, value: forge.asn1.Asn1): forge.asn1.Asn1 {
  return sequence([
    objectIdentifier(id),
    primitive(Type.BOOLEAN, critical ? '\xff' : '\x00'),
    primitive(Type.OCTETSTRING, asn1.toDer(value).getBytes()),
  ]);
}
