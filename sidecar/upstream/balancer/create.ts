import type { Clock } from '../../../runtime/clock.ts';
import type { LoadBalancer } from '../../config/types.ts';
import type { Balancer, Candidate } from './balancer.ts';
import { LeastRequest } from './least-request.ts';
import { PeakEwma } from './peak-ewma.ts';
import { RingHash } from './ring-hash.ts';
import { RoundRobin } from './round-robin.ts';

/** What balancers need from where they are used. */
export interface BalancerContext {
  readonly clock: Clock;
  readonly random: () => number;
  /** Of the whole cluster. */
  readonly inFlight: () => number;
  /** Names this pod, for hashing by the source. */
  readonly source: string;
}

/** In force where no TrafficPolicy says otherwise. */
export const DEFAULT_LOAD_BALANCER: LoadBalancer = { kind: 'least-request' };

export function createBalancer<T extends Candidate>(
  policy: LoadBalancer,
  { clock, random, inFlight, source }: BalancerContext,
): Balancer<T> {
  switch (policy.kind) {
    case 'least-request':
      return new LeastRequest(random);
    case 'peak-ewma':
      return new PeakEwma(clock, random);
    case 'round-robin':
      return new RoundRobin(random);
    case 'ring-hash': {
      const defaultKey = policy.hash.kind === 'source' ? source : undefined;
      return new RingHash({ random, inFlight, defaultKey });
    }
  }
}
