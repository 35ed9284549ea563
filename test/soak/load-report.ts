/** What the load has done so far, by kind. */
export interface LoadReport {
  readonly done: Record<string, number>;
  readonly failed: Record<string, { readonly count: number; readonly last: string }>;
}
