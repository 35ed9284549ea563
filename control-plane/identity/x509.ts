import {
  createHash,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  verify,
  X509Certificate,
} from 'node:crypto';
import { isIPv4, isIPv6 } from 'node:net';
import type { asn1 as forgeAsn1 } from 'node-forge';
import asn1 from 'node-forge/lib/asn1.js';
import { MeshError } from '../../runtime/errors.ts';
import { DER_TAG, expectTag, readDerElement, readDerElements } from './der.ts';

/**
 * X.509 certificates (RFC 5280) with ECDSA P-256 and SHA-256: the structure by
 * node-forge's ASN.1 builder, signatures by node:crypto.
 */

type Asn1 = forgeAsn1.Asn1;
const { Class, Type } = asn1;

const OID = {
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  commonName: '2.5.4.3',
  organization: '2.5.4.10',
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
} as const;

/** KeyUsage bits (RFC 5280 §4.2.1.3) as the content of a BIT STRING: unused bits, then the bits. */
const KEY_USAGE = { digitalSignature: '\x07\x80', keyCertSignAndCrlSign: '\x01\x06' } as const;

/** What signs: its key, and what of its certificate goes into those that it signs. */
export interface Issuer {
  readonly privateKey: KeyObject;
  /** The subject's Name in DER, copied as it stands. */
  readonly name: Buffer;
  readonly keyIdentifier: Buffer;
  readonly notAfterMs: number;
}

/** The names that a certificate speaks for. */
export interface SubjectNames {
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
}

export interface Validity {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

export interface KeyPair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

export function generateKeyPair(): KeyPair {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

/** A self-signed root, in DER. */
export function createRootCertificate(
  keys: KeyPair,
  commonName: string,
  validity: Validity,
): Buffer {
  const spki = exportSpki(keys.publicKey);
  const name = nameDer(commonName);
  const identifier = keyIdentifierOf(spki);
  return signCertificate(keys.privateKey, {
    issuerName: name,
    subjectName: name,
    spki,
    validity,
    extensions: [
      extension(OID.basicConstraints, true, sequence([boolean(true)])),
      extension(OID.keyUsage, true, bitString(KEY_USAGE.keyCertSignAndCrlSign)),
      extension(OID.subjectKeyIdentifier, false, octetString(binary(identifier))),
    ],
  });
}

/**
 * A leaf for clients and servers, in DER. The subject is empty: who it is stands
 * in the names alone, as SPIFFE X509-SVID §2 wants it, so that extension is critical.
 */
export function issueLeafCertificate(
  issuer: Issuer,
  publicKeySpki: Buffer,
  names: SubjectNames,
  validity: Validity,
): Buffer {
  return signCertificate(issuer.privateKey, {
    issuerName: issuer.name,
    subjectName: EMPTY_NAME,
    spki: publicKeySpki,
    validity,
    extensions: [
      extension(OID.basicConstraints, true, sequence([])),
      extension(OID.keyUsage, true, bitString(KEY_USAGE.digitalSignature)),
      extension(OID.extendedKeyUsage, false, LEAF_KEY_USES),
      extension(
        OID.authorityKeyIdentifier,
        false,
        sequence([context(0, binary(issuer.keyIdentifier))]),
      ),
      extension(OID.subjectAltName, true, subjectAltName(names)),
    ],
  });
}

/** Reads the certificate of a CA (PEM or DER) for signing with its key. */
export function readIssuer(certificate: X509Certificate, privateKey: KeyObject): Issuer {
  if (!certificate.ca) {
    throw new MeshError('bad-ca', 'the CA certificate is not a CA (basicConstraints)');
  }
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new MeshError('bad-ca', 'the CA key does not belong to the CA certificate');
  }
  if (!isP256(privateKey)) {
    throw new MeshError('bad-ca', 'the CA key is not ECDSA P-256');
  }
  const [tbs] = readDerElements(readDerElement(certificate.raw, DER_TAG.sequence).content);
  const fields = readDerElements(expectTag(tbs, DER_TAG.sequence).content);
  // tbsCertificate: [0] version, serial, signature, issuer, validity, subject, key, ...
  const subject = expectTag(fields[5], DER_TAG.sequence);
  return {
    privateKey,
    name: subject.encoded,
    keyIdentifier: subjectKeyIdentifier(fields.at(-1)?.content) ?? keyIdentifierOf(certificate),
    notAfterMs: certificate.validToDate.getTime(),
  };
}

/**
 * The public key of a PKCS #10 request (RFC 2986) that proves to hold the private one.
 *
 * @returns the SubjectPublicKeyInfo in DER.
 * @throws MeshError `bad-signing-request`: not a request, another kind of key, or a bad signature.
 */
export function readSigningRequest(der: Buffer): Buffer {
  try {
    const parts = readDerElements(readDerElement(der, DER_TAG.sequence).content);
    const info = expectTag(parts[0], DER_TAG.sequence);
    const algorithm = readDerElements(expectTag(parts[1], DER_TAG.sequence).content)[0];
    const signature = expectTag(parts[2], DER_TAG.bitString).content;
    if (!expectTag(algorithm, DER_TAG.objectIdentifier).content.equals(ECDSA_WITH_SHA256_DER)) {
      throw new MeshError('bad-signing-request', 'it is not signed with ECDSA and SHA-256');
    }
    const spki = expectTag(readDerElements(info.content)[2], DER_TAG.sequence).encoded;
    const publicKey = createPublicKey({ key: spki, format: 'der', type: 'spki' });
    if (!isP256(publicKey)) {
      throw new MeshError('bad-signing-request', 'its key is not ECDSA P-256');
    }
    if (!verify('sha256', info.encoded, publicKey, signature.subarray(1))) {
      throw new MeshError('bad-signing-request', 'its signature does not match its key');
    }
    return exportSpki(publicKey);
  } catch (error) {
    if (error instanceof MeshError && error.code === 'bad-signing-request') throw error;
    throw new MeshError(
      'bad-signing-request',
      'the certificate signing request cannot be read: PKCS #10 in DER with an ECDSA P-256 key is expected',
      { cause: error },
    );
  }
}

export function exportSpki(publicKey: KeyObject): Buffer {
  return publicKey.export({ format: 'der', type: 'spki' });
}

/** DER as PEM with a trailing newline. */
export function certificatePem(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

/** The certificates of a PEM file in order. */
export function readCertificates(pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block));
}

