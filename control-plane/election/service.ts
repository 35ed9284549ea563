import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { CampaignRequest__Output } from '../../proto/gen/remora/v1/CampaignRequest.ts';
import type { CampaignResponse } from '../../proto/gen/remora/v1/CampaignResponse.ts';
import { v1 } from '../../proto/load.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Component } from '../../runtime/component.ts';
import { MeshError } from '../../runtime/errors.ts';
import type { Log } from '../../runtime/log.ts';
import type { CallerIdentity } from '../identity/types.ts';
import type { ControlPlaneMetrics } from '../metrics.ts';
import type { ElectionSpec } from '../model/types.ts';
import type { MeshState } from '../snapshot/types.ts';
import type { StreamCalls } from '../stream/call.ts';
import { Outbox } from '../stream/outbox.ts';
import type { GrpcService } from '../stream/server.ts';
import { type Candidate, Election } from './election.ts';
import type { Lease, LeaseStore } from './lease.ts';

export interface ElectionsOptions {
  readonly state: MeshState;
  readonly store: LeaseStore;
  readonly metrics: ControlPlaneMetrics;
  readonly clock: Clock;
  readonly log: Log;
  /** A new leader, or none: for the policy's status. */
  readonly onLeader?: (namespace: string, election: string, lease: Lease) => void;
}

/** A candidate together with the way to turn it away. */
interface Campaigner extends Candidate {
  refuse(reason: string): void;
}

/** The elections in which connected sidecars take part. */
export class Elections implements Component {
  readonly name = 'elections';
  readonly #options: ElectionsOptions;
  readonly #running = new Map<
    string,
    { election: Election; campaigners: Map<string, Campaigner> }
  >();
  /** The last lease of each election, kept when its candidates leave, so that tokens never fall. */
  readonly #leases = new Map<string, Lease>();
  #unsubscribe: (() => void) | undefined;

  constructor(options: ElectionsOptions) {
    this.#options = options;
  }

  start(): void {
    this.#unsubscribe = this.#options.state.onChange(() => this.#review());
  }

