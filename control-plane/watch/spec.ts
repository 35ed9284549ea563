import type { z } from 'zod';
import { formatPath } from './raw.ts';
import type { InvalidSpec } from './source.ts';

/** How many faults one message names. */
const MAX_NAMED = 3;

/** The spec as the schema reads it, or why it cannot be: what, where, in one sentence. */
export function checkSpec<S extends z.ZodType>(
  schema: S,
  spec: unknown,
  reason: string,
): { readonly spec: z.output<S> } | { readonly invalid: InvalidSpec } {
  const result = schema.safeParse(spec);
  if (result.success) return { spec: result.data };
  const { issues } = result.error;
  const named = issues.slice(0, MAX_NAMED).map((issue) => {
    const path = issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step));
    return { path: ['spec', ...path], message: issue.message };
  });
  const sentences = named.map(({ path, message }) => `${formatPath(path)}: ${message}`);
  if (issues.length > MAX_NAMED) sentences.push(`and ${issues.length - MAX_NAMED} more`);
  return { invalid: { reason, message: sentences.join('; '), path: named[0]?.path ?? ['spec'] } };
}
