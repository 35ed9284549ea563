import type { Subscription as _remora_v1_Subscription, Subscription__Output as _remora_v1_Subscription__Output } from '../../remora/v1/Subscription.ts';

/**
 * Who is asking, and what it still holds from an earlier stream.
 */
export interface Hello {
  'pod'?: (string);
  'namespace'?: (string);
  'serviceAccount'?: (string);
  'addresses'?: (string)[];
  'node'?: (string);
  /**
   * The release of the sidecar, for the drift metric.
   */
  'sidecarVersion'?: (string);
  /**
   * The features of Resource.requires that this sidecar understands.
   */
  'supports'?: (string)[];
  /**
   * Resources held already: those with an equal version are not sent again,
   * those that no longer exist are sent as removed.
   */
  'held'?: ({[key: string]: string});
  /**
   * Services ("<namespace>/<name>") and addresses used so far.
   */
  'subscription'?: (_remora_v1_Subscription | null);
}

/**
 * Who is asking, and what it still holds from an earlier stream.
 */
export interface Hello__Output {
  'pod': (string);
  'namespace': (string);
  'serviceAccount': (string);
  'addresses': (string)[];
  'node': (string);
  /**
   * The release of the sidecar, for the drift metric.
   */
  'sidecarVersion': (string);
  /**
   * The features of Resource.requires that this sidecar understands.
   */
  'supports': (string)[];
  /**
   * Resources held already: those with an equal version are not sent again,
   * those that no longer exist are sent as removed.
   */
  'held': ({[key: string]: string});
  /**
   * Services ("<namespace>/<name>") and addresses used so far.
   */
  'subscription': (_remora_v1_Subscription__Output | null);
}
