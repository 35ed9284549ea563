import type { Direction as _remora_v1_Direction, Direction__Output as _remora_v1_Direction__Output } from '../../remora/v1/Direction.ts';
import type { Party as _remora_v1_Party, Party__Output as _remora_v1_Party__Output } from '../../remora/v1/Party.ts';
import type { Long } from '@grpc/proto-loader';

/**
 * What one workload did to another. The counters are increments.
 */
export interface Edge {
  'direction'?: (_remora_v1_Direction);
  'source'?: (_remora_v1_Party | null);
  'destination'?: (_remora_v1_Party | null);
  /**
   * "<namespace>/<name>" of the service that was called; empty when none was.
   */
  'service'?: (string);
  /**
   * The HTTPRoute rule that took the requests; empty when none did.
   */
  'route'?: (string);
  'mutualTls'?: (boolean);
  /**
   * "http" or "tcp".
   */
  'protocol'?: (string);
  'requests'?: (number | string | Long);
  /**
   * Responses of 500 and above, and requests without a response.
   */
  'failures'?: (number | string | Long);
  'retries'?: (number | string | Long);
  'connections'?: (number | string | Long);
  'bytesSent'?: (number | string | Long);
  'bytesReceived'?: (number | string | Long);
  /**
   * Requests by duration: bucket i counts those below 2^i milliseconds.
   */
  'durationBuckets'?: (number | string | Long)[];
}

/**
 * What one workload did to another. The counters are increments.
 */
export interface Edge__Output {
  'direction': (_remora_v1_Direction__Output);
  'source': (_remora_v1_Party__Output | null);
  'destination': (_remora_v1_Party__Output | null);
  /**
   * "<namespace>/<name>" of the service that was called; empty when none was.
   */
  'service': (string);
  /**
   * The HTTPRoute rule that took the requests; empty when none did.
   */
  'route': (string);
  'mutualTls': (boolean);
  /**
   * "http" or "tcp".
   */
  'protocol': (string);
  'requests': (number);
  /**
   * Responses of 500 and above, and requests without a response.
   */
  'failures': (number);
  'retries': (number);
  'connections': (number);
  'bytesSent': (number);
  'bytesReceived': (number);
  /**
   * Requests by duration: bucket i counts those below 2^i milliseconds.
   */
  'durationBuckets': (number)[];
}
