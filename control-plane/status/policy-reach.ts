import type { Collection } from '../collections/collection.ts';
import type { Fetch } from '../collections/derive.ts';
import type { TargetKey } from '../model/attachment.ts';
import type { MeshModel } from '../model/mesh-model.ts';
import { type Route, routesInForce } from '../model/routes.ts';
import type { Service } from '../model/types.ts';

/** A Service by itself, or one of the routes that are in force for it. */
export interface ReachedPlace {
  readonly service: Pick<Service, 'namespace' | 'name' | 'sessionAffinity'>;
  readonly external?: boolean;
  readonly withoutHttp?: boolean;
  readonly route?: Route;
}

/** The places that a target covers; with a problem, none. */
export interface Reach {
  readonly places: readonly ReachedPlace[];
  readonly problem?: string;
}

/** What `reachOf` fetches from. */
export function reachUses(model: MeshModel): readonly Collection<unknown>[] {
  const { services, servicesByNamespace, routesByService, httpRoutes, grpcRoutes } = model;
  const { externalServices } = model;
  return [
    ...[services, servicesByNamespace, ...routesByService, httpRoutes, grpcRoutes],
    externalServices,
  ];
}

export function reachOf(model: MeshModel, fetch: Fetch, target: TargetKey): Reach {
  const [kind = '', namespace = '', name = ''] = target.split('/');
  const key = `${namespace}/${name}`;
  switch (kind) {
    case 'Namespace': {
      if (namespace !== name) {
        return none(`a policy reaches its own namespace, ${namespace}, and not ${name}`);
      }
      const services = fetch(model.servicesByNamespace, namespace) ?? [];
      return { places: services.flatMap((service) => placesOf(model, fetch, service)) };
    }
    case 'Service': {
      const service = fetch(model.services, key);
      return service === undefined
        ? none(`there is no Service ${key}`)
        : { places: placesOf(model, fetch, service) };
    }
    case 'ExternalService': {
      const service = fetch(model.externalServices, key);
      if (service === undefined) return none(`there is no ExternalService ${key}`);
      const withoutHttp = service.ports.every(({ protocol }) => protocol !== 'http1');
      return { places: [{ service, external: true, withoutHttp }] };
    }
    default: {
      const routes = kind === 'GRPCRoute' ? model.grpcRoutes : model.httpRoutes;
      const object = fetch(routes, key);
      if (object === undefined) return none(`there is no ${kind} ${key}`);
      if (object.parentRefs.length === 0) return none(`${kind} ${key} has no Service as parent`);
      const parents = new Set(object.parentRefs.map((ref) => `${ref.namespace}/${ref.name}`));
      const places = [...parents].flatMap((parent) => {
        const service = fetch(model.services, parent);
        return service === undefined ? [] : placesOf(model, fetch, service);
      });
      const isOurs = ({ route }: ReachedPlace): boolean =>
        route?.kind === kind && route.namespace === namespace && route.name === name;
      return { places: places.filter(isOurs) };
    }
  }
}

function placesOf(model: MeshModel, fetch: Fetch, service: Service): ReachedPlace[] {
  const key = `${service.namespace}/${service.name}`;
  const attached = model.routesByService.flatMap((routes) => fetch(routes, key) ?? []);
  const routes = routesInForce(service, attached);
  return [{ service }, ...routes.map((route) => ({ service, route }))];
}

function none(problem: string): Reach {
  return { places: [], problem };
}
