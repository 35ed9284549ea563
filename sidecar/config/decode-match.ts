import type { HttpMatch__Output } from '../../proto/gen/remora/v1/HttpMatch.ts';
import type { ValueMatch__Output } from '../../proto/gen/remora/v1/ValueMatch.ts';
import { TOKEN } from '../../proto/token.ts';
import { describeError } from '../../runtime/errors.ts';
import { compileRegularExpression } from '../../runtime/regular-expression.ts';
import type { Place } from './place.ts';
import type { HttpMatch, PathMatch, ValueMatch } from './types.ts';

/** What a request must be like for a rule to take it. */
export function decodeMatch(match: HttpMatch__Output, at: Place): HttpMatch {
  if (match.method !== '' && !TOKEN.test(match.method)) {
    at.in('method').fail(`"${match.method}" is no HTTP method`);
  }
  return {
    path: decodePath(match, at),
    method: match.method === '' ? undefined : match.method,
    headers: match.headers.map((header, i) => {
      const value = decodeValue(header, at.in(`headers[${i}]`));
      const { name } = value;
      if (!TOKEN.test(name)) at.in(`headers[${i}].name`).fail(`"${name}" is no header name`);
      return { ...value, name: name.toLowerCase() };
    }),
    query: match.query.map((parameter, i) => decodeValue(parameter, at.in(`query[${i}]`))),
  };
}

function decodePath(match: HttpMatch__Output, at: Place): PathMatch {
  if (match.path === undefined) return { kind: 'any' };
  if (match.path === 'pathExpression') {
    const value = match.pathExpression ?? '';
    return { kind: 'expression', value: expression(value, at.in('pathExpression')) };
  }
  const value = (match.path === 'exact' ? match.exact : match.prefix) ?? '';
  if (!value.startsWith('/')) at.in(match.path).fail(`"${value}" does not begin with "/"`);
  return { kind: match.path, value };
}

function decodeValue(match: ValueMatch__Output, at: Place): ValueMatch {
  const { name } = match;
  if (name === '') at.in('name').fail('it is empty');
  return match.match === 'expression'
    ? { name, expression: expression(match.expression ?? '', at.in('expression')) }
    : { name, exact: match.exact ?? '' };
}

/** Compiled to see whether it can be: a rule that fails while a request waits helps nobody. */
function expression(text: string, at: Place): string {
  try {
    compileRegularExpression(text);
  } catch (error) {
    at.fail(describeError(error));
  }
  return text;
}
