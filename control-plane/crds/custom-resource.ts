import { z } from 'zod';
import { DURATION_PATTERN, parseDurationMs } from './duration.ts';

/** One of our kinds: a zod schema for reading it, from which its CustomResourceDefinition is generated. */
export interface CustomResource<Spec extends z.ZodType = z.ZodType> {
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly version: string;
  readonly description: string;
  readonly spec: Spec;
  readonly status: z.ZodType;
  readonly printerColumns: readonly PrinterColumn[];
}

/** A column of `kubectl get`. */
export interface PrinterColumn {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'date';
  readonly jsonPath: string;
  readonly description?: string;
  /** Above 0: shown with `-o wide` only. */
  readonly priority?: number;
}

/**
 * A rule that the API server checks as CEL, and that a folder's YAML is checked
 * with as code. Both say the same; the tests try both.
 */
export interface Rule<T> {
  readonly cel: string;
  readonly holds: (value: T) => boolean;
  readonly message: string;
}

/** Adds rules to a schema, for zod and for the generated CRD alike. */
export function withRules<S extends z.ZodType>(
  schema: S,
  description: string,
  rules: readonly Rule<z.output<S>>[],
): S {
  let checked = schema;
  for (const { holds, message } of rules) checked = checked.refine(holds, message);
  return checked.meta({
    description,
    'x-kubernetes-validations': rules.map(({ cel, message }) => ({ rule: cel, message })),
  });
}

/** Milliseconds of a text that the schema has let pass. */
export function durationMs(text: string): number {
  return parseDurationMs(text) ?? 0;
}

/** A duration between two bounds (by default up to a day, which keeps timers within their types). */
export function duration(description: string, least = '0s', most = '24h') {
  const shape = z
    .string()
    .max(24)
    // What is no duration is not compared with the bounds too.
    .regex(DURATION_PATTERN, {
      error: 'is not a duration such as 250ms, 10s or 1h30m',
      abort: true,
    });
  return withRules(shape, description, [
    {
      cel: `duration(self) >= duration('${least}') && duration(self) <= duration('${most}')`,
      holds: (text) =>
        durationMs(text) >= durationMs(least) && durationMs(text) <= durationMs(most),
      message: `must be from ${least} to ${most}`,
    },
  ]);
}

/** `metav1.Condition`, as every status of ours carries it. */
export const conditions = z
  .array(
    z.object({
      type: z.string().max(316),
      status: z.enum(['True', 'False', 'Unknown']),
      observedGeneration: z.int().min(0).optional(),
      lastTransitionTime: z.string().meta({ format: 'date-time' }),
      reason: z.string().max(1024),
      message: z.string().max(32768),
    }),
  )
  .max(8)
  .optional()
  .meta({
    description: 'Whether the resource is in force, and why not.',
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['type'],
  });

/** What all kinds of policies show: the first target, and whether anything is in force. */
export const policyColumns: readonly PrinterColumn[] = [
  { name: 'Kind', type: 'string', jsonPath: '.spec.targetRefs[0].kind' },
  { name: 'Target', type: 'string', jsonPath: '.spec.targetRefs[0].name' },
  {
    name: 'Enforced',
    type: 'string',
    jsonPath: '.status.conditions[?(@.type=="Enforced")].reason',
  },
];

/** Columns that all our kinds show. */
export const acceptedColumns: readonly PrinterColumn[] = [
  {
    name: 'Accepted',
    type: 'string',
    jsonPath: '.status.conditions[?(@.type=="Accepted")].status',
  },
  {
    name: 'Reason',
    type: 'string',
    jsonPath: '.status.conditions[?(@.type=="Accepted")].reason',
    priority: 1,
  },
  { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
];
