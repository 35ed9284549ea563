import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MeshError } from '../../runtime/errors.ts';
import { apiStatus, type Guarded, guardApiCalls } from '../api-breaker.ts';
import type { ApiRequest, KubernetesApi } from '../watch/kubernetes-api.ts';
import type { CaData } from './ca-material.ts';

export interface StoredCa {
  readonly data: CaData;
  /** For `replace`: the state that it was read in. */
  readonly version: string;
}

/** Where the CA lives. Both writes are refused, not repeated, when somebody else was faster. */
export interface CaStore {
  /** What an operator has to look at, for logs. */
  readonly where: string;
  read(): Promise<StoredCa | undefined>;
  /** False when there is one already. */
  create(data: CaData): Promise<boolean>;
  /** False when it is no longer what was read. */
  replace(data: CaData, version: string): Promise<boolean>;
}

/** Name of the Secret. */
export const CA_SECRET = 'remora-ca';

interface Secret {
  metadata?: { resourceVersion?: string };
  data?: Record<string, string>;
}

/** The Secret `remora-ca` in the control plane's namespace, shared by its replicas. */
export class KubernetesCaStore implements CaStore {
  readonly where: string;
  readonly #namespace: string;
  readonly #request: Guarded<[ApiRequest], Secret>;

  constructor(api: KubernetesApi, namespace: string) {
    this.where = `Secret ${namespace}/${CA_SECRET}`;
    this.#namespace = namespace;
    this.#request = guardApiCalls('ca-secret', (request) => api.request<Secret>(request));
  }

  async read(): Promise<StoredCa | undefined> {
    try {
      const secret = await this.#request({ method: 'GET', path: `${this.#path}/${CA_SECRET}` });
      const entries = Object.entries(secret.data ?? {});
      return {
        data: Object.fromEntries(
          entries.map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]),
        ),
        version: secret.metadata?.resourceVersion ?? '',
      };
    } catch (error) {
      if (apiStatus(error) === 404) return undefined;
      throw error;
    }
  }

  create(data: CaData): Promise<boolean> {
    return this.#write({ method: 'POST', path: this.#path, body: this.#secret(data, undefined) });
  }

  replace(data: CaData, version: string): Promise<boolean> {
    const path = `${this.#path}/${CA_SECRET}`;
    return this.#write({ method: 'PUT', path, body: this.#secret(data, version) });
  }

  async #write(request: ApiRequest): Promise<boolean> {
    try {
      await this.#request(request);
      return true;
    } catch (error) {
      if (apiStatus(error) === 409) return false;
      throw error;
    }
  }

  get #path(): string {
    return `/api/v1/namespaces/${this.#namespace}/secrets`;
  }

  #secret(data: CaData, resourceVersion: string | undefined): unknown {
    return {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: {
        name: CA_SECRET,
        namespace: this.#namespace,
        labels: { 'app.kubernetes.io/managed-by': 'remora' },
        ...(resourceVersion === undefined ? {} : { resourceVersion }),
      },
      type: 'Opaque',
      data: Object.fromEntries(
        Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
      ),
    };
  }
}

/** Name of the file beside the CA that anybody may read: whom to trust. */
export const ROOTS_FILE = 'roots.pem';

/**
 * One file in a folder (files mode), readable by its owner only, and beside it
 * `roots.pem` for those who connect to the control plane.
 */
export class FileCaStore implements CaStore {
  readonly where: string;
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
    this.where = join(folder, 'ca.json');
  }

  async read(): Promise<StoredCa | undefined> {
    let text: string;
    try {
      text = await readFile(this.where, 'utf8');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw error;
    }
    const data = parseCaFile(text, this.where);
    await this.#writeRoots(data);
    return { data, version: text };
  }

  async create(data: CaData): Promise<boolean> {
    const draft = await this.#draft('ca', `${JSON.stringify(data)}\n`, 0o600);
    try {
      // Unlike a rename, a link is refused when the name is taken.
      await link(draft, this.where);
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
      throw error;
    } finally {
      await rm(draft, { force: true });
    }
    await this.#writeRoots(data);
    return true;
  }

  async replace(data: CaData, version: string): Promise<boolean> {
    const present = await this.read();
    if (present?.version !== version) return false;
    await rename(await this.#draft('ca', `${JSON.stringify(data)}\n`, 0o600), this.where);
    await this.#writeRoots(data);
    return true;
  }

  /** Also after a process that died between its two writes, and after somebody's change. */
  async #writeRoots(data: CaData): Promise<void> {
    const file = join(this.#folder, ROOTS_FILE);
    const roots = data['roots.pem'] ?? data['ca.crt'] ?? '';
    const present = await readFile(file, 'utf8').catch(() => undefined);
    if (present === roots) return;
    await rename(await this.#draft('roots', roots, 0o644), file);
  }

  async #draft(name: string, text: string, mode: number): Promise<string> {
    await mkdir(this.#folder, { recursive: true });
    const draft = join(this.#folder, `.${name}-${randomBytes(6).toString('hex')}`);
    try {
      await writeFile(draft, text, { mode });
    } catch (error) {
      // On a full disk, a try every few seconds must not leave a file each.
      await rm(draft, { force: true });
      throw error;
    }
    return draft;
  }
}

function parseCaFile(text: string, file: string): CaData {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) {
      const entries = Object.entries(value);
      if (entries.every((entry): entry is [string, string] => typeof entry[1] === 'string')) {
        return Object.fromEntries(entries);
      }
    }
  } catch {
    // The parser's message could quote the key.
  }
  throw new MeshError('bad-ca', `${file} is damaged: remove it to get a new CA`);
}
