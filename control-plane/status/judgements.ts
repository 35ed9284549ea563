import type { Collection } from '../collections/collection.ts';
import { derive } from '../collections/derive.ts';
import type { TargetKey } from '../model/attachment.ts';
import type { MeshModel } from '../model/mesh-model.ts';
import type { PolicyCollections } from '../model/policy-kinds.ts';
import { isReceiver } from '../model/rate-limits.ts';
import { tcpRouteKinds, tlsRouteKinds } from '../watch/connection-route.ts';
import {
  externalServiceKind,
  leaderElectionKind,
  rateLimitPolicyKind,
} from '../watch/custom-kinds.ts';
import { grpcRouteKind } from '../watch/grpc-route.ts';
import { httpRouteKind } from '../watch/http-route.ts';
import type { RouteObject } from '../watch/route.ts';
import type { Verdict } from './conditions.ts';
import { type Reach, reachOf, reachUses } from './policy-reach.ts';
import { judgePolicy } from './policy-verdicts.ts';
import type { StatusTarget } from './sinks.ts';
import { judgeElection, judgeExternalService, judgeRoute, type RouteVerdicts } from './verdicts.ts';

/** What the status of a resource is to say: in one list, or by parent of a route. */
export type Judgement = readonly Verdict[] | RouteVerdicts;

/** A kind of resource whose status is written. Keys are `<namespace>/<name>`. */
export interface JudgedKind {
  readonly kind: string;
  readonly plural: string;
  readonly objects: Collection<Omit<StatusTarget, 'plural'>>;
  readonly judgements: Collection<Judgement>;
}

export function deriveJudgements(model: MeshModel): readonly JudgedKind[] {
  const elections = model.leaderElections;
  return [
    judgedRoutes(model, httpRouteKind, model.httpRoutes),
    judgedRoutes(model, grpcRouteKind, model.grpcRoutes),
    judgedRoutes(model, tlsRouteKinds[0], model.tlsRoutes),
    judgedRoutes(model, tcpRouteKinds[0], model.tcpRoutes),
    ...model.policies.map((policies) => judgedPolicies(model, policies)),
    {
      kind: externalServiceKind.kind,
      plural: externalServiceKind.plural,
      objects: model.externalServiceObjects,
      judgements: derive(
        nameFor(externalServiceKind),
        model.externalServiceObjects,
        judgeExternalService,
      ),
    },
    {
      kind: leaderElectionKind.kind,
      plural: leaderElectionKind.plural,
      objects: elections,
      judgements: derive(nameFor(leaderElectionKind), elections, judgeElection),
    },
  ];
}

/** As the collection stands in `/config_dump`. */
function nameFor({ kind }: { readonly kind: string }): string {
  return `judgements/${kind}`;
}

function judgedRoutes(
  { services, grantsByNamespace, routesByService }: MeshModel,
  watched: { readonly kind: string; readonly plural: string },
  objects: Collection<RouteObject>,
): JudgedKind {
  const { kind, plural } = watched;
  const judgements = derive(
    nameFor(watched),
    objects,
    (route, _key, fetch) =>
      judgeRoute(route, {
        serviceOf: (service) => fetch(services, service),
        grantsIn: (namespace) => fetch(grantsByNamespace, namespace) ?? [],
        routesOf: (service) => routesByService.flatMap((ofKind) => fetch(ofKind, service) ?? []),
      }),
    { uses: [services, grantsByNamespace, ...routesByService] },
  );
  return { kind, plural, objects, judgements };
}

/** Rate limits of a Service are counted where no route is known. */
function reachFor(kind: string, target: TargetKey, reach: Reach): Reach {
  if (kind !== rateLimitPolicyKind.kind || !isReceiver(target)) return reach;
  return { ...reach, places: reach.places.filter(({ route }) => route === undefined) };
}

function judgedPolicies(model: MeshModel, policies: PolicyCollections): JudgedKind {
  const { kind, plural, objects, attached, byTarget, expired } = policies;
  const judgements = derive(
    nameFor(policies),
    objects,
    (object, key, fetch) =>
      judgePolicy(object, {
        policy: fetch(attached, key),
        reach: (target) => reachFor(kind, target, reachOf(model, fetch, target)),
        expiredAt: fetch(expired, key),
        policiesOn: (target) => fetch(byTarget, target) ?? [],
      }),
    { uses: [attached, byTarget, expired, ...reachUses(model)] },
  );
  return { kind, plural, objects, judgements };
}
