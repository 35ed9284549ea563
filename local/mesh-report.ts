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

const routeJudgements = z
  .record(
    z.string(),
    z.looseObject({ parents: z.array(z.looseObject({ verdicts: z.array(verdict) })) }),
  )
  .default({});

const dump = z.looseObject({
  problems: z.record(z.string(), problem).default({}),
  'http-route-judgements': routeJudgements,
  'grpc-route-judgements': routeJudgements,
  'tls-route-judgements': routeJudgements,
  'tcp-route-judgements': routeJudgements,
  'traffic-policy-judgements': z.record(z.string(), verdict).default({}),
  'leader-election-judgements': z.record(z.string(), verdict).default({}),
});

/**
 * What the control plane's `/config_dump` finds wrong: files that it cannot read
 * and policies that it does not accept.
 */
export function readMeshProblems(configDump: unknown): Problem[] {
  const parsed = dump.safeParse(configDump);
  if (!parsed.success) return [];
  const found: Problem[] = Object.values(parsed.data.problems);
  const judge = (
    kind: string,
    name: string,
    verdicts: readonly z.infer<typeof verdict>[],
  ): void => {
    for (const { type, status, reason, message } of verdicts) {
      if (status === (type === 'PartiallyInvalid' ? 'False' : 'True')) continue;
      const said = `${type} is ${status.toLowerCase()} (${reason}): ${message}`;
      found.push({ where: `${kind} ${name}`, message: said });
    }
  };
  for (const [kind, routes] of [
    ['HTTPRoute', parsed.data['http-route-judgements']],
    ['GRPCRoute', parsed.data['grpc-route-judgements']],
    ['TLSRoute', parsed.data['tls-route-judgements']],
    ['TCPRoute', parsed.data['tcp-route-judgements']],
  ] as const) {
    for (const [name, { parents }] of Object.entries(routes)) {
      for (const { verdicts } of parents) judge(kind, name, verdicts);
    }
  }
  for (const [name, one] of Object.entries(parsed.data['traffic-policy-judgements'])) {
    judge('TrafficPolicy', name, [one]);
  }
  for (const [name, one] of Object.entries(parsed.data['leader-election-judgements'])) {
    judge('LeaderElection', name, [one]);
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
