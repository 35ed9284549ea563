import { SYSTEM_NAMESPACE } from '../../proto/well-known.ts';
import type { Collection } from '../collections/collection.ts';
import { derive } from '../collections/derive.ts';
import { index } from '../collections/index-by.ts';
import { nodeOf } from '../collections/node.ts';
import { deriveModel, type MeshModel } from '../model/mesh-model.ts';
import type { Resource } from '../model/types.ts';
import { unknownWorkload } from '../model/workloads.ts';
import { deriveJudgements, type JudgedKind } from '../status/judgements.ts';
import type { ResourceSource } from '../watch/source.ts';
import { buildSnapshot, type SnapshotInputs } from './build.ts';
import { ServiceIndex } from './service-index.ts';
import type { MeshState, SidecarIdentity, VersionedResource } from './types.ts';
import { versioned } from './version.ts';
import type { VersionedRoutes } from './visibility.ts';

/** What the mesh is computed from. */
export interface MeshInputs {
  readonly source: ResourceSource;
  readonly trustDomain: string;
  /** The control plane's own: ExternalServices there are for the pods of all namespaces. */
  readonly systemNamespace?: string;
}

/** The mesh as the streams see it, and what else the control plane derives. */
export interface Mesh extends MeshState {
  readonly model: MeshModel;
  /** The kinds whose status is written. */
  readonly judged: readonly JudgedKind[];
  /** The model by collection and key, for `/config_dump`. */
  dump(): Record<string, Record<string, unknown>>;
}

/**
 * Asks the source for the kinds of the mesh and derives its state from them.
 * Call it before the source starts; it does no I/O of its own and needs no end.
 */
export function createMeshState({
  source,
  trustDomain,
  systemNamespace = SYSTEM_NAMESPACE,
}: MeshInputs): Mesh {
  const model = deriveModel(source, trustDomain);
  const judged = deriveJudgements(model);

  const services = withVersion(model.services, (key) => `service/${key}`);
  const endpoints = withVersion(model.endpoints, (key) => `endpoints/${key}`);
  const workloads = withVersion(model.workloads, (key) => `workload/${key}`);
  const settings = withVersion(model.settings, () => 'settings');
  const routes = derive(
    'versioned-routes',
    model.routes,
    ({ producer, consumers }, key): VersionedRoutes => ({
      producer: versioned(`routes/${key}`, producer),
      consumers: Object.fromEntries(
        Object.entries(consumers).map(([namespace, own]) => [
          namespace,
          versioned(`routes/${key}`, own),
        ]),
      ),
    }),
  );
  const externals = withVersion(model.externalServices, (key) => `external/${key}`);
  const externalsByNamespace = index('externals-by-namespace', externals, (_, key) => [
    key.slice(0, key.indexOf('/')),
  ]);
  const serviceIndex = new ServiceIndex(services);

  /** Everything that a stream can see. */
  const visible: readonly Collection<unknown>[] = [
    services,
    endpoints,
    workloads,
    settings,
    routes,
    externalsByNamespace,
    model.electionsByPod,
    model.elections,
  ];
  const inputs: Omit<SnapshotInputs, 'shared'> = {
    settingsOf: (sidecar) =>
      settings.get(`${sidecar.namespace}/${sidecar.pod}`) ?? unknownSettings(sidecar, trustDomain),
    routesOf: (service) => routes.get(service),
    externalsOf: (namespace) => {
      const own = externalsByNamespace.get(namespace) ?? [];
      const ofAll = externalsByNamespace.get(systemNamespace) ?? [];
      return namespace === systemNamespace ? own : [...ofAll, ...own];
    },
    endpointsOf: (service) => endpoints.get(service),
    workloadAt: (address) =>
      workloads.get(address) ?? versioned(`workload/${address}`, unknownWorkload(address)),
  };

  return {
    model,
    judged,
    get synced() {
      return visible.every((collection) => collection.synced);
    },
    snapshot: (sidecar, subscription) =>
      buildSnapshot({ ...inputs, shared: serviceIndex.current }, sidecar, subscription),
    electionsOf: (namespace, pod) => model.electionsByPod.get(`${namespace}/${pod}`) ?? [],
    onChange: changeListeners(visible),
    dump: () => dump(source, model, judged),
  };
}

function withVersion(
  collection: Collection<Resource>,
  nameOf: (key: string) => string,
): Collection<VersionedResource> {
  return derive(`versioned-${collection.name}`, collection, (resource, key) =>
    versioned(nameOf(key), resource),
  );
}

/** For a pod that the watch has not brought yet: its name is all that is known. */
function unknownSettings(sidecar: SidecarIdentity, trustDomain: string): VersionedResource {
  return versioned('settings', {
    kind: 'settings',
    workload: sidecar.pod,
    trustDomain,
    inboundPorts: [],
    elections: [],
  });
}

/** Calls listeners once at the end of each turn in which one of the collections changed. */
function changeListeners(collections: readonly Collection<unknown>[]): MeshState['onChange'] {
  const listeners = new Set<() => void>();
  let changed = false;
  for (const collection of collections) {
    collection.subscribe(() => {
      changed = true;
    });
  }
  for (const turn of new Set(collections.map((collection) => nodeOf(collection).turn))) {
    turn.onSettled(() => {
      if (!changed) return;
      changed = false;
      for (const listener of listeners) listener();
    });
  }
  return (listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  };
}

function dump(
  source: ResourceSource,
  model: MeshModel,
  judged: readonly JudgedKind[],
): Record<string, Record<string, unknown>> {
  const { services, endpoints, workloads, routes, elections, settings } = model;
  const shown: readonly Collection<unknown>[] = [
    services,
    endpoints,
    workloads,
    routes,
    elections,
    settings,
    ...judged.map(({ judgements }) => judgements),
    source.problems,
  ];
  return Object.fromEntries(
    shown.map((collection) => [collection.name, Object.fromEntries(collection.entries())]),
  );
}