function isP256(key: KeyObject): boolean {
  return key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1';
}

// --- building -----------------------------------------------------------------------------------

interface CertificateContent {
  issuerName: Buffer;
  subjectName: Buffer;
  spki: Buffer;
  validity: Validity;
  extensions: Asn1[];
}

function signCertificate(privateKey: KeyObject, content: CertificateContent): Buffer {
  const tbs = encode(
    sequence([
      explicit(0, integer('\x02')),
      integer(serialNumber()),
      SIGNATURE_ALGORITHM,
      raw(content.issuerName),
      sequence([time(content.validity.notBeforeMs), time(content.validity.notAfterMs)]),
      raw(content.subjectName),
      raw(content.spki),
      explicit(3, sequence(content.extensions)),
    ]),
  );
  const signature = sign('sha256', tbs, privateKey);
  return encode(sequence([raw(tbs), SIGNATURE_ALGORITHM, bitString(`\x00${binary(signature)}`)]));
}

/** 128 random bits after a byte that keeps the number positive and its encoding minimal. */
function serialNumber(): string {
  return `\x01${binary(randomBytes(16))}`;
}

function subjectAltName(names: SubjectNames): Asn1 {
  const entries = [
    ...names.uris.map((uri) => context(6, ascii(uri))),
    ...names.dnsNames.map((name) => context(2, ascii(name))),
    ...names.ipAddresses.map((address) => context(7, binary(ipBytes(address)))),
  ];
  return sequence(entries);
}

/** Names are compared as strings by others: nothing that could end or hide a part of one. */
function ascii(name: string): string {
  if (!/^[\x21-\x7e]+$/.test(name)) {
    throw new MeshError('bad-name', `"${name}" cannot be a name in a certificate`);
  }
  return name;
}

function ipBytes(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  if (!isIPv6(address)) throw new MeshError('bad-name', `"${address}" is not an IP address`);
  const canonical = new URL(`http://[${address}]/`).hostname.slice(1, -1);
  const [head = '', tail] = canonical.split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':'));
  const after = tail === undefined ? [] : groups(tail);
  const before = groups(head);
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0');
  const bytes = Buffer.alloc(16);
  for (const [index, group] of [...before, ...zeros, ...after].entries()) {
    bytes.writeUInt16BE(Number.parseInt(group, 16), index * 2);
  }
  return bytes;
}

