import { createPrivateKey, type X509Certificate } from 'node:crypto';
import { MeshError } from '../../runtime/errors.ts';
import {
  certificatePem,
  createRootCertificate,
  generateKeyPair,
  type Issuer,
  readCertificates,
  readIssuer,
} from './x509.ts';

/**
 * The CA as it is stored, PEM by key of the Secret:
 *
 * - `ca.crt`, `ca.key`: what issues. A root, or an intermediate followed by
 *   those between it and the root.
 * - `roots.pem`: whom the mesh trusts, one or more roots. May be left out when
 *   `ca.crt` is a root.
 * - `next.crt`, `next.key`, `next.from`: the root that takes over, and from when
 *   (RFC 3339). It is in `roots.pem` before, so that everybody trusts it by then.
 */
export type CaData = Readonly<Record<string, string>>;

/** The CA ready for use. */
export interface CaMaterial {
  readonly issuer: Issuer;
  /** Goes after each leaf: nothing when a root issues. */
  readonly intermediates: string;
  /** PEM of all roots that are trusted. */
  readonly roots: string;
  readonly data: CaData;
}

export interface RootTiming {
  readonly rootLifetimeMs: number;
  /** The longest that a leaf lives. */
  readonly leafLifetimeMs: number;
}

/** Certificates begin a minute ago, for clocks that are behind. */
export const CLOCK_SKEW_MS = 60_000;

/** A new self-made CA. */
export function createCa(nowMs: number, timing: RootTiming): CaData {
  const root = createRoot(nowMs, timing);
  return { 'ca.crt': root.certificate, 'ca.key': root.key, 'roots.pem': root.certificate };
}

/**
 * Reads what is stored.
 *
 * @throws MeshError `bad-ca`: what is missing or does not fit together.
 */
export function readCa(data: CaData): CaMaterial {
  const [issuerCertificate, ...intermediates] = certificatesOf(data, 'ca.crt');
  if (issuerCertificate === undefined) {
    throw new MeshError('bad-ca', 'the CA has no certificate in "ca.crt"');
  }
  const issuer = readIssuer(issuerCertificate, privateKeyOf(data, 'ca.key'));
  const chain = isSelfSigned(issuerCertificate) ? [] : [issuerCertificate, ...intermediates];
  const roots = certificatesOf(data, 'roots.pem');
  if (chain.length === 0 && !roots.some((root) => root.raw.equals(issuerCertificate.raw))) {
    roots.unshift(issuerCertificate);
  }
  const top = chain.at(-1);
  if (top !== undefined && !roots.some((root) => top.verify(root.publicKey))) {
    throw new MeshError(
      'bad-ca',
      'the CA certificate in "ca.crt" is not a root, and no certificate in "roots.pem" signed it',
    );
  }
  return { issuer, intermediates: pemOf(chain), roots: pemOf(roots), data };
}

/**
 * What the stored CA should become by now; undefined when it is good as it is.
 *
 * A self-made root that has lived four fifths of its life gets a successor. The
 * successor is trusted at once, and issues when every leaf of the old root has
 * been renewed in the meantime. The old root stays trusted until it ends.
 */
export function rotateCa(data: CaData, nowMs: number, timing: RootTiming): CaData | undefined {
  const [current] = certificatesOf(data, 'ca.crt');
  // Whoever brought an intermediate of their own also renews it.
  if (current === undefined || !isSelfSigned(current)) return undefined;
  const from = data['next.from'];
  if (data['next.crt'] !== undefined && data['next.key'] !== undefined && from !== undefined) {
    const fromMs = Date.parse(from);
    if (Number.isNaN(fromMs)) {
      throw new MeshError('bad-ca', `"next.from" of the CA is not a time: "${from}"`);
    }
    if (nowMs < fromMs) return undefined;
    const roots = [...certificatesOf(data, 'roots.pem'), ...certificatesOf(data, 'next.crt')];
    return {
      'ca.crt': data['next.crt'],
      'ca.key': data['next.key'],
      'roots.pem': pemOf(distinct(roots).filter((root) => root.validToDate.getTime() > nowMs)),
    };
  }
  const endsMs = current.validToDate.getTime();
  const lifetimeMs = endsMs - current.validFromDate.getTime();
  if (endsMs - nowMs > lifetimeMs / 5) return undefined;
  const next = createRoot(nowMs, timing);
  const overlapMs = Math.max(0, Math.min(timing.leafLifetimeMs, (endsMs - nowMs) / 2));
  return {
    ...data,
    'roots.pem': pemOf(distinct([...rootsOf(data), ...readCertificates(next.certificate)])),
    'next.crt': next.certificate,
    'next.key': next.key,
    'next.from': new Date(nowMs + overlapMs).toISOString(),
  };
}

function rootsOf(data: CaData): X509Certificate[] {
  return readCertificates(readCa(data).roots);
}

function createRoot(nowMs: number, timing: RootTiming): { certificate: string; key: string } {
  const keys = generateKeyPair();
  const certificate = createRootCertificate(
    keys,
    // Roots that follow one another have different names, for people who read chains.
    `Remora root ${new Date(nowMs).toISOString()}`,
    { notBeforeMs: nowMs - CLOCK_SKEW_MS, notAfterMs: nowMs + timing.rootLifetimeMs },
  );
  return {
    certificate: certificatePem(certificate),
    key: keys.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
  };
}

function certificatesOf(data: CaData, key: string): X509Certificate[] {
  try {
    return readCertificates(data[key] ?? '');
  } catch (error) {
    throw new MeshError('bad-ca', `"${key}" of the CA is not a PEM certificate`, { cause: error });
  }
}

function privateKeyOf(data: CaData, key: string) {
  try {
    return createPrivateKey(data[key] ?? '');
  } catch {
    // The cause could quote the key.
    throw new MeshError('bad-ca', `"${key}" of the CA is not a private key in PEM`);
  }
}

function isSelfSigned(certificate: X509Certificate): boolean {
  return certificate.verify(certificate.publicKey);
}

function distinct(certificates: X509Certificate[]): X509Certificate[] {
  return [...new Map(certificates.map((item) => [item.fingerprint256, item])).values()];
}

function pemOf(certificates: readonly X509Certificate[]): string {
  return certificates.map((certificate) => certificatePem(certificate.raw)).join('');
}
