import type { Clock } from '../../runtime/clock.ts';
import type { Component } from '../../runtime/component.ts';
import type { MeshState } from '../snapshot/types.ts';
import type { ConfigSession } from './session.ts';

/** How long the event loop is held at a time while a change is carried to all sidecars. */
const SLICE_MS = 8;

/**
 * All open configuration sessions. A change of the mesh is carried to them in
 * slices, so that with thousands of sidecars the other streams, leases above
 * all, are still served in between.
 */
export class ConfigSessions implements Component {
  readonly name = 'config-sessions';
  readonly #state: MeshState;
  readonly #clock: Clock;
  readonly #sessions = new Set<ConfigSession>();
  /** Those that have not been told of the latest change, with the time of the first one untold. */
  readonly #untold = new Map<ConfigSession, number>();
  #immediate: NodeJS.Immediate | undefined;
  #unsubscribe: (() => void) | undefined;

  constructor(state: MeshState, clock: Clock) {
    this.#state = state;
    this.#clock = clock;
  }

  /** Begins to listen to the mesh. */
  start(): void {
    this.#unsubscribe = this.#state.onChange(() => this.#changed());
  }

  stop(): void {
    this.#unsubscribe?.();
    clearImmediate(this.#immediate);
    this.#immediate = undefined;
    this.#untold.clear();
  }

  add(session: ConfigSession): void {
    this.#sessions.add(session);
  }

  delete(session: ConfigSession): void {
    this.#sessions.delete(session);
    this.#untold.delete(session);
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** The sessions of a pod, `<namespace>/<name>`: more than one for a moment while it reconnects. */
  ofPod(name: string): ConfigSession[] {
    return [...this.#sessions].filter((session) => session.name === name);
  }

  [Symbol.iterator](): IterableIterator<ConfigSession> {
    return this.#sessions.values();
  }

  #changed(): void {
    const nowMs = this.#clock.monotonicMs();
    for (const session of this.#sessions) {
      if (!this.#untold.has(session)) this.#untold.set(session, nowMs);
    }
    this.#immediate ??= setImmediate(() => this.#tell());
  }

  #tell(): void {
    this.#immediate = undefined;
    const untilMs = performance.now() + SLICE_MS;
    for (const [session, changedAtMs] of this.#untold) {
      this.#untold.delete(session);
      session.update(changedAtMs);
      if (performance.now() > untilMs) break;
    }
    if (this.#untold.size > 0) this.#immediate = setImmediate(() => this.#tell());
  }
}
