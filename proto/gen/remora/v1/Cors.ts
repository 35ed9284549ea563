export interface Cors {
  /**
   * "*", or "<scheme>://<host>" with or without ":<port>"; the host may be "*"
   * or begin with "*.".
   */
  'allowOrigins'?: (string)[];
  'allowCredentials'?: (boolean);
  'allowMethods'?: (string)[];
  'allowHeaders'?: (string)[];
  'exposeHeaders'?: (string)[];
  'maxAgeSeconds'?: (number);
}

export interface Cors__Output {
  /**
   * "*", or "<scheme>://<host>" with or without ":<port>"; the host may be "*"
   * or begin with "*.".
   */
  'allowOrigins': (string)[];
  'allowCredentials': (boolean);
  'allowMethods': (string)[];
  'allowHeaders': (string)[];
  'exposeHeaders': (string)[];
  'maxAgeSeconds': (number);
}