/** UTCTime until 2049, GeneralizedTime from then on (RFC 5280 §4.1.2.5). */
function time(epochMs: number): Asn1 {
  const digits = new Date(epochMs).toISOString().replace(/[-:T]|\.\d+/g, '');
  return Number(digits.slice(0, 4)) < 2050
    ? asn1.create(Class.UNIVERSAL, Type.UTCTIME, false, digits.slice(2))
    : asn1.create(Class.UNIVERSAL, Type.GENERALIZEDTIME, false, digits);
}

function nameDer(commonName: string): Buffer {
  const attribute = (type: string, value: string) =>
    asn1.create(Class.UNIVERSAL, Type.SET, true, [
      sequence([oid(type), asn1.create(Class.UNIVERSAL, Type.UTF8, false, value)]),
    ]);
  return encode(
    sequence([attribute(OID.organization, 'Remora'), attribute(OID.commonName, commonName)]),
  );
}

/** RFC 5280 §4.2.1.2 (1): SHA-1 over the key's bits. */
function keyIdentifierOf(source: Buffer | X509Certificate): Buffer {
  const spki = source instanceof X509Certificate ? exportSpki(source.publicKey) : source;
  const parts = readDerElements(readDerElement(spki, DER_TAG.sequence).content);
  return createHash('sha1')
    .update(expectTag(parts[1], DER_TAG.bitString).content.subarray(1))
    .digest();
}

/** From the extensions of a certificate, `[3] { SEQUENCE OF Extension }`. */
function subjectKeyIdentifier(extensions: Buffer | undefined): Buffer | undefined {
  if (extensions === undefined) return undefined;
  const list = readDerElement(extensions, DER_TAG.sequence);
  for (const element of readDerElements(list.content)) {
    const parts = readDerElements(element.content);
    if (parts[0]?.content.equals(SUBJECT_KEY_IDENTIFIER_DER)) {
      return readDerElements(parts.at(-1)?.content ?? Buffer.alloc(0))[0]?.content;
    }
  }
  return undefined;
}

function extension(type: string, critical: boolean, value: Asn1): Asn1 {
  const content = octetString(asn1.toDer(value).getBytes());
  return sequence(critical ? [oid(type), boolean(true), content] : [oid(type), content]);
}

function sequence(items: Asn1[]): Asn1 {
  return asn1.create(Class.UNIVERSAL, Type.SEQUENCE, true, items);
}

function explicit(tag: number, item: Asn1): Asn1 {
  return asn1.create(Class.CONTEXT_SPECIFIC, tag, true, [item]);
}

function context(tag: number, bytes: string): Asn1 {
  return asn1.create(Class.CONTEXT_SPECIFIC, tag, false, bytes);
}

function oid(dotted: string): Asn1 {
  return asn1.create(Class.UNIVERSAL, Type.OID, false, asn1.oidToDer(dotted).getBytes());
}

function integer(bytes: string): Asn1 {
  return asn1.create(Class.UNIVERSAL, Type.INTEGER, false, bytes);
}

function boolean(value: boolean): Asn1 {
  return asn1.create(Class.UNIVERSAL, Type.BOOLEAN, false, value ? '\xff' : '\x00');
}

function bitString(bytes: string): Asn1 {
  return asn1.create(Class.UNIVERSAL, Type.BITSTRING, false, bytes);
}

function octetString(bytes: string): Asn1 {
  return asn1.create(Class.UNIVERSAL, Type.OCTETSTRING, false, bytes);
}

/** An element that is encoded already: forge writes tag and length, so only its content goes in. */
function raw(encoded: Buffer): Asn1 {
  const { tag, content } = readDerElement(encoded, DER_TAG.sequence);
  // Not "constructed" in forge's sense, a list of its objects; the tag carries the bit.
  return asn1.create(Class.UNIVERSAL, tag as forgeAsn1.Type, false, binary(content));
}

function encode(item: Asn1): Buffer {
  return Buffer.from(asn1.toDer(item).getBytes(), 'latin1');
}

function binary(bytes: Buffer): string {
  return bytes.toString('latin1');
}

const SIGNATURE_ALGORITHM = sequence([oid(OID.ecdsaWithSha256)]);
const LEAF_KEY_USES = sequence([oid(OID.serverAuth), oid(OID.clientAuth)]);
const EMPTY_NAME = encode(sequence([]));
const ECDSA_WITH_SHA256_DER = Buffer.from(asn1.oidToDer(OID.ecdsaWithSha256).getBytes(), 'latin1');
const SUBJECT_KEY_IDENTIFIER_DER = Buffer.from(
  asn1.oidToDer(OID.subjectKeyIdentifier).getBytes(),
  'latin1',
);
