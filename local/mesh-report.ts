import { z } from 'zod';
import type { EdgeRates } from '../control-plane/telemetry/aggregate.ts';
import type { Problem } from './problems.ts';

const party = z.looseObject({ namespace: z.string(), workload: z.string() });

const edge = z.looseObject({
  source: party,
  destination: party,
  service: z.string(),
  route: z.string(),
  mutualTls: z.boolean(),
  protocol: z.string(),
  reportedBy: z.enum(['source', 'destination']),
  requestsPerSecond: z.number(),
  successRate: z.number().nullable(),
  p50Ms: z.number().nullable(),
  p99Ms: z.number().nullable(),
  retriesPerSecond: z.number(),
  connectionsPerSecond: z.number(),
  bytesSentPerSecond: z.number(),
  bytesReceivedPerSecond: z.number(),
});

/** The edges in the control plane's `/telemetry`; none when it does not answer. */
export function readEdges(telemetry: unknown): EdgeRates[] {
  const parsed = z.looseObject({ edges: z.array(edge) }).safeParse(telemetry);
  return parsed.success ? parsed.data.edges : [];
}

const verdict = z.looseObject({
  type: z.string(),
  status: z.string(),
  reason: z.string(),
  message: z.string(),
});
const problem = z.looseObject({ where: z.string(), message: z.string() });

const judgement = z.union([
  z.array(verdict),
  z.looseObject({ parents: z.array(z.looseObject({ verdicts: z.array(verdict) })) }),
]);

const dump = z.looseObject({ problems: z.record(z.string(), problem).default({}) });

/** The collections of the dump that hold what is judged of one kind: `judgements/HTTPRoute`. */
const JUDGEMENTS = 'judgements/';

/**
 * What the control plane's `/config_dump` finds wrong: files that it cannot read
 * and policies that it does not accept.
 */
export function readMeshProblems(configDump: unknown): Problem[] {
  const parsed = dump.safeParse(configDump);
  if (!parsed.success) return [];
  const found: Problem[] = Object.values(parsed.data.problems);
  for (const [collection, value] of Object.entries(parsed.data)) {
    if (!collection.startsWith(JUDGEMENTS)) continue;
    const kind = collection.slice(JUDGEMENTS.length);
    const judgements = z.record(z.string(), judgement).safeParse(value).data ?? {};
    for (const [name, judged] of Object.entries(judgements)) {
      const verdicts = Array.isArray(judged)
        ? judged
        : judged.parents.flatMap((parent) => parent.verdicts);
      for (const { type, status, reason, message } of verdicts) {
        if (status === (type === 'PartiallyInvalid' ? 'False' : 'True')) continue;
        const sentence = `${type} is ${status.toLowerCase()} (${reason}): ${message}`;
        found.push({ where: `${kind} ${name}`, message: sentence });
      }
    }
  }
  return found;
}

/** One of each: a file is read by the cluster and by the control plane, and both may complain. */
export function withoutRepetition(problems: readonly Problem[]): Problem[] {
  const byPlace = new Map<string, Problem>();
  for (const one of problems) {
    if (!byPlace.has(one.where)) byPlace.set(one.where, one);
  }
  return [...byPlace.values()];
}
