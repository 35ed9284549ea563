/** One request and its response on their way through. */
export interface Exchange {
  readonly startedMs: number;
}
