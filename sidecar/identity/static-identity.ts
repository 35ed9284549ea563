import { X509Certificate } from 'node:crypto';
import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import type { Component } from '../../runtime/component.ts';
import { describeError, MeshError } from '../../runtime/errors.ts';
import type { IssuedCertificate } from '../../runtime/identity/certificate-client.ts';
import type { Log } from '../../runtime/log.ts';
import type { CertificatePaths } from '../config/static-file.ts';
import { CertificateSource } from './certificate-source.ts';

const POLL_MS = 1000;

/** The sidecar's identity from PEM files, read again when one of them changes. */
export class StaticIdentity implements Component {
  readonly name = 'identity';
  readonly source = new CertificateSource();
  readonly #paths: CertificatePaths;
  readonly #log: Log;
  readonly #pollMs: number;

  constructor(paths: CertificatePaths, log: Log, pollMs = POLL_MS) {
    this.#paths = paths;
    this.#log = log;
    this.#pollMs = pollMs;
  }

  /** @throws MeshError `bad-certificate` when the files cannot be used */
  start(): void {
    this.source.replace(readCertificateFiles(this.#paths));
    for (const path of Object.values(this.#paths)) {
      watchFile(path, { interval: this.#pollMs, persistent: false }, this.#reload);
    }
  }

  stop(): void {
    for (const path of Object.values(this.#paths)) unwatchFile(path, this.#reload);
  }

  /** Between two writes key and chain may not match: then the next change is waited for. */
  readonly #reload = (): void => {
    try {
      this.source.replace(readCertificateFiles(this.#paths));
      const notAfterMs = this.source.current?.notAfterMs;
      this.#log.info({ notAfterMs }, 'certificate reloaded');
    } catch (error) {
      this.#log.warn({ reason: describeError(error) }, 'changed certificate not taken');
    }
  };
}

function readCertificateFiles(paths: CertificatePaths): IssuedCertificate {
  const read = (path: string): string => {
    try {
      return readFileSync(path, 'utf8');
    } catch (error) {
      throw new MeshError('bad-certificate', `${path} cannot be read`, { cause: error });
    }
  };
  const chain = read(paths.chain);
  let leaf: X509Certificate;
  try {
    leaf = new X509Certificate(chain);
  } catch (error) {
    throw new MeshError('bad-certificate', `${paths.chain} holds no certificate`, { cause: error });
  }
  const spiffeId = /(?:^|, )URI:(spiffe:\/\/[^,\s]+)/.exec(leaf.subjectAltName ?? '')?.[1];
  if (spiffeId === undefined) {
    const sentence = `${paths.chain} carries no SPIFFE ID as an alternative name`;
    throw new MeshError('bad-certificate', sentence);
  }
  return {
    privateKey: read(paths.privateKey),
    chain,
    roots: read(paths.trustBundle),
    spiffeId,
    notBeforeMs: leaf.validFromDate.getTime(),
    notAfterMs: leaf.validToDate.getTime(),
  };
}
