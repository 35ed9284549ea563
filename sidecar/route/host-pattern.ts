/**
 * Whether a host is meant by a pattern: itself, or with `*.` in front one label
 * or more before the rest. Both in lower case.
 */
export function matchesHost(pattern: string, host: string): boolean {
  if (!pattern.startsWith('*.')) return pattern === host;
  return host.length > pattern.length - 1 && host.endsWith(pattern.slice(1));
}
