import { Backoff } from '../../runtime/backoff.ts';
import type { Clock, Timer } from '../../runtime/clock.ts';
import type { Component } from '../../runtime/component.ts';
import { describeError } from '../../runtime/errors.ts';
import type { Log } from '../../runtime/log.ts';
import type { MeshModel } from '../model/mesh-model.ts';
import { ApiError } from '../watch/kubernetes-api.ts';
import {
  composeLeadership,
  composeRouteStatus,
  composeStatus,
  type Leadership,
  type StatusChange,
} from './compose.ts';
import { readConditions } from './conditions.ts';
import type { JudgedKind } from './judgements.ts';
import { concernedBy, type RefusalReports, Refusals } from './refusals.ts';
import type { Status, StatusSink, StatusTarget } from './sinks.ts';

export interface StatusWriterOptions {
  readonly model: MeshModel;
  readonly judged: readonly JudgedKind[];
  readonly sink: StatusSink;
  /** Whether this replica writes what every replica knows; asked again whenever pods change. */
  readonly isWriter: () => boolean;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Writes what is judged of routes, policies and elections into their status,
 * when it differs from what stands there.
 *
 * Verdicts are the same on every replica, and the chosen one writes them. What
 * a replica alone knows it writes itself: refusals of the sidecars connected to
 * it, and leaders of elections that it runs.
 */
export class StatusWriter implements Component, RefusalReports {
  readonly name = 'status-writer';
  readonly #options: StatusWriterOptions;
  readonly #refusals = new Refusals();
  readonly #leaders = new Map<string, Leadership>();
  /** Resources of which this replica said that they are refused. */
  readonly #saidRefused = new Set<string>();
  /** Resources whose refusals were said by nobody knows whom: the new writer clears them once. */
  readonly #sweep = new Set<string>();
  readonly #due = new Set<string>();
  readonly #unsubscribe: (() => void)[] = [];
  readonly #backoff = new Backoff({ baseMs: 100, maxMs: 10_000 });
  #wasWriter = false;
  readonly #failed = new Set<string>();
  #retry: Timer | undefined;
  #working: Promise<void> | undefined;
  #started = false;

  constructor(options: StatusWriterOptions) {
    this.#options = options;
  }

  start(): void {
    this.#started = true;
    const { model, judged } = this.#options;
    for (const { kind, objects, judgements } of judged) {
      for (const collection of [objects, judgements]) {
        this.#unsubscribe.push(
          collection.subscribe((keys) => this.#mark([...keys].map((key) => `${kind}/${key}`))),
        );
      }
    }
    this.#unsubscribe.push(model.podsByNamespace.subscribe(() => this.#review()));
    this.#review();
  }

  async stop(): Promise<void> {
    this.#started = false;
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#retry?.cancel();
    this.#due.clear();
    await this.#working;
  }

  refused(sidecar: string, resource: string, reason: string): void {
    const concerned = concernedBy(this.#options.model, resource);
    this.#mark(this.#refusals.add(sidecar, concerned, reason));
  }

  cleared(sidecar: string): void {
    this.#mark(this.#refusals.clear(sidecar));
  }

  /** An election that this replica runs has a new leader, or (`''`) none. */
  leaderChanged(namespace: string, election: string, leader: string, fencingToken: number): void {
    const key = `LeaderElection/${namespace}/${election}`;
    this.#leaders.set(key, { leader, fencingToken });
    this.#mark([key]);
  }

  /** A replica that has become the writer looks at everything. */
  #review(): void {
    const isWriter = this.#options.isWriter();
    if (isWriter && !this.#wasWriter) {
      const all = this.#options.judged.flatMap(({ kind, objects }) =>
        [...objects.entries()].map(([key]) => `${kind}/${key}`),
      );
      for (const resource of all) this.#sweep.add(resource);
      this.#mark(all);
    }
    this.#wasWriter = isWriter;
  }

  #mark(resources: readonly string[]): void {
    if (!this.#started || resources.length === 0) return;
    for (const resource of resources) this.#due.add(resource);
    this.#working ??= this.#work();
  }

  async #work(): Promise<void> {
    // Also what becomes due meanwhile is walked.
    for (const resource of this.#due) {
      this.#due.delete(resource);
      try {
        await this.#update(resource);
      } catch (error) {
        this.#fail(resource, error);
      }
    }
    this.#working = undefined;
  }

  #fail(resource: string, error: unknown): void {
    const { clock, log } = this.#options;
    const status = error instanceof ApiError ? error.status : undefined;
    // It is gone, and with it the status.
    if (status === 404) return;
    // Changed meanwhile (409): by the next try the watch has brought what to judge anew.
    if (status !== 409) log.warn({ resource, error: describeError(error) }, 'status not written');
    this.#failed.add(resource);
    this.#retry ??= clock.setTimeout(() => {
      const failed = [...this.#failed];
      this.#failed.clear();
      this.#retry = undefined;
      this.#mark(failed);
    }, this.#backoff.nextMs());
  }

  async #update(resource: string): Promise<void> {
    const { clock, isWriter, sink } = this.#options;
    const target = this.#targetOf(resource);
    if (target === undefined) {
      this.#saidRefused.delete(resource);
      this.#sweep.delete(resource);
      return;
    }
    const present = sink.present(target);
    const refusal = this.#refusals.verdictOn(resource);
    const stale = refusal === undefined && this.#saysRefusedNoMore(resource, present, target);
    const writes = isWriter();
    const status = this.#compose(resource, present, writes, {
      common: refusal === undefined ? [] : [refusal],
      remove: stale ? ['Programmed'] : [],
      generation: target.metadata.generation,
      nowMs: clock.wallMs(),
    });
    if (status !== undefined) await sink.write(target, status);
    this.#backoff.reset();
    this.#sweep.delete(resource);
    if (refusal === undefined) this.#saidRefused.delete(resource);
    else this.#saidRefused.add(resource);
  }

  /** Whether a `Programmed: False` that may stand there no longer holds. */
  #saysRefusedNoMore(resource: string, present: Status, { metadata }: StatusTarget): boolean {
    if (this.#saidRefused.has(resource)) return true;
    if (!this.#options.isWriter()) return false;
    const entries = Array.isArray(present.parents) ? (present.parents as Status[]) : [present];
    const said = entries
      .flatMap((entry) => readConditions(entry.conditions))
      .find((condition) => condition.type === 'Programmed');
    if (said === undefined) return false;
    return this.#sweep.has(resource) || said.observedGeneration !== metadata.generation;
  }

  #targetOf(resource: string): StatusTarget | undefined {
    const [judged, key] = this.#judgedKind(resource);
    const object = judged?.objects.get(key);
    return judged && object && { ...object, plural: judged.plural };
  }

  #compose(
    resource: string,
    present: Status,
    writes: boolean,
    change: StatusChange,
  ): Status | undefined {
    const [judged, key] = this.#judgedKind(resource);
    const judgement = judged?.judgements.get(key);
    if (judgement === undefined) return undefined;
    if ('parents' in judgement) {
      return composeRouteStatus(present, judgement, change, writes);
    }
    const conditions = composeStatus(present, writes ? judgement : [], change);
    const leadership = composeLeadership(present, this.#leaders.get(resource));
    if (conditions === undefined) return leadership;
    return { ...conditions, ...leadership };
  }

  #judgedKind(resource: string): [judged: JudgedKind | undefined, key: string] {
    const slash = resource.indexOf('/');
    const judged = this.#options.judged.find(({ kind }) => kind === resource.slice(0, slash));
    return [judged, resource.slice(slash + 1)];
  }
}
