import { apiStatus, type Guarded, guardApiCalls } from '../api-breaker.ts';
import type { ApiRequest, KubernetesApi } from '../watch/kubernetes-api.ts';
import type { Lease, LeaseStore, LeaseWrite } from './lease.ts';

/** The part of a Lease (coordination.k8s.io/v1) that is used. */
interface LeaseObject {
  metadata?: { resourceVersion?: string };
  spec?: {
    holderIdentity?: string;
    leaseDurationSeconds?: number;
    acquireTime?: string;
    renewTime?: string;
    leaseTransitions?: number;
  };
}

interface StoredLease extends Lease {
  readonly acquireTime: string | undefined;
}

/**
 * Leases named `remora-<election>` in the pods' namespace, so that `kubectl get
 * leases` shows who leads. The fencing token is `leaseTransitions`. The times in
 * the object are for people: nobody computes with another machine's clock.
 */
export class KubernetesLeaseStore implements LeaseStore {
  readonly #request: Guarded<[ApiRequest], LeaseObject>;
  readonly #wallMs: () => number;

  /** @param api a client of its own, so that renewals do not queue behind other requests. */
  constructor(api: KubernetesApi, wallMs: () => number) {
    this.#request = guardApiCalls('leases', (request) =>
      api.request<LeaseObject>({ ...request, timeoutMs: 2_000 }),
    );
    this.#wallMs = wallMs;
  }

  async read(namespace: string, election: string): Promise<StoredLease | undefined> {
    try {
      return fromObject(await this.#request({ method: 'GET', path: pathOf(namespace, election) }));
    } catch (error) {
      if (apiStatus(error) === 404) return undefined;
      throw error;
    }
  }

  async write(
    namespace: string,
    election: string,
    next: LeaseWrite,
    previous: StoredLease | undefined,
  ): Promise<StoredLease | undefined> {
    const now = microTime(this.#wallMs());
    const renewed = next.holder === previous?.holder && next.fencingToken === previous.fencingToken;
    const body = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: {
        name: leaseName(election),
        namespace,
        labels: { 'app.kubernetes.io/managed-by': 'remora' },
        ...(previous === undefined ? {} : { resourceVersion: previous.version }),
      },
      spec: {
        // An empty name is not allowed; an absent one means that nobody holds it.
        ...(next.holder === '' ? {} : { holderIdentity: next.holder }),
        leaseDurationSeconds: Math.ceil(next.durationMs / 1000),
        acquireTime: renewed ? (previous.acquireTime ?? now) : now,
        renewTime: now,
        leaseTransitions: next.fencingToken,
      },
    };
    try {
      return fromObject(
        await this.#request(
          previous === undefined
            ? { method: 'POST', path: pathOf(namespace), body }
            : { method: 'PUT', path: pathOf(namespace, election), body },
        ),
      );
    } catch (error) {
      const status = apiStatus(error);
      // 404: it was deleted since it was read.
      if (status === 409 || (status === 404 && previous !== undefined)) return undefined;
      throw error;
    }
  }

  /** Ends the breaker's timers. */
  close(): void {
    this.#request.shutdown();
  }
}

/** The Lease of an election. */
export function leaseName(election: string): string {
  return `remora-${election}`;
}

function pathOf(namespace: string, election?: string): string {
  const leases = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
  return election === undefined ? leases : `${leases}/${leaseName(election)}`;
}

function fromObject(object: LeaseObject): StoredLease {
  const spec = object.spec ?? {};
  return {
    holder: spec.holderIdentity ?? '',
    fencingToken: spec.leaseTransitions ?? 0,
    durationMs: (spec.leaseDurationSeconds ?? 0) * 1000,
    version: object.metadata?.resourceVersion ?? '',
    acquireTime: spec.acquireTime,
  };
}

/** Kubernetes' MicroTime: RFC 3339 with six digits of a second. */
function microTime(epochMs: number): string {
  return new Date(epochMs).toISOString().replace('Z', '000Z');
}
