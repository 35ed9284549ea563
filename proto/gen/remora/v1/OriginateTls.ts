export interface OriginateTls {
  /**
   * Empty: the host.
   */
  'serverName'?: (string);
  /**
   * PEM; empty: public certificates.
   */
  'caCertificates'?: (string);
}

export interface OriginateTls__Output {
  /**
   * Empty: the host.
   */
  'serverName': (string);
  /**
   * PEM; empty: public certificates.
   */
  'caCertificates': (string);
}
