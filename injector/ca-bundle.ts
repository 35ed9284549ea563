import { INJECT_LABEL } from '../proto/well-known.ts';
import { Backoff } from '../runtime/backoff.ts';
import { type Clock, systemClock, type Timer } from '../runtime/clock.ts';
import type { Component } from '../runtime/component.ts';
import { describeError, MeshError } from '../runtime/errors.ts';
import type { Log } from '../runtime/log.ts';
import type { KubernetesApi } from './kubernetes-api.ts';

/** What is read of a MutatingWebhookConfiguration. */
interface WebhookConfiguration {
  webhooks?: {
    name: string;
    clientConfig?: { caBundle?: string };
    namespaceSelector?: { matchLabels?: Record<string, string> };
  }[];
}

export interface CaBundleOptions {
  api: KubernetesApi;
  /** Name of the MutatingWebhookConfiguration. */
  webhookName: string;
  log: Log;
  clock?: Clock;
}

/** How often somebody else's change is looked for. */
const POLL_MS = 60_000;

/**
 * Keeps the roots of the mesh in the `caBundle` of the webhook's configuration,
 * by which the API server knows the injector: writes them when they change or
 * when somebody took them away, and does nothing when they are right.
 */
export class CaBundleKeeper implements Component {
  readonly name = 'ca-bundle';
  readonly #options: CaBundleOptions;
  readonly #clock: Clock;
  readonly #path: string;
  readonly #backoff = new Backoff({ baseMs: 500, maxMs: 15_000 });
  /** PEM; empty until the first certificate came. */
  #roots = '';
  #inPlace = false;
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  #stopped = true;
  #warnedOf = '';

  constructor(options: CaBundleOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#path = `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/${options.webhookName}`;
  }

  /** The API server held these roots when it was asked last. */
  get inPlace(): boolean {
    return this.#inPlace;
  }

  start(): void {
    this.#stopped = false;
    this.#checkSoon(0);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#running;
  }

  /** Roots as PEM; written soon. */
  setRoots(roots: string): void {
    if (roots === this.#roots) return;
    this.#roots = roots;
    this.#checkSoon(0);
  }

  #checkSoon(delayMs: number): void {
    if (this.#stopped || this.#roots === '') return;
    this.#timer?.cancel();
    this.#timer = this.#clock.setTimeout(() => {
      // One at a time: a check that runs picks up new roots in the round after it.
      this.#running = (this.#running ?? Promise.resolve()).then(() => this.#check());
    }, delayMs);
  }

  async #check(): Promise<void> {
    if (this.#stopped) return;
    const roots = this.#roots;
    try {
      await this.#write(roots);
      this.#inPlace = true;
      this.#backoff.reset();
      if (roots === this.#roots) this.#checkSoon(POLL_MS);
    } catch (error) {
      // `inPlace` stays: what was written is there although the API may be away.
      this.#options.log.warn(
        { webhook: this.#options.webhookName, error: describeError(error) },
        'cannot keep the caBundle of the webhook, trying again',
      );
      this.#checkSoon(this.#backoff.nextMs());
    }
  }

  async #write(roots: string): Promise<void> {
    const { api, log, webhookName } = this.#options;
    const configuration = (await api.get(this.#path)) as WebhookConfiguration;
    const webhooks = configuration.webhooks ?? [];
    if (webhooks.length === 0) {
      throw new MeshError('bad-webhook', `${webhookName} holds no webhooks`);
    }
    this.#warnOfSelector(webhooks);
    const caBundle = Buffer.from(roots).toString('base64');
    const operations = webhooks.flatMap(({ name, clientConfig }, index) =>
      clientConfig?.caBundle === caBundle
        ? []
        : [
            // Where the list was changed meanwhile, the patch fails and is made anew.
            { op: 'test', path: `/webhooks/${index}/name`, value: name },
            { op: 'add', path: `/webhooks/${index}/clientConfig/caBundle`, value: caBundle },
          ],
    );
    if (operations.length === 0) return;
    await api.patch(this.#path, operations);
    log.info({ webhook: webhookName }, 'wrote the caBundle of the webhook');
  }

  /**
   * The selector is what keeps the webhook out of namespaces that did not opt
   * in: there, an injector that is down must not hold up a pod.
   */
  #warnOfSelector(webhooks: NonNullable<WebhookConfiguration['webhooks']>): void {
    const wide = webhooks
      .filter(
        ({ namespaceSelector }) => namespaceSelector?.matchLabels?.[INJECT_LABEL] !== 'enabled',
      )
      .map(({ name }) => name)
      .join(', ');
    if (wide !== '' && wide !== this.#warnedOf) {
      this.#options.log.warn(
        { webhooks: wide },
        `the namespaceSelector does not ask for ${INJECT_LABEL}: enabled; pods of other namespaces get a sidecar too`,
      );
    }
    this.#warnedOf = wide;
  }
}
