/**
 * The value of a cookie (RFC 6265 §4.2). Of several with the same name the first
 * counts, which clients send with the most specific path.
 *
 * @param field the values of all Cookie headers
 */
export function cookieValue(field: string | undefined, name: string): string | undefined {
  if (field === undefined) return undefined;
  let start = 0;
  while (start < field.length) {
    while (field[start] === ' ') start++;
    const semicolon = field.indexOf(';', start);
    const end = semicolon < 0 ? field.length : semicolon;
    if (field[start + name.length] === '=' && field.startsWith(name, start)) {
      return field.slice(start + name.length + 1, end);
    }
    start = end + 1;
  }
  return undefined;
}
