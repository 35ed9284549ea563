import { INJECT_LABEL, TRUST_BUNDLE } from '../../proto/well-known.ts';
import { Backoff } from '../../runtime/backoff.ts';
import type { Clock, Timer } from '../../runtime/clock.ts';
import type { Component } from '../../runtime/component.ts';
import { describeError } from '../../runtime/errors.ts';
import type { Log } from '../../runtime/log.ts';
import { apiStatus, type Guarded, guardApiCalls } from '../api-breaker.ts';
import type { Collection } from '../collections/collection.ts';
import type { KubernetesApi } from '../watch/kubernetes-api.ts';
import type { KubernetesObject } from '../watch/source.ts';
import type { CertificateAuthority } from './authority.ts';

export interface TrustBundleOptions {
  readonly api: KubernetesApi;
  /** By name. */
  readonly namespaces: Collection<KubernetesObject>;
  readonly authority: CertificateAuthority;
  /** The control plane's own namespace gets the bundle too, for the injector. */
  readonly ownNamespace: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** All of them are written again this often, in case somebody removed one. */
const REPEAT_MS = 5 * 60_000;
const AT_ONCE = 4;

/**
 * Keeps the roots of trust as a ConfigMap in every namespace that opted in, from
 * where pods mount them. Written by server-side apply, which creates or repairs
 * in one call and is the same from every replica.
 */
export class TrustBundleWriter implements Component {
  readonly name = 'trust-bundle';
  readonly #options: TrustBundleOptions;
  readonly #apply: Guarded<[string], unknown>;
  readonly #backoff = new Backoff({ baseMs: 500, maxMs: 30_000 });
  /** Namespaces to be written. */
  readonly #due = new Set<string>();
  /** Namespaces that have the present roots, as far as we know. */
  readonly #written = new Map<string, string>();
  readonly #endings: (() => void)[] = [];
  #writing = 0;
  #failed = false;
  #repeat: Timer | undefined;
  #retry: Timer | undefined;
  #stopped = false;

  constructor(options: TrustBundleOptions) {
    this.#options = options;
    this.#apply = guardApiCalls('trust-bundle', (namespace) => this.#applyTo(namespace));
  }

  start(): void {
    const { namespaces, authority } = this.#options;
    this.#endings.push(
      namespaces.subscribe(() => this.#check()),
      authority.onChange(() => this.#check()),
    );
    this.#check();
    this.#scheduleRepeat();
  }

  stop(): void {
    this.#stopped = true;
    for (const end of this.#endings) end();
    this.#repeat?.cancel();
    this.#retry?.cancel();
    this.#apply.shutdown();
  }

  #scheduleRepeat(): void {
    this.#repeat = this.#options.clock.setTimeout(() => {
      this.#written.clear();
      this.#check();
      this.#scheduleRepeat();
    }, REPEAT_MS);
  }

  #check(): void {
    const { roots } = this.#options.authority;
    const wanted = this.#wanted();
    for (const namespace of this.#written.keys()) {
      // It may come back under the same name, without our ConfigMap.
      if (!wanted.has(namespace)) this.#written.delete(namespace);
    }
    for (const namespace of wanted) {
      if (this.#written.get(namespace) !== roots) this.#due.add(namespace);
    }
    this.#write();
  }

  #wanted(): Set<string> {
    const wanted = new Set([this.#options.ownNamespace]);
    for (const [name, namespace] of this.#options.namespaces.entries()) {
      if (namespace.metadata.labels[INJECT_LABEL] === 'enabled') wanted.add(name);
    }
    return wanted;
  }

  #write(): void {
    for (const namespace of this.#due) {
      if (this.#writing >= AT_ONCE || this.#stopped) return;
      this.#due.delete(namespace);
      this.#writing += 1;
      void this.#writeTo(namespace);
    }
  }

  async #writeTo(namespace: string): Promise<void> {
    const { authority, log } = this.#options;
    const { roots } = authority;
    try {
      await this.#apply(namespace);
      this.#written.set(namespace, roots);
      this.#failed = false;
      this.#backoff.reset();
    } catch (error) {
      // 404: the namespace is gone, or going.
      if (apiStatus(error) !== 404) {
        if (!this.#failed) {
          log.warn({ namespace, error: describeError(error) }, 'cannot write the trust bundle');
        }
        this.#failed = true;
        this.#retryLater();
      }
    }
    this.#writing -= 1;
    this.#write();
  }

  #retryLater(): void {
    if (this.#retry !== undefined || this.#stopped) return;
    this.#retry = this.#options.clock.setTimeout(() => {
      this.#retry = undefined;
      this.#check();
    }, this.#backoff.nextMs());
  }

  #applyTo(namespace: string): Promise<unknown> {
    const { api, authority } = this.#options;
    return api.request({
      method: 'PATCH',
      path: `/api/v1/namespaces/${namespace}/configmaps/${TRUST_BUNDLE.configMap}?fieldManager=remora&force=true`,
      contentType: 'application/apply-patch+yaml',
      body: {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: {
          name: TRUST_BUNDLE.configMap,
          namespace,
          labels: { 'app.kubernetes.io/managed-by': 'remora' },
        },
        data: { [TRUST_BUNDLE.key]: authority.roots },
      },
    });
  }
}
