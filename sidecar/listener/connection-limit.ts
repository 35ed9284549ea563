import type { EventLog } from '../../runtime/throttled-log.ts';
import type { TrafficObserver } from '../telemetry/types.ts';
import type { OpenConnections } from './open-connections.ts';

/** Where a listener is given no limit of its own: some hundred MB of memory, when all are used. */
export const DEFAULT_MAX_CONNECTIONS = 10_000;

/** The listener whose limit it is, as metrics and log name it. */
export type ListenerLimitReason =
  | 'outbound-connections'
  | 'inbound-connections'
  | 'trunk-connections'
  | 'trunk-handshakes';

export interface ListenerLimits {
  /** Open at a time; {@link DEFAULT_MAX_CONNECTIONS} when left out. */
  readonly maxConnections?: number | undefined;
  readonly observer: TrafficObserver;
  readonly log: EventLog;
}

/**
 * Whether there is room for a connection: below the limit, or when an idle one gave way.
 * Either is counted.
 */
export function hasRoomIn(
  open: OpenConnections,
  limits: ListenerLimits,
  reason: ListenerLimitReason,
  peer: string | undefined,
): boolean {
  if (open.size < (limits.maxConnections ?? DEFAULT_MAX_CONNECTIONS)) return true;
  tellRefusal(limits, reason, peer);
  return open.makeRoom();
}

/** Counts and logs a connection that was closed because its listener holds too many. */
export function tellRefusal(
  { observer, log }: ListenerLimits,
  reason: ListenerLimitReason,
  peer: string | undefined,
): void {
  observer.limitReached('', reason);
  log.warn({ reason, peer }, 'connection closed, there are too many');
}
