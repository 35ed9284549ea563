/** What a balancer needs to know of an endpoint. */
export interface Candidate {
  /** Names the endpoint, equally in every sidecar. */
  readonly key: string;
  /** Requests and connections under way to it from here. */
  readonly inFlight: number;
}

/**
 * Decides which endpoint of a cluster takes a request. It belongs to one cluster
 * and outlives configurations, for as long as they ask for the same one.
 */
export interface Balancer<T extends Candidate> {
  /**
   * A request must stay with its pick even where another endpoint would have a
   * connection at hand.
   */
  readonly isSticky: boolean;

  /** The endpoints changed. @param members all of them, also those that are out for a while */
  setMembers(members: readonly T[]): void;

  /**
   * Called for every request and every try.
   *
   * @param candidates those of the members that may be picked
   * @param hashKey what the policy goes by, where the request has it
   * @returns undefined when there are no candidates
   */
  pick(candidates: readonly T[], hashKey: string | undefined): T | undefined;

  /**
   * Where latency counts: how long a member took to the head of its response.
   *
   * @param answered false when it was given up after that time, or answered with a 5xx
   */
  observe?(member: T, elapsedMs: number, answered: boolean): void;

  /** What was learned of a member, for `/config_dump`. */
  describe?(member: T): object;
}
