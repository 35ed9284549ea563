import type { Backend as _remora_v1_Backend, Backend__Output as _remora_v1_Backend__Output } from '../../remora/v1/Backend.ts';
import type { Policy as _remora_v1_Policy, Policy__Output as _remora_v1_Policy__Output } from '../../remora/v1/Policy.ts';

/**
 * In order of precedence, as HttpRule.
 */
export interface ConnectionRule {
  /**
   * "<kind>/<namespace>/<name>/<rule name or index>"
   */
  'name'?: (string);
  /**
   * TLS whose ClientHello names one of these, "*." standing for one label or more;
   * none means every connection.
   */
  'serverNames'?: (string)[];
  /**
   * TLS alone, with any server name or none.
   */
  'tlsOnly'?: (boolean);
  'backends'?: (_remora_v1_Backend)[];
  'policy'?: (_remora_v1_Policy | null);
}

/**
 * In order of precedence, as HttpRule.
 */
export interface ConnectionRule__Output {
  /**
   * "<kind>/<namespace>/<name>/<rule name or index>"
   */
  'name': (string);
  /**
   * TLS whose ClientHello names one of these, "*." standing for one label or more;
   * none means every connection.
   */
  'serverNames': (string)[];
  /**
   * TLS alone, with any server name or none.
   */
  'tlsOnly': (boolean);
  'backends': (_remora_v1_Backend__Output)[];
  'policy': (_remora_v1_Policy__Output | null);
}