  stop(): void {
    this.#unsubscribe?.();
    for (const { election } of this.#running.values()) election.stop();
    this.#running.clear();
  }

  /** True once it is known who may stand for election. */
  get synced(): boolean {
    return this.#options.state.synced;
  }

  /** Who leads what, for `/config_dump`. */
  describe(): Record<string, unknown> {
    return Object.fromEntries(
      [...this.#running].map(([name, { election }]) => [name, election.describe()]),
    );
  }

  /** The election that a pod may join; undefined when it is none of its candidates. */
  specFor(namespace: string, pod: string, name: string): ElectionSpec | undefined {
    return this.#options.state
      .electionsOf(namespace, pod)
      .find((spec) => spec.name === name && spec.candidates.has(pod));
  }

  join(spec: ElectionSpec, campaigner: Campaigner): Election {
    const key = `${spec.namespace}/${spec.name}`;
    let running = this.#running.get(key);
    if (running === undefined) {
      running = { election: this.#create(key, spec), campaigners: new Map() };
      this.#running.set(key, running);
    }
    running.election.setSpec(spec);
    running.campaigners.set(campaigner.pod, campaigner);
    running.election.join(campaigner);
    return running.election;
  }

  leave(namespace: string, name: string, campaigner: Campaigner): void {
    const key = `${namespace}/${name}`;
    const running = this.#running.get(key);
    if (running?.campaigners.get(campaigner.pod) !== campaigner) return;
    running.campaigners.delete(campaigner.pod);
    running.election.leave(campaigner);
    if (!running.election.idle) return;
    running.election.stop();
    this.#running.delete(key);
  }

  #create(key: string, spec: ElectionSpec): Election {
    const { store, clock, log, metrics, onLeader } = this.#options;
    return new Election({
      spec,
      store,
      clock,
      log,
      lowestToken: this.#leases.get(key)?.fencingToken ?? 0,
      onLease: (lease) => {
        const before = this.#leases.get(key);
        this.#leases.set(key, lease);
        if (before?.holder === lease.holder && before.fencingToken === lease.fencingToken) return;
        if (before !== undefined || lease.holder !== '') metrics.leaderChanges.inc();
        onLeader?.(spec.namespace, spec.name, lease);
      },
    });
  }

  /** The mesh has changed: candidates that are none any longer are turned away. */
  #review(): void {
    for (const [key, { election, campaigners }] of [...this.#running]) {
      const [namespace = '', name = ''] = key.split('/');
      for (const campaigner of [...campaigners.values()]) {
        const spec = this.specFor(namespace, campaigner.pod, name);
        if (spec !== undefined) election.setSpec(spec);
        else campaigner.refuse('the pod is no longer a candidate');
      }
    }
  }
}

/** `Election.Campaign`: a pod's candidacies. */
export function createElectionService(calls: StreamCalls, elections: Elections): GrpcService {
  const campaign = (call: ServerDuplexStream<CampaignRequest__Output, CampaignResponse>): void => {
    calls.accept('election', call, (caller) => {
      const outbox = new Outbox<CampaignResponse>(call);
      const candidacies = new Candidacies(caller, elections, outbox);
      return {
        onMessage: (request) => candidacies.receive(request),
        onEnd: () => candidacies.end(),
      };
    });
  };
  return { definition: v1.Election.service, handlers: { Campaign: campaign } };
}

/** Answers that a stream may leave unread: of each election the latest waits, and a pod has few. */
const WAITING_LIMIT = 1_000;
const NAME_LIMIT = 253;

function checkName(election: string): void {
  if (election.length <= NAME_LIMIT) return;
  throw new MeshError('bad-request', `an election's name has up to ${NAME_LIMIT} characters`);
}

/** The elections that one stream has joined. */
class Candidacies {
  readonly #caller: CallerIdentity;
  readonly #elections: Elections;
  readonly #outbox: Outbox<CampaignResponse>;
  readonly #joined = new Map<string, { election: Election; campaigner: Campaigner }>();

  constructor(caller: CallerIdentity, elections: Elections, outbox: Outbox<CampaignResponse>) {
    this.#caller = caller;
    this.#elections = elections;
    this.#outbox = outbox;
  }

  receive(request: CampaignRequest__Output): void {
    if (this.#outbox.waiting > WAITING_LIMIT) {
      throw new MeshError('too-many-requests', 'the candidate asks without reading the answers');
    }
    checkName(request.join ?? request.renew?.election ?? request.resign ?? '');
    switch (request.request) {
      case 'join':
        this.#join(request.join ?? '');
        break;
      case 'renew': {
        const name = request.renew?.election ?? '';
        const joined = this.#joined.get(name);
        const { fencingToken = 0, sequence = 0 } = request.renew ?? {};
        if (joined === undefined) this.#refuse(name, 'the pod has not joined this election');
        else joined.election.renew(joined.campaigner, fencingToken, sequence);
        break;
      }
      case 'resign': {
        const joined = this.#joined.get(request.resign ?? '');
        joined?.election.resign(joined.campaigner);
        break;
      }
      default:
        throw new MeshError(
          'bad-request',
          'the message is of a kind that this release does not know',
        );
    }
  }

  end(): void {
    for (const [name, { campaigner }] of this.#joined) {
      this.#elections.leave(this.#caller.namespace, name, campaigner);
    }
    this.#joined.clear();
  }

  #join(name: string): void {
    const { namespace, pod } = this.#caller;
    if (!this.#elections.synced) {
      throw new MeshError('not-synced', 'the control plane does not know all candidates yet');
    }
    const spec = this.#elections.specFor(namespace, pod, name);
    if (spec === undefined) {
      this.#refuse(name, `the pod is not a candidate of the LeaderElection ${namespace}/${name}`);
      return;
    }
    if (this.#joined.has(name)) return;
    const campaigner: Campaigner = {
      pod,
      tell: ({ leader, fencingToken, leaseDurationMs, sequence }) =>
        this.#outbox.send(name, {
          grant: { election: name, leader, fencingToken, leaseDurationMs, sequence },
        }),
      refuse: (reason) => {
        this.#joined.delete(name);
        this.#elections.leave(namespace, name, campaigner);
        this.#refuse(name, reason);
      },
    };
    this.#joined.set(name, { campaigner, election: this.#elections.join(spec, campaigner) });
  }

  #refuse(election: string, reason: string): void {
    this.#outbox.send(election, { refusal: { election, reason } });
  }
}
