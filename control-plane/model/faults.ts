import { parseDurationMs } from '../crds/duration.ts';
import { grpcFailureNumber } from '../crds/grpc-failures.ts';
import type { FaultPolicyObject } from '../watch/custom-kinds.ts';
import type { PolicySettings } from './attachment.ts';
import { toMatches } from './route-matches.ts';
import type { Faults } from './types.ts';

type Spec = NonNullable<FaultPolicyObject['spec']>;

/** What a FaultPolicy sets. */
export function faultSettings(spec: Spec, source: string): PolicySettings {
  const { matches = [], delay, abort, bandwidth, expiresAt } = spec;
  const faults: Faults = {
    source,
    matches:
      matches.length === 0
        ? []
        : toMatches(
            matches.map(({ headers = [], path, method }) => ({
              ...(path && { path }),
              method,
              headers,
              queryParams: [],
            })),
            'HTTPRoute',
          ).map(({ match }) => match),
    ...(delay && {
      delay: { durationMs: parseDurationMs(delay.duration) ?? 0, ...share(delay) },
    }),
    ...(abort && { abort: { ...statusOf(abort), ...share(abort) } }),
    ...(bandwidth && {
      bandwidth: { bytesPerSecond: bandwidth.bytesPerSecond, ...share(bandwidth) },
    }),
    ...(expiresAt !== undefined && { expiresAt }),
  };
  return { faults };
}

function share({ percent }: { readonly percent: number }): { partsPerMillion: number } {
  return { partsPerMillion: Math.round(percent * 10_000) };
}

/** The schema has seen to it that there is exactly one. */
function statusOf({ httpStatus, grpcStatus }: NonNullable<Spec['abort']>) {
  if (grpcStatus === undefined) return { httpStatus: httpStatus ?? 503 };
  return { grpcStatus: grpcFailureNumber(grpcStatus) };
}
