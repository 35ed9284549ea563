import { type ContenderId, contenderTitle, missingTool } from './contenders.ts';
import type { Measured, Series } from './measured.ts';
import { median } from './median.ts';
import type { RowPlan, Scenario } from './scenarios.ts';
import { missingTools, type Tools } from './tools.ts';

/** A row of the table, as it is written as JSON. What is not known is null. */
export interface Result {
  readonly id: string;
  readonly unit: string;
  readonly ours: number | null;
  readonly peer: number | null;
  readonly peerName: string;
  /** Ours to the peer's. */
  readonly ratio: number | null;
  /** The highest ratio with which the target is met. */
  readonly target: number;
  /** How many values the medians are of. */
  readonly rounds: number;
  /** What a reader has to know: why there is no figure, or why it does not count yet. */
  readonly note?: string;
}

/** A result with what only the table shows. */
export interface TableRow extends Result {
  readonly title: string;
  readonly verdict: Verdict;
}

export type Verdict = 'met' | 'missed' | 'failed' | 'no peer' | 'not measured' | 'not yet';

/** Why a scenario cannot be measured on this machine at all. */
export function missingForScenario(scenario: Scenario, tools: Tools): string | undefined {
  if (scenario.selfContained) return undefined;
  const needed = missingTools(tools).filter((name) => name === 'nginx' || name === 'h2load');
  return needed.length === 0 ? undefined : `needs ${needed.join(' and ')}`;
}

/** Contenders of a scenario that are here, ours first. */
export function presentContenders(scenario: Scenario, tools: Tools): ContenderId[] {
  const peers = scenario.rows.flatMap(({ peer }) => (typeof peer === 'string' ? [peer] : []));
  const present = peers.filter((peer) => missingTool(peer, tools) === undefined);
  return ['remora', ...new Set(present)];
}

/** @param measured undefined when nothing was; then `reason` says why */
export function tableRow(
  scenario: Scenario,
  plan: RowPlan,
  measured: Measured | undefined,
  tools: Tools,
  reason?: string,
): TableRow {
  const peer = typeof plan.peer === 'string' ? plan.peer : undefined;
  const missing = peer === undefined ? undefined : missingTool(peer, tools);
  const ourSeries: Series = measured?.series('remora', plan.quantity) ?? { values: [] };
  const peerSeries: Series =
    typeof plan.peer === 'string'
      ? (measured?.series(plan.peer, plan.quantity) ?? { values: [] })
      : { values: [plan.peer.value] };
  const ours = medianOf(ourSeries);
  const theirs = medianOf(peerSeries);
  const ratio = ours === null || theirs === null || theirs <= 0 ? null : ours / theirs;
  const failure = ourSeries.failure ?? peerSeries.failure;
  const note =
    reason ??
    failure ??
    scenario.note ??
    (missing === undefined ? undefined : `no ${missing} here`);
  return {
    ...{ id: plan.id, unit: plan.unit, ours, peer: theirs },
    peerName: typeof plan.peer === 'string' ? contenderTitle(plan.peer, tools) : plan.peer.name,
    ...{ ratio, target: plan.target, rounds: ourSeries.values.length },
    ...(note === undefined ? {} : { note }),
    title: plan.title,
    verdict: verdict(ratio, plan.target, {
      failed: failure !== undefined,
      early: scenario.note !== undefined,
      unmeasured: reason !== undefined,
      absent: missing !== undefined,
    }),
  };
}

function verdict(
  ratio: number | null,
  target: number,
  why: { failed: boolean; early: boolean; unmeasured: boolean; absent: boolean },
): Verdict {
  if (why.failed) return 'failed';
  if (why.early) return 'not yet';
  if (why.unmeasured) return 'not measured';
  if (why.absent) return 'no peer';
  if (ratio === null) return 'failed';
  return ratio <= target ? 'met' : 'missed';
}

function medianOf({ values, failure }: Series): number | null {
  return failure !== undefined || values.length === 0 ? null : median(values);
}

/** What goes into the file. */
export function toJson({ title, verdict: _, ...result }: TableRow): Result {
  return result;
}
