import { EGRESS_LABEL } from '../../proto/well-known.ts';
import type { Collection } from '../collections/collection.ts';
import { derive } from '../collections/derive.ts';
import { index } from '../collections/index-by.ts';
import { join } from '../collections/join.ts';
import { tcpRouteKinds, tlsRouteKinds } from '../watch/connection-route.ts';
import {
  type ExternalServiceObject,
  externalServiceKind,
  type LeaderElectionObject,
  leaderElectionKind,
} from '../watch/custom-kinds.ts';
import { grpcRouteKind } from '../watch/grpc-route.ts';
import { httpRouteKind } from '../watch/http-route.ts';
import {
  endpointSliceKind,
  type NamespaceObject,
  namespaceKind,
  nodeKind,
  type PodObject,
  podKind,
  type ReferenceGrantObject,
  referenceGrantKinds,
  serviceKind,
} from '../watch/kinds.ts';
import type { RouteObject } from '../watch/route.ts';
import type { ResourceSource } from '../watch/source.ts';
import { toElection, withCandidates } from './elections.ts';
import { buildEndpoints } from './endpoints.ts';
import { toExternalService, withPolicy } from './external-services.ts';
import { derivePolicies, type PolicyCollections } from './policy-kinds.ts';
import { limitsOfService } from './rate-limits.ts';
import { namesPort, type Route, type RoutesByCaller, routesByCaller, toRoute } from './routes.ts';
import { toService } from './services.ts';
import type {
  ElectionSpec,
  Endpoints,
  ExternalService,
  Service,
  Settings,
  Workload,
} from './types.ts';
import { buildSettings, ownAddresses, toWorkload } from './workloads.ts';

/** What the control plane knows. Keys are `<namespace>/<name>` unless said otherwise. */
export interface MeshModel {
  /** By name. */
  readonly namespaces: Collection<NamespaceObject>;
  /** By namespace. */
  readonly podsByNamespace: Collection<readonly PodObject[]>;
  readonly services: Collection<Service>;
  readonly endpoints: Collection<Endpoints>;
  /** By address. */
  readonly workloads: Collection<Workload>;
  readonly routes: Collection<RoutesByCaller>;
  readonly elections: Collection<ElectionSpec>;
  /** By pod: the elections in which it is a candidate. */
  readonly electionsByPod: Collection<readonly ElectionSpec[]>;
  /** By pod. */
  readonly settings: Collection<Settings>;

  readonly httpRoutes: Collection<RouteObject>;
  readonly grpcRoutes: Collection<RouteObject>;
  readonly tlsRoutes: Collection<RouteObject>;
  readonly tcpRoutes: Collection<RouteObject>;
  /** By kind. */
  readonly policies: readonly PolicyCollections[];
  readonly leaderElections: Collection<LeaderElectionObject>;
  readonly externalServiceObjects: Collection<ExternalServiceObject>;
  readonly externalServices: Collection<ExternalService>;
  /** By namespace. */
  readonly servicesByNamespace: Collection<readonly Service[]>;
  /** By `<namespace>/<name>` of the Services that are their parents; one collection a kind. */
  readonly routesByService: readonly Collection<readonly Route[]>[];
  /** By namespace. */
  readonly grantsByNamespace: Collection<readonly ReferenceGrantObject[]>;
}

