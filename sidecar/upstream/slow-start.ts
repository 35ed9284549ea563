import type { SlowStart } from '../config/types.ts';
import type { Member } from './member.ts';

/**
 * Lets the share of endpoints that are new, or back after an ejection, grow: their
 * caches and pools are cold. Of the picks that a newcomer would take part in, it
 * takes part in a share that grows linearly over the window.
 */
export class NewcomerShares {
  policy: SlowStart | undefined;
  /** Since when, by the monotonic clock. */
  readonly #since = new Map<Member, number>();
  /** From then on nobody is new, picked or not. */
  #untilMs = 0;

  /** Nobody is new: the common case, which costs a look. */
  get isEmpty(): boolean {
    return this.#since.size === 0;
  }

  add(member: Member, nowMs: number): void {
    if (this.policy === undefined) return;
    this.#since.set(member, nowMs);
    this.#untilMs = nowMs + this.policy.windowMs;
  }

  delete(member: Member): void {
    this.#since.delete(member);
  }

  clear(): void {
    this.#since.clear();
  }

  /** The share of its picks, from 0 to 1. */
  shareOf(member: Member, nowMs: number): number {
    const sinceMs = this.#since.get(member);
    if (sinceMs === undefined || this.policy === undefined) return 1;
    const { windowMs, minPercent } = this.policy;
    if (nowMs - sinceMs >= windowMs) {
      this.#since.delete(member);
      return 1;
    }
    return Math.max(minPercent / 100, (nowMs - sinceMs) / windowMs);
  }

  /** Those who take part in one pick; all where that leaves nobody. */
  takingPart(
    candidates: readonly Member[],
    nowMs: number,
    random: () => number,
  ): readonly Member[] {
    if (nowMs >= this.#untilMs) {
      this.clear();
      return candidates;
    }
    const part = candidates.filter((member) => {
      const share = this.shareOf(member, nowMs);
      return share === 1 || random() < share;
    });
    return part.length > 0 ? part : candidates;
  }
}
