/** What decides between resources that want the same: the older, then the first by name. */
export interface Aged {
  readonly namespace: string;
  readonly name: string;
  /** RFC 3339, so that texts compare like times; empty in files. */
  readonly creationTimestamp: string;
}

export function compareAge(a: Aged, b: Aged): number {
  return (
    compareText(a.creationTimestamp, b.creationTimestamp) ||
    compareText(`${a.namespace}/${a.name}`, `${b.namespace}/${b.name}`)
  );
}

export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
