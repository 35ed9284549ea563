/** What a rule does to the messages that it takes, besides sending them somewhere. */
export interface Filters {
  readonly requestHeaders: HeaderChanges | undefined;
  readonly responseHeaders: HeaderChanges | undefined;
  /** Answers instead of any backend. */
  readonly redirect: Redirect | undefined;
  readonly rewrite: Rewrite | undefined;
  readonly cors: Cors | undefined;
  readonly mirrors: readonly Mirror[];
}

/** Set, then added, then removed. Names in lower case. */
export interface HeaderChanges {
  readonly set: readonly Header[];
  readonly add: readonly Header[];
  readonly remove: readonly string[];
}

export interface Header {
  readonly name: string;
  readonly value: string;
}

export type PathChange =
  /** Becomes the path. */
  | { readonly kind: 'full'; readonly value: string }
  /** Stands in the place of the prefix that the rule's match names. */
  | { readonly kind: 'prefix'; readonly value: string };

/** What is undefined stays as the client asked for it. */
export interface Redirect {
  readonly scheme: string | undefined;
  readonly hostname: string | undefined;
  readonly path: PathChange | undefined;
  /** Undefined: that of the scheme if there is one, else the port that was called. */
  readonly port: number | undefined;
  readonly status: number;
}

export interface Rewrite {
  readonly hostname: string | undefined;
  readonly path: PathChange | undefined;
}

/** Who may call from a page of another origin, and how. */
export interface Cors {
  /** `*`, or `<scheme>://<host>[:<port>]`, where the host may be `*` or begin with `*.`. */
  readonly allowOrigins: readonly string[];
  readonly allowCredentials: boolean;
  readonly allowMethods: readonly string[];
  readonly allowHeaders: readonly string[];
  readonly exposeHeaders: readonly string[];
  readonly maxAgeSeconds: number;
}

/** A copy of `numerator` in `denominator` of the requests goes there too. */
export interface Mirror {
  /** `<namespace>/<name>` */
  readonly service: string;
  readonly port: number;
  readonly numerator: number;
  readonly denominator: number;
}
