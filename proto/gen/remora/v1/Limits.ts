/**
 * What one sidecar may have under way to one port of a service; what is beyond is
 * refused at once. An absent field means the mesh default.
 */
export interface Limits {
  /**
   * Open connections, idle ones included. At least 1.
   */
  'maxConnections'?: (number);
  /**
   * Requests that wait for a connection.
   */
  'maxPendingRequests'?: (number);
  /**
   * Requests and connections that are not HTTP, waiting ones included. At least 1.
   */
  'maxRequests'?: (number);
  '_maxConnections'?: "maxConnections";
  '_maxPendingRequests'?: "maxPendingRequests";
  '_maxRequests'?: "maxRequests";
}

/**
 * What one sidecar may have under way to one port of a service; what is beyond is
 * refused at once. An absent field means the mesh default.
 */
export interface Limits__Output {
  /**
   * Open connections, idle ones included. At least 1.
   */
  'maxConnections'?: (number);
  /**
   * Requests that wait for a connection.
   */
  'maxPendingRequests'?: (number);
  /**
   * Requests and connections that are not HTTP, waiting ones included. At least 1.
   */
  'maxRequests'?: (number);
  '_maxConnections'?: "maxConnections";
  '_maxPendingRequests'?: "maxPendingRequests";
  '_maxRequests'?: "maxRequests";
}
