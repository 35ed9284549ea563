import type { Limits } from '../config/types.ts';

/** {@link Limits} with the mesh's defaults filled in. */
export interface EffectiveLimits {
  readonly maxConnections: number;
  readonly maxPendingRequests: number;
  readonly maxRequests: number;
}

/**
 * In force where no TrafficPolicy says otherwise. They are no statement about the
 * service, of which nothing is known: without a mesh nothing would hold its
 * callers back. They keep a caller that has lost control from filling the memory
 * of its own sidecar, and are far above what one pod has under way otherwise.
 *
 * - 10,000 connections to one port of a service: some hundred MB of memory.
 * - 1,000 that wait, where a policy made connections scarce: a longer line would
 *   not be served within the second for which one waits, and only delays the refusal.
 * - 20,000 requests: more than both together, so that it counts for connections
 *   that carry several at once.
 */
export const DEFAULT_LIMITS: EffectiveLimits = {
  maxConnections: 10_000,
  maxPendingRequests: 1_000,
  maxRequests: 20_000,
};

/** To the pod's own application, and to addresses that no service stands for. */
export const UNLIMITED: EffectiveLimits = {
  maxConnections: Number.POSITIVE_INFINITY,
  maxPendingRequests: Number.POSITIVE_INFINITY,
  maxRequests: Number.POSITIVE_INFINITY,
};

export function effectiveLimits(limits: Limits | undefined): EffectiveLimits {
  return {
    maxConnections: limits?.maxConnections ?? DEFAULT_LIMITS.maxConnections,
    maxPendingRequests: limits?.maxPendingRequests ?? DEFAULT_LIMITS.maxPendingRequests,
    maxRequests: limits?.maxRequests ?? DEFAULT_LIMITS.maxRequests,
  };
}
