import type { Clock, Timer } from '../../runtime/clock.ts';
import type { Component } from '../../runtime/component.ts';
import type { PolicyCollections } from './policy-kinds.ts';

/** Longer, a timer is set anew. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Notices when the time of a policy is over, so that it is in force no more and its
 * status says so. Sidecars notice by themselves.
 */
export class PolicyExpiry implements Component {
  readonly name = 'policy-expiry';
  readonly #policies: readonly PolicyCollections[];
  readonly #clock: Clock;
  readonly #unsubscribe: (() => void)[] = [];
  readonly #timers = new Map<string, Timer>();
  #stopped = false;

  constructor(policies: readonly PolicyCollections[], clock: Clock) {
    this.#policies = policies;
    this.#clock = clock;
  }

  start(): void {
    for (const kind of this.#policies) {
      this.#unsubscribe.push(
        kind.objects.subscribe((keys) => {
          const changed = [...keys];
          // What is told within a turn may change nothing until its end.
          queueMicrotask(() => {
            for (const key of changed) this.#look(kind, key);
          });
        }),
      );
      for (const [key] of [...kind.objects.entries()]) this.#look(kind, key);
    }
  }

  stop(): void {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#stopped = true;
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }

  #look(kind: PolicyCollections, key: string): void {
    if (this.#stopped) return;
    const id = `${kind.kind}/${key}`;
    this.#timers.get(id)?.cancel();
    this.#timers.delete(id);
    const spec = kind.objects.get(key)?.spec;
    const expiresAt = spec?.expiresAt;
    if (expiresAt === undefined) {
      // The last good form of one that cannot be understood stays as it is.
      if (spec !== undefined || kind.objects.get(key) === undefined) kind.expired.delete(key);
      return;
    }
    const leftMs = Date.parse(expiresAt) - this.#clock.wallMs();
    if (leftMs <= 0) {
      kind.expired.set(key, expiresAt);
      return;
    }
    kind.expired.delete(key);
    const timer = this.#clock.setTimeout(
      () => this.#look(kind, key),
      Math.min(leftMs, MAX_TIMER_MS),
    );
    this.#timers.set(id, timer);
  }
}
