import type { MeshModel } from '../model/mesh-model.ts';
import type { Routes } from '../model/types.ts';
import type { Verdict } from './conditions.ts';

/**
 * What sidecars refused, by resource: the config stream tells of it, and the
 * status writer shows it as `Programmed: False` on the policies and routes
 * behind the resource.
 */
export interface RefusalReports {
  /**
   * A sidecar refused a push. `sidecar` names the stream (`<namespace>/<pod>`),
   * `resource` is the name in the Nack and may be empty.
   */
  refused(sidecar: string, resource: string, reason: string): void;
  /** A sidecar took a push, or its stream ended: what it refused before no longer counts. */
  cleared(sidecar: string): void;
}

/** The refusals that stand, by the policies and routes that they concern. */
export class Refusals {
  /** By sidecar, then by `<kind>/<namespace>/<name>`: the reason. */
  readonly #bySidecar = new Map<string, Map<string, string>>();

  /** Returns the resources whose status has to be looked at. */
  add(sidecar: string, concerned: readonly string[], reason: string): readonly string[] {
    const reasons = this.#bySidecar.get(sidecar) ?? new Map<string, string>();
    this.#bySidecar.set(sidecar, reasons);
    for (const resource of concerned) reasons.set(resource, reason);
    return concerned;
  }

  clear(sidecar: string): readonly string[] {
    const concerned = [...(this.#bySidecar.get(sidecar)?.keys() ?? [])];
    this.#bySidecar.delete(sidecar);
    return concerned;
  }

  verdictOn(resource: string): Verdict | undefined {
    let count = 0;
    let first = '';
    for (const [sidecar, reasons] of this.#bySidecar) {
      const reason = reasons.get(resource);
      if (reason === undefined) continue;
      count += 1;
      first ||= `${sidecar}: ${reason}`;
    }
    if (count === 0) return undefined;
    const message = `refused by ${count} ${count === 1 ? 'sidecar' : 'sidecars'}; ${first}`;
    return { type: 'Programmed', status: 'False', reason: 'Refused', message };
  }
}

/** The policies and routes of which a refused resource was made, as `<kind>/<namespace>/<name>`. */
export function concernedBy(
  model: MeshModel,
  sidecar: string,
  resource: string,
): readonly string[] {
  if (resource === 'settings') return limitersOf(model, sidecar);
  if (!resource.startsWith('routes/')) return [];
  const routes = model.routes.get(resource.slice('routes/'.length));
  if (routes === undefined) return [];
  const concerned = new Set<string>();
  for (const made of [routes.producer, ...Object.values(routes.consumers)]) {
    for (const name of originsOf(made)) concerned.add(name);
  }
  return [...concerned];
}

function limitersOf(model: MeshModel, sidecar: string): readonly string[] {
  const { rateLimits = [] } = model.settings.get(sidecar) ?? {};
  return rateLimits.flatMap(({ limits }) =>
    limits.map(({ source }) => `RateLimitPolicy/${source}`),
  );
}

function* originsOf(routes: Routes): Iterable<string> {
  for (const port of routes.ports) {
    yield* port.policy.sources;
    for (const rule of [...port.rules, ...(port.connectionRules ?? [])]) {
      // `HTTPRoute/<namespace>/<name>/<rule>`
      yield rule.name.split('/', 3).join('/');
      yield* rule.policy.sources;
    }
  }
}
