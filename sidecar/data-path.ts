import { isIPv6 } from 'node:net';
import type { Clock } from '../runtime/clock.ts';
import type { Component } from '../runtime/component.ts';
import { MeshError } from '../runtime/errors.ts';
import type { LineWriter } from '../runtime/line-writer.ts';
import type { Log } from '../runtime/log.ts';
import { ThrottledLog } from '../runtime/throttled-log.ts';
import { AccessLog } from './access-log/access-log.ts';
import { type CompiledConfig, compileConfig } from './compile.ts';
import type { SidecarEnvironment } from './environment.ts';
import { InboundListener } from './listener/inbound.ts';
import { InboundPlans } from './listener/inbound-plans.ts';
import { OutboundListener } from './listener/outbound.ts';
import { ownPlaces } from './listener/own-places.ts';
import { TrunkListener } from './listener/trunk.ts';
import { Limiters } from './policy/rate-limit/limiters.ts';
import type { Source } from './source.ts';
import type { Party, TrafficObserver } from './telemetry/types.ts';
import { TrunkClient } from './trunk/client.ts';
import { turnClock } from './turn-clock.ts';
import { ClusterRegistry } from './upstream/clusters.ts';
import { MeshDialer, PlainDialer } from './upstream/dialer.ts';
import { dnsQuery, HostResolver, isOutside } from './upstream/host-resolver.ts';

/** What takes connections and carries them on, in the order in which it starts. */
export interface DataPath {
  readonly clusters: ClusterRegistry;
  /** What is in force. */
  compiled(): CompiledConfig;
  /** Outgoing connections; ended after everything else. */
  readonly outbound: readonly Component[];
  /** Incoming connections; drained first. */
  readonly inbound: Component;
}

/**
 * @param log of the process
 * @param output takes the lines of the access log, when there is to be one
 */
export function createDataPath(
  source: Source,
  environment: SidecarEnvironment,
  observer: TrafficObserver,
  log: Log,
  output: LineWriter,
  clock: Clock = turnClock,
): DataPath {
  const { store, certificates: credentials, listeners, pod } = source;
  const { sourceAddress } = environment;
  const sharesPort = environment.threads > 1;

  // Who this pod is, for metrics on both sides.
  const self = (): Party => ({
    namespace: pod.namespace,
    workload: store.current.settings.workload || pod.name,
  });

  // To the peers: the trunk where there is one; to the application: plainly.
  const sidecarPorts = ownPorts(source, environment);
  const isOwn = ownPlaces(pod.addresses, sidecarPorts);
  const plain = new PlainDialer(clock, sourceAddress, isOwn);
  const events = new ThrottledLog(log, clock);
  const trunk = new TrunkClient({ credentials, self, clock, log: events, sourceAddress });
  const trustDomain = (): string => credentials.current?.trustDomain ?? '';
  const prefersIpv6 = pod.addresses.length > 0 && pod.addresses.every(isIPv6);
  const resolver = new HostResolver(
    clock,
    dnsQuery(prefersIpv6),
    (address) => isOutside(address) && !pod.addresses.includes(address),
  );
  const clusters = new ClusterRegistry({
    resolver,
    view: store,
    dialer: new MeshDialer({ plain, trunk, trustDomain }),
    localDialer: plain,
    source: `${pod.namespace}/${pod.name}`,
    observer,
    clock,
  });

  const settings = source.accessLog ?? environment.accessLog;
  const identity = () => credentials.current?.spiffeId;
  const accessLog =
    settings.format === 'off' ? undefined : new AccessLog({ settings, identity, clock, output });

  // A configuration is compiled before it comes into force, and not taken when that fails.
  const accessLogged = accessLog !== undefined;
  const limiters = new Limiters({ clock, log, self: () => credentials.current?.spiffeId ?? '' });
  let prepared = compileConfig(store.current, clusters, clock, undefined, accessLogged, limiters);
  let compiled: CompiledConfig = prepared;
  store.checkWith((next) => {
    prepared = compileConfig(next, clusters, clock, compiled, accessLogged, limiters);
  });
  store.onChange(() => {
    compiled = prepared;
  });

  // Where connections come in.
  const shared = {
    compiled: () => compiled,
    clusters,
    self,
    ownAddresses: pod.addresses,
    ownPorts: sidecarPorts,
    observer,
    clock,
    log: events,
    accessLog,
    maxConnections: Math.ceil(environment.maxConnections / environment.threads),
  };
  const outboundShared = { ...shared, sharesPort, view: store, namespace: pod.namespace };
  const outbound: Component[] = [];
  if (listeners.outbound !== undefined) {
    const { address, redirect } = listeners.outbound;
    const interception = redirect ? 'redirect' : 'explicit';
    outbound.push(new OutboundListener({ ...outboundShared, address, interception }));
  }
  for (const { address, service, port } of listeners.destinations) {
    const [namespace, name] = service.split('/');
    const destination = { host: `${name}.${namespace}`, port };
    const interception = 'explicit';
    outbound.push(new OutboundListener({ ...outboundShared, address, interception, destination }));
  }
  const plans = new InboundPlans(shared);
  const inbound: Component[] = [];
  if (listeners.inbound !== undefined) {
    const { address, application: destination } = listeners.inbound;
    inbound.push(new InboundListener({ ...shared, address, sharesPort, destination, plans }));
  }
  if (listeners.trunk !== undefined) {
    const address = listeners.trunk;
    inbound.push(new TrunkListener({ ...shared, address, sharesPort, plans, credentials }));
  }

  return {
    clusters,
    compiled: () => compiled,
    outbound: [
      clusters,
      limiters,
      { name: 'trunk', start: () => {}, stop: (signal) => trunk.close(signal) },
      ...outbound,
    ],
    inbound: together('inbound', inbound),
  };
}

/** To none of these is anything forwarded that peers or the application ask for. */
function ownPorts(source: Source, environment: SidecarEnvironment): number[] {
  const { outbound, inbound, trunk, destinations } = source.listeners;
  const addresses = [
    outbound?.address,
    inbound?.address,
    trunk,
    ...destinations.map(({ address }) => address),
    environment.adminAddress,
    environment.healthAddress,
  ];
  return [...addresses.flatMap((address) => address?.port ?? []), ...source.ports];
}

/** Components that drain side by side: one that takes long must not take the others' time. */
export function together(name: string, components: readonly Component[]): Component {
  return {
    name,
    async start(signal) {
      for (const component of components) await component.start(signal);
    },
    async stop(signal) {
      await Promise.all(components.map((component) => component.stop?.(signal)));
    },
  };
}

/**
 * Waits for a configuration and a certificate. Before that nothing is listened
 * to: a connection that came too early would go out without its rules, or in
 * plain text.
 */
export function firstConfiguration(source: Source): Component {
  const { store, certificates: credentials, needsCertificate } = source;
  const complete = (): boolean =>
    store.received && (!needsCertificate || credentials.current !== undefined);
  return {
    name: 'first configuration',
    async start(signal) {
      if (complete()) return;
      await new Promise<void>((resolve, reject) => {
        const look = (): void => {
          if (complete()) finish(resolve);
        };
        const giveUp = (): void => {
          const sentence = 'stopped before a configuration and a certificate were received';
          finish(() => reject(new MeshError('no-configuration', sentence)));
        };
        const unsubscribes = [store.onChange(look), credentials.onChange(look)];
        const finish = (then: () => void): void => {
          for (const unsubscribe of unsubscribes) unsubscribe();
          signal.removeEventListener('abort', giveUp);
          then();
        };
        signal.addEventListener('abort', giveUp);
        if (signal.aborted) giveUp();
      });
    },
  };
}
