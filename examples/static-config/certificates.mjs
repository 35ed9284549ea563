// Writes certificates/ (or the folder named as argument): a root, and a certificate
// with a SPIFFE ID for each sidecar.
// In a mesh the control plane issues them; here they are made with its own code.
import { X509Certificate } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  certificatePem,
  createRootCertificate,
  exportSpki,
  generateKeyPair,
  issueLeafCertificate,
  readIssuer,
} from '../../control-plane/identity/x509.ts';
import { spiffeId } from '../../proto/well-known.ts';

const DAY_MS = 24 * 3600 * 1000;
const validity = { notBeforeMs: Date.now() - 60_000, notAfterMs: Date.now() + 30 * DAY_MS };
const directory = process.argv[2] ?? fileURLToPath(new URL('certificates', import.meta.url));
mkdirSync(directory, { recursive: true });

const rootKeys = generateKeyPair();
const root = createRootCertificate(rootKeys, 'static example', validity);
writeFileSync(join(directory, 'roots.pem'), certificatePem(root));
const issuer = readIssuer(new X509Certificate(root), rootKeys.privateKey);

for (const serviceAccount of ['client', 'greeter']) {
  const keys = generateKeyPair();
  const uris = [spiffeId('example.local', 'demo', serviceAccount)];
  const names = { uris, dnsNames: [], ipAddresses: [] };
  const leaf = issueLeafCertificate(issuer, exportSpki(keys.publicKey), names, validity);
  const key = keys.privateKey.export({ type: 'pkcs8', format: 'pem' });
  writeFileSync(join(directory, `${serviceAccount}.pem`), certificatePem(leaf));
  writeFileSync(join(directory, `${serviceAccount}.key`), key, { mode: 0o600 });
}
