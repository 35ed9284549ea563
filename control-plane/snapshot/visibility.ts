import type { SidecarIdentity, VersionedResource } from './types.ts';

/** The versioned form of the model's RoutesByCaller. */
export interface VersionedRoutes {
  readonly producer: VersionedResource;
  /** By the caller's namespace. */
  readonly consumers: Readonly<Record<string, VersionedResource>>;
}

/** The routes of a service that apply to calls from a sidecar's pod. */
export function routesFor(
  routes: VersionedRoutes | undefined,
  sidecar: Pick<SidecarIdentity, 'namespace'>,
): VersionedResource | undefined {
  if (routes === undefined) return undefined;
  return Object.hasOwn(routes.consumers, sidecar.namespace)
    ? routes.consumers[sidecar.namespace]
    : routes.producer;
}
