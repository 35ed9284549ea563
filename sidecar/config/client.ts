import type { Push__Output } from '../../proto/gen/remora/v1/Push.ts';
import type { SubscribeRequest } from '../../proto/gen/remora/v1/SubscribeRequest.ts';
import { v1 } from '../../proto/load.ts';
import { FEATURES } from '../../proto/well-known.ts';
import type { Backoff } from '../../runtime/backoff.ts';
import { type Clock, systemClock } from '../../runtime/clock.ts';
import type { Component } from '../../runtime/component.ts';
import { describeError } from '../../runtime/errors.ts';
import type { ControlPlaneConnection } from '../../runtime/identity/control-plane-connection.ts';
import { ControlPlaneStream } from '../../runtime/identity/control-plane-stream.ts';
import type { Log } from '../../runtime/log.ts';
import type { ConfigCache } from './cache.ts';
import { decodePush } from './decode.ts';
import { ResourceError } from './place.ts';
import type { ConfigStore, Wanted } from './store.ts';

/** Who this sidecar is, as it tells the control plane. */
export interface PodIdentity {
  readonly pod: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly addresses: readonly string[];
  readonly node: string;
  readonly sidecarVersion: string;
}

export interface ConfigClientOptions {
  readonly connection: ControlPlaneConnection;
  readonly store: ConfigStore;
  readonly pod: PodIdentity;
  readonly log: Log;
  /** Where to keep what was received; none in tests. */
  readonly cache?: ConfigCache;
  readonly clock?: Clock;
  readonly backoff?: Backoff;
}

/**
 * The `Config.Subscribe` stream: says who we are and what we hold, applies each
 * push as a whole or refuses it with the reason, and passes on what the data
 * path wants details of.
 */
export class ConfigClient implements Component {
  readonly name = 'configuration';
  readonly #options: ConfigClientOptions;
  readonly #clock: Clock;
  readonly #stream: ControlPlaneStream<SubscribeRequest, Push__Output>;
  #wanted: { services: string[]; addresses: string[] } | undefined;
  #refused = 0;
  #lastCurrentMs: number | undefined;

  constructor(options: ConfigClientOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#stream = new ControlPlaneStream({
      carries: 'configuration',
      connection: options.connection,
      open: async (connection) => {
        const { client, metadata } = await connection.open(v1.Config);
        return client.subscribe(metadata);
      },
      onOpen: () => this.#greet(),
      onMessage: (push) => this.#received(push),
      onClosed: (wasConnected) => {
        this.#wanted = undefined;
        if (wasConnected) this.#lastCurrentMs = this.#clock.monotonicMs();
      },
      log: options.log,
      clock: this.#clock,
      ...(options.backoff === undefined ? {} : { backoff: options.backoff }),
    });
    options.store.subscribeWith(
      (wanted) => this.#subscribe(wanted),
      () => this.#stream.restart('too many addresses were used; the old ones are forgotten'),
    );
  }

  /** Whether the control plane answers now. */
  get connected(): boolean {
    return this.#stream.connected;
  }

  /** Pushes refused so far. */
  get refused(): number {
    return this.#refused;
  }

  /** How long ago the configuration was known to be the newest: 0 while connected. */
  get ageMs(): number | undefined {
    if (this.#stream.connected) return 0;
    return this.#lastCurrentMs === undefined
      ? undefined
      : this.#clock.monotonicMs() - this.#lastCurrentMs;
  }

  /** Takes the kept configuration into force, if there is one, and opens the stream. */
  start(): void {
    this.#loadKept();
    this.#stream.start();
  }

  async stop(signal?: AbortSignal): Promise<void> {
    await this.#stream.stop(signal);
  }

  #loadKept(): void {
    const { cache, store, log } = this.#options;
    const kept = cache?.load();
    if (cache === undefined || kept === undefined) return;
    try {
      store.restore(decodePush(kept.push));
    } catch (error) {
      cache.ignored(describeError(error));
      return;
    }
    cache.record(kept.push);
    const ageMs = Math.max(this.#clock.wallMs() - kept.savedWallMs, 0);
    this.#lastCurrentMs = this.#clock.monotonicMs() - ageMs;
    const { version, resources } = kept.push;
    log.info({ version, resources: resources.length, ageMs }, 'kept configuration in force');
  }

  #greet(): void {
    const { pod, store } = this.#options;
    const { services, addresses } = store.wanted;
    this.#stream.write({
      hello: {
        ...pod,
        addresses: [...pod.addresses],
        supports: [...FEATURES],
        held: Object.fromEntries(store.held),
        subscription: { services: [...services], addresses: [...addresses] },
      },
    });
  }

  #received(push: Push__Output): void {
    const { store, cache, log } = this.#options;
    try {
      store.apply(decodePush(push));
    } catch (error) {
      const reason = describeError(error);
      const resource = error instanceof ResourceError ? error.resource : '';
      this.#refused += 1;
      log.error({ resource, reason, version: push.version }, 'push refused');
      this.#stream.write({ nack: { nonce: push.nonce, reason, resource } });
      return;
    }
    cache?.record(push);
    const changed = push.resources.length;
    const removed = push.removed.length;
    log.debug({ version: push.version, changed, removed }, 'push applied');
    this.#stream.write({ ack: { nonce: push.nonce } });
  }

  /** What is wanted in one turn of the event loop goes out as one message. */
  #subscribe(added: Wanted): void {
    if (!this.#stream.open) return; // The next Hello carries it.
    if (this.#wanted === undefined) {
      this.#wanted = { services: [], addresses: [] };
      queueMicrotask(() => this.#sendWanted());
    }
    this.#wanted.services.push(...added.services);
    this.#wanted.addresses.push(...added.addresses);
  }

  #sendWanted(): void {
    const subscription = this.#wanted;
    this.#wanted = undefined;
    if (subscription !== undefined) this.#stream.write({ subscription });
  }
}
