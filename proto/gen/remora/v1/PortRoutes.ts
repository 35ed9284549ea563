import type { HttpRule as _remora_v1_HttpRule, HttpRule__Output as _remora_v1_HttpRule__Output } from '../../remora/v1/HttpRule.ts';
import type { Policy as _remora_v1_Policy, Policy__Output as _remora_v1_Policy__Output } from '../../remora/v1/Policy.ts';
import type { ConnectionRule as _remora_v1_ConnectionRule, ConnectionRule__Output as _remora_v1_ConnectionRule__Output } from '../../remora/v1/ConnectionRule.ts';

/**
 * The rules of one service port, in order of precedence: the first match is
 * taken. With `route_bound` set, a request that matches none is answered with
 * 404; otherwise it goes to the service itself.
 */
export interface PortRoutes {
  'port'?: (number);
  'routeBound'?: (boolean);
  'rules'?: (_remora_v1_HttpRule)[];
  /**
   * For requests that no rule took, and for connections that are not HTTP.
   */
  'policy'?: (_remora_v1_Policy | null);
  /**
   * With one or more of these, connections are routed as a whole and not parsed;
   * one that no rule takes is closed. Requires the feature "connection-routes.v1".
   */
  'connectionRules'?: (_remora_v1_ConnectionRule)[];
}

/**
 * The rules of one service port, in order of precedence: the first match is
 * taken. With `route_bound` set, a request that matches none is answered with
 * 404; otherwise it goes to the service itself.
 */
export interface PortRoutes__Output {
  'port': (number);
  'routeBound': (boolean);
  'rules': (_remora_v1_HttpRule__Output)[];
  /**
   * For requests that no rule took, and for connections that are not HTTP.
   */
  'policy': (_remora_v1_Policy__Output | null);
  /**
   * With one or more of these, connections are routed as a whole and not parsed;
   * one that no rule takes is closed. Requires the feature "connection-routes.v1".
   */
  'connectionRules': (_remora_v1_ConnectionRule__Output)[];
}
