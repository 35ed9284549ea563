/**
 * The value of a query parameter, decoded as a form is: `+` is a space. Of
 * several with the same name the first counts, as the Gateway API recommends.
 */
export function queryValue(query: string | undefined, name: string): string | undefined {
  if (query === undefined) return undefined;
  for (const pair of query.split('&')) {
    const equals = pair.indexOf('=');
    const key = equals < 0 ? pair : pair.slice(0, equals);
    if (decode(key) === name) return equals < 0 ? '' : decode(pair.slice(equals + 1));
  }
  return undefined;
}

/** A broken encoding stays as it is, and so equals nothing that a rule can ask for. */
function decode(text: string): string {
  if (!text.includes('%') && !text.includes('+')) return text;
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}
