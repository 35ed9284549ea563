/**
 * - `in`: in the balancer.
 * - `ejected`: out of it, for a while.
 * - `awaiting-trial`: the while is over; the next request that it gets decides.
 * - `on-trial`: that request is under way, and there is no other.
 */
type HealthState = 'in' | 'ejected' | 'awaiting-trial' | 'on-trial';

/** What outlier detection keeps of one endpoint. */
export class EndpointHealth {
  state: HealthState = 'in';
  consecutiveErrors = 0;
  consecutiveGatewayErrors = 0;
  /** Ejections that followed one another, for the length of the next. */
  ejections = 0;
  lastEjectionMs = 0;
  /** When it came back. */
  backMs = 0;

  // Of the interval under way.
  requests = 0;
  failures = 0;
  /** Answers whose time was taken, and their times together. */
  answers = 0;
  answersMs = 0;

  /** Part of the balancer, be it for one request. */
  get usable(): boolean {
    return this.state === 'in' || this.state === 'awaiting-trial';
  }

  /** Not yet back without reserve. */
  get ejected(): boolean {
    return this.state !== 'in';
  }

  endInterval(): void {
    this.requests = 0;
    this.failures = 0;
    this.answers = 0;
    this.answersMs = 0;
  }
}
