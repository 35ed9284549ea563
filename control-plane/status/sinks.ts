import type { Log } from '../../runtime/log.ts';
import type { KubernetesApi } from '../watch/kubernetes-api.ts';
import type { KubernetesObject } from '../watch/source.ts';
import { readConditions } from './conditions.ts';

export type Status = Readonly<Record<string, unknown>>;

/** A resource whose status is written. */
export interface StatusTarget extends Pick<KubernetesObject, 'apiVersion' | 'kind' | 'metadata'> {
  readonly plural: string;
  /** As the watch brought it. */
  readonly status: Status;
}

/** Where statuses go. */
export interface StatusSink {
  /** What was written, by `<kind>/<namespace>/<name>`, where nothing else shows it. */
  readonly statuses?: ReadonlyMap<string, Status>;
  /** The status that stands now. */
  present(target: StatusTarget): Status;
  /**
   * Puts the given fields in place of those that stand; null removes one.
   * Rejects when that failed, also because the resource has changed meanwhile.
   */
  write(target: StatusTarget, status: Status): Promise<void>;
}

/** Writes to the status subresource, and only over the version that was judged. */
export class KubernetesStatusSink implements StatusSink {
  readonly #api: KubernetesApi;

  constructor(api: KubernetesApi) {
    this.#api = api;
  }

  present(target: StatusTarget): Status {
    return target.status;
  }

  async write(target: StatusTarget, status: Status): Promise<void> {
    const { apiVersion, metadata, plural } = target;
    const { namespace, name, resourceVersion } = metadata;
    await this.#api.request({
      method: 'PATCH',
      path: `/apis/${apiVersion}/namespaces/${namespace}/${plural}/${name}/status`,
      contentType: 'application/merge-patch+json',
      body: { metadata: { resourceVersion }, status },
    });
  }
}

/** How many statuses are kept, those of resources that are gone among them. */
const MEMORY_LIMIT = 10_000;

/** Keeps statuses in memory and tells changes in the log, where there is no API to write to. */
export class MemoryStatusSink implements StatusSink {
  readonly #log: Log;
  readonly #statuses = new Map<string, Status>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** By `<kind>/<namespace>/<name>`, for `/config_dump`. */
  get statuses(): ReadonlyMap<string, Status> {
    return this.#statuses;
  }

  present(target: StatusTarget): Status {
    return this.#statuses.get(keyOf(target)) ?? target.status;
  }

  write(target: StatusTarget, status: Status): Promise<void> {
    const key = keyOf(target);
    const next = { ...this.present(target), ...status };
    this.#statuses.delete(key);
    this.#statuses.set(key, next);
    // The first is the one that was written longest ago.
    for (const oldest of this.#statuses.keys()) {
      if (this.#statuses.size <= MEMORY_LIMIT) break;
      this.#statuses.delete(oldest);
    }
    for (const { type, status: value, reason, message } of conditionsIn(next)) {
      const fields = { resource: key, condition: type, value, reason, detail: message };
      if (value === 'True') this.#log.info(fields, 'status changed');
      else this.#log.warn(fields, 'status changed');
    }
    return Promise.resolve();
  }
}

function keyOf({ kind, metadata }: StatusTarget): string {
  return `${kind}/${metadata.namespace}/${metadata.name}`;
}

function conditionsIn(status: Status): ReturnType<typeof readConditions> {
  const parents = Array.isArray(status.parents) ? (status.parents as Status[]) : [status];
  return parents.flatMap((parent) => readConditions(parent.conditions));
}
