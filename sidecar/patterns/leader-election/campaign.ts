import type { CampaignRequest } from '../../../proto/gen/remora/v1/CampaignRequest.ts';
import type { CampaignResponse__Output } from '../../../proto/gen/remora/v1/CampaignResponse.ts';
import { v1 } from '../../../proto/load.ts';
import type { Backoff } from '../../../runtime/backoff.ts';
import { type Clock, systemClock, type Timer } from '../../../runtime/clock.ts';
import type { Component } from '../../../runtime/component.ts';
import type { ControlPlaneConnection } from '../../../runtime/identity/control-plane-connection.ts';
import { ControlPlaneStream } from '../../../runtime/identity/control-plane-stream.ts';
import type { Log } from '../../../runtime/log.ts';
import type { ConfigView } from '../../config/view.ts';
import { type Leadership, Lease } from './lease.ts';

export interface CampaignOptions {
  /** A connection of its own: renewals must not wait behind a large configuration. */
  readonly connection: ControlPlaneConnection;
  readonly config: ConfigView;
  /** This pod's name. */
  readonly pod: string;
  readonly log: Log;
  readonly clock?: Clock;
  readonly backoff?: Backoff;
}

/** A candidate that was refused asks again after this long. */
const JOIN_AGAIN_MS = 3_000;

interface Candidacy {
  readonly lease: Lease;
  renewal: Timer | undefined;
  /** Fires when the leadership that was told last runs out. */
  expiry: Timer | undefined;
  told: string;
}

/**
 * Stands as a candidate in the elections that the settings name, on one stream
 * that is open only while there are any: joins, renews a third of the lease
 * apart, and answers who leads.
 */
export class Campaign implements Component {
  readonly name = 'leader election';
  readonly #options: CampaignOptions;
  readonly #clock: Clock;
  readonly #stream: ControlPlaneStream<CampaignRequest, CampaignResponse__Output>;
  readonly #candidacies = new Map<string, Candidacy>();
  readonly #listeners = new Set<(election: string) => void>();
  #unsubscribe = (): void => {};

  constructor(options: CampaignOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#stream = new ControlPlaneStream({
      carries: 'elections',
      connection: options.connection,
      open: async (connection) => {
        const { client, metadata } = await connection.open(v1.Election);
        return client.campaign(metadata);
      },
      onOpen: () => {
        for (const election of this.#candidacies.keys()) this.#join(election);
      },
      onMessage: (response) => this.#received(response),
      log: options.log,
      clock: this.#clock,
      ...(options.backoff === undefined ? {} : { backoff: options.backoff }),
    });
  }

  get elections(): readonly string[] {
    return [...this.#candidacies.keys()];
  }

  /** Undefined when this pod is no candidate there. */
  leadership(election: string): Leadership | undefined {
    return this.#candidacies.get(election)?.lease.leadership();
  }

  /** Called when who leads has changed, also by a lease that ran out. */
  onChange(listener: (election: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  start(): void {
    this.#unsubscribe = this.#options.config.onChange(() => this.#reconcile());
    this.#reconcile();
  }

  /** Hands over what this pod leads: it runs when the application has ended. */
  async stop(signal?: AbortSignal): Promise<void> {
    this.#unsubscribe();
    for (const [election, candidacy] of this.#candidacies) {
      candidacy.renewal?.cancel();
      candidacy.expiry?.cancel();
      if (candidacy.lease.leadership().kind === 'leader') this.#stream.write({ resign: election });
    }
    await this.#stream.stop(signal);
  }

  #reconcile(): void {
    const wanted = new Set(this.#options.config.current.settings.elections);
    for (const [election, candidacy] of this.#candidacies) {
      if (wanted.has(election)) continue;
      candidacy.renewal?.cancel();
      candidacy.expiry?.cancel();
      this.#candidacies.delete(election);
      for (const listener of this.#listeners) listener(election);
    }
    for (const election of wanted) {
      if (this.#candidacies.has(election)) continue;
      this.#candidacies.set(election, {
        lease: new Lease(this.#options.pod, this.#clock),
        renewal: undefined,
        expiry: undefined,
        told: '',
      });
      if (this.#stream.open) this.#join(election);
    }
    if (this.#candidacies.size > 0) this.#stream.start();
  }

  #join(election: string): void {
    this.#stream.write({ join: election });
    // A term under way is confirmed at once: another stream does not prolong it.
    if (this.#candidacies.get(election)?.lease.durationMs !== undefined) this.#renew(election);
  }

  #received(response: CampaignResponse__Output): void {
    const { grant, refusal } = response;
    if (grant) {
      const candidacy = this.#candidacies.get(grant.election);
      if (candidacy === undefined) return;
      const { durationMs, fencingToken } = candidacy.lease;
      candidacy.lease.granted(grant);
      // A first grant counts from its arrival; an answered renewal is the better ground.
      const elected = candidacy.lease.fencingToken > fencingToken && grant.sequence === 0;
      if (elected) this.#renew(grant.election);
      if (durationMs === undefined) this.#scheduleRenewal(grant.election, candidacy);
      this.#tell(grant.election, candidacy);
    } else if (refusal) {
      const candidacy = this.#candidacies.get(refusal.election);
      if (candidacy === undefined) return;
      const { election, reason } = refusal;
      this.#options.log.warn({ election, reason }, 'candidacy refused');
      candidacy.lease.refused(reason);
      candidacy.renewal?.cancel();
      candidacy.renewal = this.#clock.setTimeout(() => {
        candidacy.renewal = undefined;
        if (this.#stream.open) this.#join(election);
      }, JOIN_AGAIN_MS);
      this.#tell(election, candidacy);
    }
  }

  #scheduleRenewal(election: string, candidacy: Candidacy): void {
    candidacy.renewal?.cancel();
    const { durationMs } = candidacy.lease;
    if (durationMs === undefined) return;
    candidacy.renewal = this.#clock.setTimeout(() => {
      this.#renew(election);
      this.#scheduleRenewal(election, candidacy);
    }, durationMs / 3);
  }

  /** Nothing is queued behind a stalled connection: a late renewal is worth nothing. */
  #renew(election: string): void {
    const lease = this.#candidacies.get(election)?.lease;
    if (lease === undefined || !this.#stream.open || this.#stream.congested) return;
    const { fencingToken } = lease;
    this.#stream.write({ renew: { election, fencingToken, sequence: lease.renewalSent() } });
  }

  /** Tells listeners when the answer is another one than last time, and looks again when it ends. */
  #tell(election: string, candidacy: Candidacy): void {
    const leadership = candidacy.lease.leadership();
    candidacy.expiry?.cancel();
    candidacy.expiry = undefined;
    if (leadership.kind !== 'unknown') {
      candidacy.expiry = this.#clock.setTimeout(
        () => this.#tell(election, candidacy),
        leadership.expiresInMs + 1,
      );
    }
    const { kind } = leadership;
    const now = kind === 'unknown' ? kind : `${kind} ${leadership.leader} ${leadership.term}`;
    if (now === candidacy.told) return;
    candidacy.told = now;
    this.#options.log.info({ election, ...leadership }, 'leadership changed');
    for (const listener of this.#listeners) listener(election);
  }
}
