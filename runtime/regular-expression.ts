import { createRequire } from 'node:module';
import type * as Re2Js from 're2js';
import { describeError, MeshError } from './errors.ts';

/** Asks for a module when it is first needed, and at once: rules are compiled while a request waits. */
const load = createRequire(import.meta.url);
let re2: typeof Re2Js | undefined;

/**
 * Whether a text as a whole matches an expression of RE2, in time linear to the
 * text's length, whatever the expression. The engine takes 18 MB and 30 ms to
 * load, and is loaded with the first expression.
 *
 * @throws MeshError `bad-regular-expression`
 */
export function compileRegularExpression(expression: string): (text: string) => boolean {
  re2 ??= load('re2js') as typeof Re2Js;
  try {
    const compiled = re2.RE2JS.compile(expression);
    return (text) => compiled.testExact(text);
  } catch (error) {
    throw new MeshError(
      'bad-regular-expression',
      `"${expression}" is no regular expression of RE2: ${describeError(error)}`,
    );
  }
}

/** Why a text is no expression; undefined when it is one. */
export function expressionProblem(expression: string): string | undefined {
  try {
    compileRegularExpression(expression);
    return undefined;
  } catch (error) {
    return describeError(error);
  }
}
