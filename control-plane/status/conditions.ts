/** A `metav1.Condition`, before it is known since when. */
export interface Verdict {
  readonly type: 'Accepted' | 'Enforced' | 'ResolvedRefs' | 'PartiallyInvalid' | 'Programmed';
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
}

/** A `metav1.Condition`. */
export interface Condition extends Omit<Verdict, 'type' | 'status'> {
  readonly type: string;
  readonly status: string;
  readonly observedGeneration: number;
  /** RFC 3339, when `status` last changed. */
  readonly lastTransitionTime: string;
}

const TEXT_LIMIT = 1024;

/** What a list of conditions should become. */
export interface ConditionChange {
  readonly verdicts: readonly Verdict[];
  /** Types that are removed. Types in neither list stay as they are. */
  readonly remove: readonly string[];
  readonly generation: number;
  readonly nowMs: number;
}

/**
 * The list after the change, or undefined when that is the same. A condition
 * whose status stays keeps its time.
 */
export function changeConditions(
  present: readonly Condition[],
  change: ConditionChange,
): readonly Condition[] | undefined {
  const { verdicts, remove, generation, nowMs } = change;
  const concerned = new Set<string>([...remove, ...verdicts.map((verdict) => verdict.type)]);
  const next = present.filter((condition) => !concerned.has(condition.type));
  let changed = present.some((condition) => remove.includes(condition.type));
  for (const verdict of verdicts) {
    const before = present.find((condition) => condition.type === verdict.type);
    const message = verdict.message.slice(0, TEXT_LIMIT);
    const same =
      before !== undefined &&
      before.status === verdict.status &&
      before.reason === verdict.reason &&
      before.message === message &&
      before.observedGeneration === generation;
    if (!same) changed = true;
    next.push({
      type: verdict.type,
      status: verdict.status,
      observedGeneration: generation,
      lastTransitionTime:
        before?.status === verdict.status
          ? before.lastTransitionTime
          : // The API's times have whole seconds.
            new Date(nowMs).toISOString().replace(/\.\d{3}Z$/, 'Z'),
      reason: verdict.reason,
      message,
    });
  }
  return changed ? next : undefined;
}

/** The conditions of a status as read; entries of another shape are dropped. */
export function readConditions(value: unknown): readonly Condition[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((raw: unknown) => {
    if (typeof raw !== 'object' || raw === null) return [];
    const { type, status, reason, message, observedGeneration, lastTransitionTime } = raw as Record<
      string,
      unknown
    >;
    if (typeof type !== 'string' || typeof status !== 'string') return [];
    return [
      {
        type,
        status,
        reason: typeof reason === 'string' ? reason : '',
        message: typeof message === 'string' ? message : '',
        observedGeneration: typeof observedGeneration === 'number' ? observedGeneration : 0,
        lastTransitionTime: typeof lastTransitionTime === 'string' ? lastTransitionTime : '',
      },
    ];
  });
}
