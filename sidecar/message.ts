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

/**
 * Changes the fields of a message for the other side; `header` still tells what
 * came. Fields about framing, this hop, the host and trust stay as they are.
 * Names are in lower case, and values one character per byte of the wire.
 */
export interface FieldChanges {
  /**
   * Besides those of that name that are there.
   *
   * @param isUnique no other message has this value
   */
  addField(name: string, value: string, isUnique?: boolean): void;
  /** All of that name, those that were added too. */
  removeField(name: string): void;
}

/** A request as an exchange takes it through. */
export interface RequestMessage extends RequestHead, FieldChanges {
  readonly version: 1 | 2;
  /** The client waits for 100 before it sends the body. */
  readonly expectsContinue: boolean;
  /** The client asks to speak another protocol on its connection. */
  readonly switchesProtocol: boolean;
  /** A call of gRPC, whose errors are told in its own terms. */
  readonly isGrpc: boolean;
  /** How long the client itself waits for the end of the response, in ms; 0 when it did not say. */
  readonly timeoutMs: number;
  /** The other side is asked under this name. */
  rewriteAuthority(authority: string): void;
  /** The other side is spoken to by TLS, or not. HTTP/1 has no word for it. */
  rewriteScheme(scheme: 'http' | 'https'): void;
  /** The other side is asked for this path; the query stays. Nothing becomes of the `*` of OPTIONS. */
  rewritePath(path: string): void;
}

export interface ResponseHead {
  readonly status: number;
  /** The outcome of a gRPC call whose response ends with its head; undefined of any other. */
  readonly grpcStatus: number | undefined;
  /** As of {@link RequestHead}. */
  header(name: string): string | undefined;
}

/** A response on its way to the client. */
export interface ResponseMessage extends ResponseHead, FieldChanges {}

/** The messages of one version of HTTP. An exchange is the same for all, and passes them on without looking. */
export interface HttpVersion {
  readonly request: RequestMessage;
  readonly response: ResponseMessage;
  /** What follows a body. */
  readonly trailers: object;
}

/** More 1xx responses than this to one request are an attack or a bug. */
export const INTERIM_LIMIT = 32;
