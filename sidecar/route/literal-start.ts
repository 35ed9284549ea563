/** What stands for itself in an expression of RE2. */
const LITERAL = /[A-Za-z0-9/_~!@%&=:;,<>"'`#-]/;

/**
 * The text with which everything begins that an expression matches as a whole, as
 * far as that is plain to see; empty where it is not.
 */
export function literalStart(expression: string): string {
  if (mayHaveAlternatives(expression)) return '';
  let literal = '';
  let at = expression.startsWith('^') ? 1 : 0;
  while (at < expression.length) {
    let character = expression[at] ?? '';
    let next = at + 1;
    // `\.` is a dot, `\d` is not.
    if (character === '\\') {
      character = expression[next] ?? '';
      if (!/[^A-Za-z0-9]/.test(character)) break;
      next += 1;
    } else if (!LITERAL.test(character)) break;
    // What follows may say that it is there any number of times, or not at all.
    if ('?*{+'.includes(expression[next] ?? ' ')) break;
    literal += character;
    at = next;
  }
  return literal;
}

/** Of the whole, that is: those in brackets come after the beginning. */
function mayHaveAlternatives(expression: string): boolean {
  if (!expression.includes('|')) return false;
  // Where brackets may stand for themselves, it is not plain to see which do.
  if (/[[\\]/.test(expression)) return true;
  let depth = 0;
  for (const character of expression) {
    if (character === '(') depth += 1;
    else if (character === ')') depth -= 1;
    else if (character === '|' && depth === 0) return true;
  }
  return false;
}
