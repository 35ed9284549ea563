import { isDeepStrictEqual } from 'node:util';
import type { Endpoint, LoadBalancer } from '../config/types.ts';
import type { Balancer } from './balancer/balancer.ts';
import { type BalancerContext, createBalancer, DEFAULT_LOAD_BALANCER } from './balancer/create.ts';
import type { Member } from './member.ts';
import type { StreamRequirement } from './types.ts';

/** The members of a cluster, those of them that may be picked, and the balancer over them. */
export class Selection {
  readonly #context: BalancerContext;
  #members: readonly Member[] = [];
  /** Those of the members that the balancer may pick. */
  #usable: readonly Member[] = [];
  /** Response times are taken even where the balancer does not go by them. */
  timed = false;
  /** Where less than this share of the members is usable, all count as such. */
  minHealthyPercent = 0;
  #policy = DEFAULT_LOAD_BALANCER;
  #balancer: Balancer<Member>;

  constructor(context: BalancerContext) {
    this.#context = context;
    this.#balancer = createBalancer(this.#policy, context);
  }

  get members(): readonly Member[] {
    return this.#members;
  }

  get policy(): LoadBalancer {
    return this.#policy;
  }

  /** A request must stay with its pick, even where another member would have a connection at hand. */
  get isSticky(): boolean {
    return this.#balancer.isSticky;
  }

  /**
   * The balancer is kept with what it has learned, unless another one is wanted.
   *
   * @param policy undefined stands for the mesh's default
   */
  configure(policy: LoadBalancer = DEFAULT_LOAD_BALANCER): void {
    if (isDeepStrictEqual(policy, this.#policy)) return;
    this.#policy = policy;
    this.#balancer = createBalancer(policy, this.#context);
    this.#balancer.setMembers(this.#members);
  }

  setMembers(members: readonly Member[]): void {
    this.#members = members;
    this.#balancer.setMembers(members);
    this.recount();
  }

  /** A member became usable, or is not any more. */
  recount(): void {
    const members = this.#members;
    this.#usable = members.filter((member) => member.usable);
    // Whoever is left would not bear the traffic of all.
    if (this.#usable.length * 100 < members.length * this.minHealthyPercent) this.#usable = members;
  }

  hasUntried(tried: readonly Endpoint[]): boolean {
    return this.#usable.some((member) => !wasTried(member, tried));
  }

  /** Those that were not tried, or all where that leaves nobody. @param rejected not these */
  candidates(tried: readonly Endpoint[], rejected: readonly Member[]): readonly Member[] {
    if (tried.length === 0 && rejected.length === 0) return this.#usable;
    const open = this.#usable.filter((member) => !rejected.includes(member));
    const fresh = open.filter((member) => !wasTried(member, tried));
    return fresh.length > 0 ? fresh : open;
  }

  pick({ tried, hashKey }: StreamRequirement, rejected: readonly Member[]): Member | undefined {
    return this.#balancer.pick(this.candidates(tried, rejected), hashKey);
  }

  /** The time, where anybody goes by it, else 0. */
  nowMs(): number {
    return this.timed || this.#balancer.observe !== undefined
      ? this.#context.clock.monotonicMs()
      : 0;
  }

  /** @param sinceMs what `nowMs` gave; the balancer may be another one since */
  observe(member: Member, sinceMs: number, answered: boolean): void {
    if (this.#balancer.observe === undefined || sinceMs === 0) return;
    this.#balancer.observe(member, this.#context.clock.monotonicMs() - sinceMs, answered);
  }

  describe(member: Member): object | undefined {
    return this.#balancer.describe?.(member);
  }
}

function wasTried(member: Member, tried: readonly Endpoint[]): boolean {
  const { address, workload } = member.endpoint;
  return tried.some(
    (endpoint) => endpoint.address === address && endpoint.workload.pod === workload.pod,
  );
}
