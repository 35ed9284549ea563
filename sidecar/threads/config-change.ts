import type { Config } from '../config/types.ts';

/** What differs between two configurations, as it travels to another thread. */
export interface ConfigChange {
  readonly version: string;
  readonly settings?: Config['settings'];
  readonly services?: MapChange<Config['services']>;
  readonly routes?: MapChange<Config['routes']>;
  readonly endpoints?: MapChange<Config['endpoints']>;
  readonly workloads?: MapChange<Config['workloads']>;
  readonly externals?: MapChange<NonNullable<Config['externals']>>;
}

type Value<M> = M extends ReadonlyMap<string, infer V> ? V : never;

interface MapChange<M> {
  readonly set: readonly (readonly [key: string, value: Value<M>])[];
  readonly removed: readonly string[];
}

const MAPS = ['services', 'routes', 'endpoints', 'workloads', 'externals'] as const;

/** Cheap where little changed: resources that stayed are the same objects. */
export function configChange(previous: Config, next: Config): ConfigChange {
  const change: { -readonly [K in keyof ConfigChange]: ConfigChange[K] } = {
    version: next.version,
  };
  if (next.settings !== previous.settings) change.settings = next.settings;
  for (const name of MAPS) {
    if (next[name] !== previous[name]) {
      const [before, after] = [previous[name] ?? NOTHING, next[name] ?? NOTHING];
      Object.assign(change, { [name]: mapChange<unknown>(before, after) });
    }
  }
  return change;
}

/** The configuration that {@link configChange} compared with. */
export function applyConfigChange(previous: Config, change: ConfigChange): Config {
  const externals =
    change.externals && changed<unknown>(previous.externals ?? NOTHING, change.externals);
  return {
    ...previous,
    ...(externals && { externals: externals as NonNullable<Config['externals']> }),
    version: change.version,
    settings: change.settings ?? previous.settings,
    services: changed(previous.services, change.services),
    routes: changed(previous.routes, change.routes),
    endpoints: changed(previous.endpoints, change.endpoints),
    workloads: changed(previous.workloads, change.workloads),
  };
}

const NOTHING: Config['externals'] & object = new Map();

function mapChange<V>(
  previous: ReadonlyMap<string, V>,
  next: ReadonlyMap<string, V>,
): { set: [string, V][]; removed: string[] } {
  const set = [...next].filter(([key, value]) => !previous.has(key) || previous.get(key) !== value);
  const removed = [...previous.keys()].filter((key) => !next.has(key));
  return { set, removed };
}

function changed<V>(
  previous: ReadonlyMap<string, V>,
  change: { set: readonly (readonly [string, V])[]; removed: readonly string[] } | undefined,
): ReadonlyMap<string, V> {
  if (change === undefined) return previous;
  const next = new Map(previous);
  for (const [key, value] of change.set) next.set(key, value);
  for (const key of change.removed) next.delete(key);
  return next;
}
