/**
 * What the rest of the sidecar sees of a request: decided once by the strict
 * parser, and exactly what is forwarded afterwards.
 */
export interface RequestHead {
  readonly method: string;
  /** How the target was written; `authority` is CONNECT's, `asterisk` that of `OPTIONS *`. */
  readonly form: 'origin' | 'absolute' | 'authority' | 'asterisk';
  /**
   * In lower case, without the port; an IPv6 address without brackets. From the
   * target when that names one, else from Host. Empty when an HTTP/1.0 client named none.
   */
  readonly host: string;
  /** The port named beside the host; undefined when none was. */
  readonly port: number | undefined;
  /** Normalised, without the query; `*` in asterisk form, empty in authority form. */
  readonly path: string;
  /**
   * The path holds something that servers read differently, such as an encoded
   * slash: no rule about paths may decide upon it.
   */
  readonly ambiguousPath: boolean;
  /** What follows the `?`, as sent; undefined without one. */
  readonly query: string | undefined;
  /**
   * The value of a header, several joined with `, `; undefined without one.
   *
   * @param name in lower case
   */
  header(name: string): string | undefined;
}
