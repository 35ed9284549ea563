import type { DecodedPush, ResourceKind } from './decode.ts';
import type {
  Config,
  Endpoints,
  ExternalService,
  Routes,
  Service,
  ServiceName,
  Settings,
  Workload,
} from './types.ts';
import type { ConfigView } from './view.ts';

/** What is in force before anything was received. */
export const EMPTY_CONFIG: Config = {
  version: '',
  settings: { workload: '', trustDomain: '', inboundPorts: [], elections: [] },
  services: new Map(),
  routes: new Map(),
  endpoints: new Map(),
  workloads: new Map(),
};

/** What the data path has asked details of so far. */
export interface Wanted {
  readonly services: readonly ServiceName[];
  readonly addresses: readonly string[];
}

/** An application that connects to very many addresses must not grow the sidecar without end. */
const MAX_WANTED_ADDRESSES = 4096;

/**
 * The configuration in force. A push makes a new immutable value; only the maps
 * that it touches are copied. Listeners hear of each change in the order in which
 * they subscribed, within the call of `apply` or `replace`.
 */
export class ConfigStore implements ConfigView {
  #current: Config = EMPTY_CONFIG;
  #received = false;
  readonly #held = new Map<string, string>();
  readonly #listeners = new Set<(next: Config, previous: Config) => void>();
  readonly #wantedServices = new Set<ServiceName>();
  /** In order of last use, the oldest first. */
  readonly #wantedAddresses = new Set<string>();
  #check: ((next: Config) => void) | undefined;
  #onWanted: ((wanted: Wanted) => void) | undefined;
  #onForgotten: (() => void) | undefined;

  get current(): Config {
    return this.#current;
  }

  /** Whether there is a configuration at all: from the control plane, the cache or a file. */
  get received(): boolean {
    return this.#received;
  }

  /** Versions by resource name, for the next stream's Hello. */
  get held(): ReadonlyMap<string, string> {
    return this.#held;
  }

  get wanted(): Wanted {
    return { services: [...this.#wantedServices], addresses: [...this.#wantedAddresses] };
  }

  onChange(listener: (next: Config, previous: Config) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The one who passes subscriptions on: `added` gets what is new, `forgotten` asks to start over. */
  subscribeWith(added: (wanted: Wanted) => void, forgotten: () => void): void {
    this.#onWanted = added;
    this.#onForgotten = forgotten;
  }

  /**
   * A last step before a configuration comes into force, such as compiling it:
   * when it throws, everything stays as it was, and `apply` or `replace` throws on.
   */
  checkWith(check: (next: Config) => void): void {
    this.#check = check;
  }

  wantService(service: ServiceName): void {
    if (this.#wantedServices.has(service)) return;
    this.#wantedServices.add(service);
    this.#onWanted?.({ services: [service], addresses: [] });
  }

  wantAddress(address: string): void {
    if (this.#wantedAddresses.delete(address)) {
      this.#wantedAddresses.add(address);
      return;
    }
    this.#wantedAddresses.add(address);
    if (this.#wantedAddresses.size > MAX_WANTED_ADDRESSES) this.#forgetOldAddresses();
    else this.#onWanted?.({ services: [], addresses: [address] });
  }

  /** Takes a decoded push: all of it becomes visible at once. */
  apply(push: DecodedPush): void {
    const draft = new Draft(this.#current);
    for (const resource of push.resources) draft.set(resource);
    for (const { kind, key } of push.removed) draft.remove(kind, key);
    const next = draft.finish(push.version);
    this.#check?.(next);
    for (const { name, version } of push.resources) this.#held.set(name, version);
    for (const { name } of push.removed) this.#held.delete(name);
    this.#publish(next);
  }

  /** Takes a kept configuration: what it has details of is wanted again. */
  restore(push: DecodedPush): void {
    this.apply(push);
    for (const resource of push.resources) {
      if (resource.kind === 'routes' || resource.kind === 'endpoints') {
        this.#wantedServices.add(resource.key);
      } else if (resource.kind === 'workload') {
        this.#wantedAddresses.add(resource.key);
      }
    }
  }

  /** Takes a whole configuration, as a static file gives it. */
  replace(config: Config): void {
    this.#check?.(config);
    this.#publish(config);
  }

  #publish(next: Config): void {
    const previous = this.#current;
    this.#current = next;
    this.#received = true;
    for (const listener of this.#listeners) listener(next, previous);
  }

  /** The stream knows no removal, so a quarter goes at a time, followed by a new stream. */
  #forgetOldAddresses(): void {
    let surplus = MAX_WANTED_ADDRESSES / 4;
    for (const address of this.#wantedAddresses) {
      if (surplus-- <= 0) break;
      this.#wantedAddresses.delete(address);
    }
    this.#onForgotten?.();
  }
}

/** A configuration in the making; copies each map on its first change. */
class Draft {
  readonly #base: Config;
  #settings: Settings;
  #services: Map<ServiceName, Service> | undefined;
  #routes: Map<ServiceName, Routes> | undefined;
  #endpoints: Map<ServiceName, Endpoints> | undefined;
  #workloads: Map<string, Workload | null> | undefined;
  #externals: Map<string, ExternalService> | undefined;

  constructor(base: Config) {
    this.#base = base;
    this.#settings = base.settings;
  }

  set(resource: DecodedPush['resources'][number]): void {
    switch (resource.kind) {
      case 'settings':
        this.#settings = resource.value;
        break;
      case 'service':
        this.#services ??= new Map(this.#base.services);
        this.#services.set(resource.key, resource.value);
        break;
      case 'routes':
        this.#routes ??= new Map(this.#base.routes);
        this.#routes.set(resource.key, resource.value);
        break;
      case 'endpoints':
        this.#endpoints ??= new Map(this.#base.endpoints);
        this.#endpoints.set(resource.key, resource.value);
        break;
      case 'workload':
        this.#workloads ??= new Map(this.#base.workloads);
        this.#workloads.set(resource.key, resource.value);
        break;
      case 'external':
        this.#externals ??= new Map(this.#base.externals);
        this.#externals.set(resource.key, resource.value);
        break;
    }
  }

  remove(kind: ResourceKind, key: string): void {
    switch (kind) {
      case 'settings':
        this.#settings = EMPTY_CONFIG.settings;
        break;
      case 'service':
        this.#services ??= new Map(this.#base.services);
        this.#services.delete(key);
        break;
      case 'routes':
        this.#routes ??= new Map(this.#base.routes);
        this.#routes.delete(key);
        break;
      case 'endpoints':
        this.#endpoints ??= new Map(this.#base.endpoints);
        this.#endpoints.delete(key);
        break;
      case 'workload':
        this.#workloads ??= new Map(this.#base.workloads);
        this.#workloads.delete(key);
        break;
      case 'external':
        this.#externals ??= new Map(this.#base.externals);
        this.#externals.delete(key);
        break;
    }
  }

  finish(version: string): Config {
    const externals = this.#externals ?? this.#base.externals;
    return {
      version,
      settings: this.#settings,
      services: this.#services ?? this.#base.services,
      routes: this.#routes ?? this.#base.routes,
      endpoints: this.#endpoints ?? this.#base.endpoints,
      workloads: this.#workloads ?? this.#base.workloads,
      ...(externals && { externals }),
    };
  }
}
