import type { Collection } from '../collections/collection.ts';
import { derive, type Fetch } from '../collections/derive.ts';
import type { MeshModel } from '../model/mesh-model.ts';
import type { TargetKey } from '../model/policies.ts';
import type { RouteObject } from '../watch/route.ts';
import type { Verdict } from './conditions.ts';
import { judgeElection, judgePolicy, judgeRoute, type RouteVerdicts } from './verdicts.ts';

/** What the status of each route, policy and election is to say, by `<namespace>/<name>`. */
export interface Judgements {
  readonly httpRoutes: Collection<RouteVerdicts>;
  readonly grpcRoutes: Collection<RouteVerdicts>;
  readonly tlsRoutes: Collection<RouteVerdicts>;
  readonly tcpRoutes: Collection<RouteVerdicts>;
  readonly trafficPolicies: Collection<Verdict>;
  readonly leaderElections: Collection<Verdict>;
}

export function deriveJudgements(model: MeshModel): Judgements {
  const { services, httpRoutes, policiesByTarget } = model;
  return {
    httpRoutes: judgeRoutes('http-route-judgements', model, httpRoutes),
    grpcRoutes: judgeRoutes('grpc-route-judgements', model, model.grpcRoutes),
    tlsRoutes: judgeRoutes('tls-route-judgements', model, model.tlsRoutes),
    tcpRoutes: judgeRoutes('tcp-route-judgements', model, model.tcpRoutes),
    trafficPolicies: derive(
      'traffic-policy-judgements',
      model.trafficPolicies,
      (policy, _key, fetch) =>
        judgePolicy(policy, {
          policies: (target) => fetch(policiesByTarget, target) ?? [],
          missing: (target) => missingTarget(model, fetch, target),
        }),
      { uses: [policiesByTarget, services, httpRoutes, model.grpcRoutes] },
    ),
    leaderElections: derive('leader-election-judgements', model.leaderElections, judgeElection),
  };
}

function judgeRoutes(
  name: string,
  { services, grantsByNamespace, routesByService }: MeshModel,
  routes: Collection<RouteObject>,
): Collection<RouteVerdicts> {
  return derive(
    name,
    routes,
    (route, _key, fetch) =>
      judgeRoute(route, {
        serviceOf: (service) => fetch(services, service),
        grantsIn: (namespace) => fetch(grantsByNamespace, namespace) ?? [],
        routesOf: (service) => routesByService.flatMap((ofKind) => fetch(ofKind, service) ?? []),
      }),
    { uses: [services, grantsByNamespace, ...routesByService] },
  );
}

/** Why a target cannot be targeted. */
function missingTarget(model: MeshModel, fetch: Fetch, target: TargetKey): string | undefined {
  const slash = target.indexOf('/');
  const name = target.slice(slash + 1);
  if (target.slice(0, slash) === 'Service') {
    return fetch(model.services, name) === undefined ? `there is no Service ${name}` : undefined;
  }
  const kind = target.slice(0, slash);
  const route = fetch(kind === 'GRPCRoute' ? model.grpcRoutes : model.httpRoutes, name);
  if (route === undefined) return `there is no ${kind} ${name}`;
  return route.parentRefs.length === 0 ? `${kind} ${name} has no Service as parent` : undefined;
}
