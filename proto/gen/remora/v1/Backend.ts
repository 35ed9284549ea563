import type { Filters as _remora_v1_Filters, Filters__Output as _remora_v1_Filters__Output } from '../../remora/v1/Filters.ts';
import type { Policy as _remora_v1_Policy, Policy__Output as _remora_v1_Policy__Output } from '../../remora/v1/Policy.ts';

/**
 * weight 0 takes no request. `invalid` stands for a backend that does not
 * exist or may not be used: its share is answered with 500.
 */
export interface Backend {
  'service'?: (string);
  'port'?: (number);
  'weight'?: (number);
  'invalid'?: (string);
  /**
   * After those of the rule.
   */
  'filters'?: (_remora_v1_Filters | null);
  /**
   * Of a connection rule's: what the backend's own Service demands. Counts for
   * its cluster where no rule says anything.
   */
  'policy'?: (_remora_v1_Policy | null);
}

/**
 * weight 0 takes no request. `invalid` stands for a backend that does not
 * exist or may not be used: its share is answered with 500.
 */
export interface Backend__Output {
  'service': (string);
  'port': (number);
  'weight': (number);
  'invalid': (string);
  /**
   * After those of the rule.
   */
  'filters': (_remora_v1_Filters__Output | null);
  /**
   * Of a connection rule's: what the backend's own Service demands. Counts for
   * its cluster where no rule says anything.
   */
  'policy': (_remora_v1_Policy__Output | null);
}
