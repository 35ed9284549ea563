/** Something wrong in what the user wrote, or in what could be done with it. */
export interface Problem {
  /** `<file>:<line>`, or `<kind> <namespace>/<name>`. */
  readonly where: string;
  /** An operator's sentence. */
  readonly message: string;
}