/** Asks the source for the kinds of the mesh, and derives what they mean. */
export function deriveModel(source: ResourceSource, trustDomain: string): MeshModel {
  const namespaces = source.collection(namespaceKind);
  const nodes = source.collection(nodeKind);
  const pods = source.collection(podKind);
  const serviceObjects = source.collection(serviceKind);
  const slices = source.collection(endpointSliceKind);
  const httpRoutes = source.collection(httpRouteKind);
  const grpcRoutes = source.collection(grpcRouteKind);
  const tlsRoutes = join('tls-routes', [
    source.collection(tlsRouteKinds[0]),
    source.collection(tlsRouteKinds[1]),
    source.collection(tlsRouteKinds[2]),
  ]);
  const tcpRoutes = join('tcp-routes', [
    source.collection(tcpRouteKinds[0]),
    source.collection(tcpRouteKinds[1]),
  ]);
  const policies = derivePolicies(source);
  const leaderElections = source.collection(leaderElectionKind);
  const externalServiceObjects = source.collection(externalServiceKind);
  const grants = join('reference-grants', [
    source.collection(referenceGrantKinds[0]),
    source.collection(referenceGrantKinds[1]),
  ]);

  const podsByNamespace = index('pods-by-namespace', pods, namespaceOf);
  const podsByAddress = index('pods-by-address', pods, ownAddresses);
  const serviceObjectsByNamespace = index(
    'service-objects-by-namespace',
    serviceObjects,
    namespaceOf,
  );
  const grantsByNamespace = index('grants-by-namespace', grants, namespaceOf);
  const slicesByService = index('slices-by-service', slices, ({ metadata, service }) =>
    service === '' ? [] : [`${metadata.namespace}/${service}`],
  );

  // Routes by what they are attached to. Where one cannot be understood, the last good one
  // stays in force.
  const grpcRoutesByService = byService('grpc-routes', grpcRoutes);
  const routesByService = [
    byService('http-routes', httpRoutes),
    grpcRoutesByService,
    byService('tls-routes', tlsRoutes),
    byService('tcp-routes', tcpRoutes),
  ];

  // Services, and where their pods are.
  const services = derive(
    'services',
    serviceObjects,
    (service, key, fetch) =>
      toService(service, (port) => namesPort(fetch(grpcRoutesByService, key) ?? [], key, port)),
    { uses: [grpcRoutesByService] },
  );
  const endpoints = derive(
    'endpoints',
    services,
    (service, key, fetch) =>
      buildEndpoints({
        service,
        slices: fetch(slicesByService, key) ?? [],
        pod: (name) => fetch(pods, `${service.namespace}/${name}`),
      }),
    { uses: [slicesByService, pods] },
  );
  const workloads = derive(
    'workloads',
    podsByAddress,
    (candidates, address, fetch) => {
      // While an address changes hands two pods may claim it: the one that stays is meant.
      const pod = candidates.find((candidate) => !candidate.terminating) ?? candidates[0];
      return pod && toWorkload(pod, address, fetch(nodes, pod.node)?.zone ?? '');
    },
    { uses: [nodes] },
  );

  const servicesByNamespace = index('services-by-namespace', services, ({ namespace }) => [
    namespace,
  ]);

  // Rules, and the policies that are in force for them.
  const routes = derive(
    'routes',
    services,
    (service, key, fetch) =>
      routesByCaller({
        service,
        routes: routesByService.flatMap((ofKind) => fetch(ofKind, key) ?? []),
        policies: (target) => policies.flatMap(({ byTarget }) => fetch(byTarget, target) ?? []),
        serviceOf: (name) => fetch(services, name),
        grantsIn: (namespace) => fetch(grantsByNamespace, namespace) ?? [],
      }),
    {
      uses: [
        ...routesByService,
        ...policies.map(({ byTarget }) => byTarget),
        services,
        grantsByNamespace,
      ],
    },
  );

  const externalModels = derive('external-models', externalServiceObjects, toExternalService, {
    keepLast: true,
  });
  const externalServices = derive(
    'external-services',
    externalModels,
    (external, _key, fetch) =>
      withPolicy(external, (target) =>
        policies.flatMap(({ byTarget }) => fetch(byTarget, target) ?? []),
      ),
    { uses: policies.map(({ byTarget }) => byTarget) },
  );

  // Elections, and what a sidecar is told about its own pod.
  const electionModels = derive('election-models', leaderElections, toElection, {
    keepLast: true,
  });
  const elections = derive(
    'elections',
    electionModels,
    (election, _key, fetch) =>
      withCandidates(election, fetch(podsByNamespace, election.namespace) ?? []),
    { uses: [podsByNamespace] },
  );
  const electionsByPod = index('elections-by-pod', elections, ({ namespace, candidates }) =>
    [...candidates].map((pod) => `${namespace}/${pod}`),
  );
  const settings = derive(
    'settings',
    pods,
    (pod, key, fetch) =>
      buildSettings({
        pod,
        trustDomain,
        services: fetch(serviceObjectsByNamespace, pod.metadata.namespace) ?? [],
        elections: (fetch(electionsByPod, key) ?? []).map((election) => election.name),
        rateLimitsOf: (service) =>
          limitsOfService(service, (target) =>
            policies.flatMap(({ byTarget }) => fetch(byTarget, target) ?? []),
          ),
        zoneOfNode: fetch(nodes, pod.node)?.zone ?? '',
        egress: fetch(namespaces, pod.metadata.namespace)?.metadata.labels[EGRESS_LABEL],
      }),
    {
      uses: [
        serviceObjectsByNamespace,
        electionsByPod,
        namespaces,
        nodes,
        ...policies.map(({ byTarget }) => byTarget),
      ],
    },
  );

  return {
    namespaces,
    podsByNamespace,
    services,
    endpoints,
    workloads,
    routes,
    elections,
    electionsByPod,
    settings,
    httpRoutes,
    grpcRoutes,
    tlsRoutes,
    tcpRoutes,
    policies,
    leaderElections,
    externalServiceObjects,
    externalServices,
    servicesByNamespace,
    routesByService,
    grantsByNamespace,
  };
}

/** The routes of one kind, by `<namespace>/<name>` of the Services that are their parents. */
function byService(name: string, objects: Collection<RouteObject>): Collection<readonly Route[]> {
  const routes = derive(name, objects, toRoute, { keepLast: true });
  return index(`${name}-by-service`, routes, (route) =>
    route.parents.map((parent) => parent.service),
  );
}

function namespaceOf(value: { metadata: { namespace: string } }): string[] {
  return [value.metadata.namespace];
}
