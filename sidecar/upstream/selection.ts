import { isDeepStrictEqual } from 'node:util';
import type { Endpoint, LoadBalancer } from '../config/types.ts';
import type { Balancer } from './balancer/balancer.ts';
import { type BalancerContext, createBalancer, DEFAULT_LOAD_BALANCER } from './balancer/create.ts';
import { endpointToken } from './endpoint-token.ts';
import { preferred } from './locality.ts';
import type { Member } from './member.ts';
import { NewcomerShares } from './slow-start.ts';
import type { StreamRequirement } from './types.ts';

export interface SelectionContext extends BalancerContext {
  /** Of the cluster. */
  readonly name: string;
}

/** The members of a cluster, those of them that may be picked, and the balancer over them. */
export class Selection {
  readonly #context: SelectionContext;
  #members: readonly Member[] = [];
  /** Those of the members that the balancer may pick. */
  #usable: readonly Member[] = [];
  /** By what clients know them by; made with the first that shows it. */
  #byToken: Map<string, Member> | undefined;
  /** Response times are taken even where the balancer does not go by them. */
  timed = false;
  /** Where less than this share of the members is usable, all count as such. */
  minHealthyPercent = 0;
  #policy = DEFAULT_LOAD_BALANCER;
  #balancer: Balancer<Member>;
  /** Where requests go first; all that are usable, unless the policy looks at zones. */
  #preferred: readonly Member[] = [];
  /** This pod's own. */
  #zone = '';
  readonly #newcomers = new NewcomerShares();

  constructor(context: SelectionContext) {
    this.#context = context;
    this.#balancer = createBalancer(this.#policy, context);
  }

  get members(): readonly Member[] {
    return this.#members;
  }

  get policy(): LoadBalancer {
    return this.#policy;
  }

  /**
   * The balancer is kept with what it has learned, unless another one is wanted.
   *
   * @param policy undefined stands for the mesh's default
   * @param zone this pod's own; empty where it is not known
   */
  configure(policy: LoadBalancer = DEFAULT_LOAD_BALANCER, zone = ''): void {
    this.#zone = zone;
    if (isDeepStrictEqual(policy, this.#policy)) return;
    this.#policy = policy;
    this.#newcomers.policy = policy.slowStart;
    if (policy.slowStart === undefined) this.#newcomers.clear();
    this.#balancer = createBalancer(policy, this.#context);
    this.#balancer.setMembers(this.#members);
  }

  setMembers(members: readonly Member[]): void {
    // Where there was nobody before, all are alike.
    const before = this.#members.length === 0 ? undefined : new Set(this.#members);
    this.#members = members;
    this.#byToken = undefined;
    this.#balancer.setMembers(members);
    if (this.#policy.slowStart !== undefined && before !== undefined) {
      for (const member of members) if (!before.has(member)) this.warmUp(member);
      for (const member of before) if (member.removed) this.#newcomers.delete(member);
    }
    this.recount();
  }

  /** The member is new, or back: where the policy asks for that, its share grows. */
  warmUp(member: Member): void {
    this.#newcomers.add(member, this.#context.clock.monotonicMs());
  }

  /** A member became usable, or is not any more. */
  recount(): void {
    const members = this.#members;
    this.#usable = members.filter((member) => member.usable);
    // Whoever is left would not bear the traffic of all.
    if (this.#usable.length * 100 < members.length * this.minHealthyPercent) this.#usable = members;
    this.#preferred = preferred(this.#usable, members, this.#policy, this.#zone);
  }

  hasUntried(tried: readonly Endpoint[]): boolean {
    return this.#usable.some((member) => !wasTried(member, tried));
  }

  /** Those that were not tried, or all where that leaves nobody. @param rejected not these */
  candidates(tried: readonly Endpoint[], rejected: readonly Member[]): readonly Member[] {
    if (tried.length === 0 && rejected.length === 0) return this.#preferred;
    const isFresh = (member: Member): boolean =>
      !rejected.includes(member) && !wasTried(member, tried);
    const near = this.#preferred.filter(isFresh);
    if (near.length > 0) return near;
    const fresh = this.#usable.filter(isFresh);
    return fresh.length > 0 ? fresh : this.#usable.filter((member) => !rejected.includes(member));
  }

  pick(request: StreamRequirement, rejected: readonly Member[]): Member | undefined {
    let candidates = this.candidates(request.tried, rejected);
    if (request.session !== undefined) {
      const known = this.#known(request.session);
      if (known !== undefined && candidates.includes(known)) return known;
    }
    if (!this.#newcomers.isEmpty) {
      const { clock, random } = this.#context;
      candidates = this.#newcomers.takingPart(candidates, clock.monotonicMs(), random);
    }
    return this.#balancer.pick(candidates, request.hashKey);
  }

  /** The request must stay with its pick, even where another member would have a connection at hand. */
  isStickyFor({ session }: StreamRequirement): boolean {
    return (
      this.#balancer.isSticky || (session !== undefined && this.#known(session)?.usable === true)
    );
  }

  #known(session: string): Member | undefined {
    this.#byToken ??= new Map(
      this.#members.map((member) => [
        endpointToken(this.#context.name, member.endpoint, member.port),
        member,
      ]),
    );
    return this.#byToken.get(session);
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
    const learned = this.#balancer.describe?.(member);
    const { zone } = member.endpoint.workload;
    const near = this.#policy.locality && { zone, preferred: this.#preferred.includes(member) };
    const nowMs = this.#context.clock.monotonicMs();
    const share = this.#policy.slowStart && { share: this.#newcomers.shareOf(member, nowMs) };
    return near || share ? { ...learned, ...near, ...share } : learned;
  }
}

function wasTried(member: Member, tried: readonly Endpoint[]): boolean {
  const { address, workload } = member.endpoint;
  return tried.some(
    (endpoint) => endpoint.address === address && endpoint.workload.pod === workload.pod,
  );
}
