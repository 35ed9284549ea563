import { isIP } from 'node:net';
import type { Hello__Output } from '../../proto/gen/remora/v1/Hello.ts';
import type { Nack__Output } from '../../proto/gen/remora/v1/Nack.ts';
import type { SubscribeRequest__Output } from '../../proto/gen/remora/v1/SubscribeRequest.ts';
import type { Subscription__Output } from '../../proto/gen/remora/v1/Subscription.ts';
import type { Clock } from '../../runtime/clock.ts';
import { MeshError } from '../../runtime/errors.ts';
import type { Log } from '../../runtime/log.ts';
import type { CallerIdentity } from '../identity/types.ts';
import type { ControlPlaneMetrics } from '../metrics.ts';
import type { MeshState, SidecarIdentity, Snapshot } from '../snapshot/types.ts';
import type { RefusalReports } from '../status/refusals.ts';
import { type Held, HOLDS_NOTHING } from './delta.ts';
import { heldAfter, type PlannedPush, planPush } from './plan.ts';

export interface SessionOptions {
  readonly caller: CallerIdentity;
  readonly state: MeshState;
  readonly refusals: RefusalReports;
  readonly metrics: ControlPlaneMetrics;
  readonly clock: Clock;
  readonly log: Log;
  /** Takes the pieces of one Push. Never called while an earlier one is unanswered. */
  readonly send: (pieces: readonly Buffer[]) => void;
}

/** Where a session stands. */
type SessionState =
  /** The sidecar has not said who it is. */
  | { readonly kind: 'greeting' }
  /** Everything that was pushed is answered. A change leads to `pushing`. */
  | { readonly kind: 'settled' }
  /** One push is on its way. Changes only note that there were some. */
  | { readonly kind: 'pushing'; readonly push: OutstandingPush; changedAtMs: number | undefined };

interface OutstandingPush extends PlannedPush {
  readonly nonce: number;
  readonly snapshot: Snapshot;
  /** When what it tells of had happened. */
  readonly changedAtMs: number;
}

/** More of either is not remembered: a pod that scans addresses does not fill our memory. */
const SUBSCRIPTION_LIMIT = 10_000;
const ADDRESS_LIMIT = 16;
const REASON_LIMIT = 1_000;

/**
 * One sidecar's configuration stream, without the stream: messages in, pushes out.
 *
 * At most one push is unanswered, and changes that happen meanwhile become one
 * push later. So a sidecar that stops reading costs one push of memory and
 * delays nobody.
 */
export class ConfigSession {
  readonly #options: SessionOptions;
  readonly #services = new Set<string>();
  readonly #addresses = new Set<string>();
  #state: SessionState = { kind: 'greeting' };
  #sidecar: SidecarIdentity | undefined;
  #held: Held = HOLDS_NOTHING;
  #nonce = 0;
  /** Resources that the sidecar refused, with the version that it refused. */
  #refused: ReadonlyMap<string, string> = new Map();
  /** The state that it refused without naming a resource. */
  #refusedVersion: string | undefined;
  /** Why, by resource (empty: the push as a whole), as the status was told. */
  readonly #reported = new Map<string, string>();
  #sidecarVersion = '';

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  /** `<namespace>/<pod>` */
  get name(): string {
    return `${this.#options.caller.namespace}/${this.#options.caller.pod}`;
  }

  /** A message of the sidecar. @throws MeshError `bad-request`, which ends the stream. */
  receive(request: SubscribeRequest__Output): void {
    const nowMs = this.#options.clock.monotonicMs();
    if (request.hello) {
      this.#greet(request.hello);
      this.update(nowMs);
    } else if (this.#state.kind === 'greeting') {
      throw new MeshError('bad-request', 'the first message must be a Hello');
    } else if (request.subscription) {
      if (this.#subscribe(request.subscription)) this.update(nowMs);
    } else if (request.ack) {
      this.#acknowledged(request.ack.nonce);
    } else if (request.nack) {
      this.#refuse(request.nack);
    } else {
      throw new MeshError(
        'bad-request',
        'the message is of a kind that this release does not know',
      );
    }
  }

  /** The mesh has changed: pushes what is new to this sidecar, now or after the answer it owes. */
  update(changedAtMs: number): void {
    const { state } = this.#options;
    if (this.#state.kind === 'pushing') {
      this.#state.changedAtMs ??= changedAtMs;
      return;
    }
    if (this.#sidecar === undefined || !state.synced) return;
    const snapshot = state.snapshot(this.#sidecar, this.#subscription);
    if (snapshot.version === this.#refusedVersion) return;
    const planned = planPush(this.#held, snapshot, this.#refused);
    this.#refused = planned.refused;
    // The first push is sent even when empty: it tells the sidecar that what it holds is current.
    if (planned.empty && this.#nonce > 0) {
      this.#reviewReports();
      return;
    }
    this.#nonce += 1;
    const push = { ...planned, nonce: this.#nonce, snapshot, changedAtMs };
    this.#state = { kind: 'pushing', push, changedAtMs: undefined };
    const pieces = planned.encode(this.#nonce);
    this.#options.metrics.pushes.inc();
    this.#options.metrics.pushBytes.inc(pieces.reduce((sum, piece) => sum + piece.length, 0));
    this.#options.send(pieces);
  }

  /** The stream has ended. */
  closed(): void {
    this.#sidecar = undefined;
    this.#refused = new Map();
    this.#reviewReports();
  }

  /** For `/config_dump`. */
  describe(): unknown {
    return {
      sidecar: this.#sidecar,
      sidecarVersion: this.#sidecarVersion,
      state: this.#state.kind,
      nonce: this.#nonce,
      refused: this.#refused,
      refusedVersion: this.#refusedVersion,
      subscription: this.#subscription,
      snapshot: this.#sidecar && this.#options.state.snapshot(this.#sidecar, this.#subscription),
    };
  }

  get #subscription() {
    return { services: this.#services, addresses: this.#addresses };
  }

  #greet(hello: Hello__Output): void {
    if (this.#state.kind !== 'greeting') {
      throw new MeshError('bad-request', 'a second Hello on the same stream');
    }
    const { caller } = this.#options;
    const claims = [
      ['namespace', hello.namespace, caller.namespace],
      ['service account', hello.serviceAccount, caller.serviceAccount],
      ['pod', hello.pod, caller.pod],
    ] as const;
    for (const [what, claimed, proved] of claims) {
      if (claimed !== proved) {
        throw new MeshError(
          'not-allowed',
          `the ${what} of the Hello is "${claimed}", but the token belongs to "${proved}"`,
        );
      }
    }
    this.#sidecar = {
      ...caller,
      addresses: hello.addresses.filter((address) => isIP(address) !== 0).slice(0, ADDRESS_LIMIT),
    };
    this.#sidecarVersion = hello.sidecarVersion.slice(0, 64);
    const held = new Map(Object.entries(hello.held));
    if (held.size > 0) this.#held = { kind: 'listed', versions: held };
    if (hello.subscription) this.#subscribe(hello.subscription);
    this.#state = { kind: 'settled' };
  }

  /** True when there was something new in it. */
  #subscribe(subscription: Subscription__Output): boolean {
    const before = this.#services.size + this.#addresses.size;
    for (const service of subscription.services) {
      if (!/^[a-z0-9-]+\/[a-z0-9.-]+$/.test(service)) {
        throw new MeshError('bad-request', `"${service}" is not <namespace>/<service>`);
      }
      if (this.#services.size < SUBSCRIPTION_LIMIT) this.#services.add(service);
    }
    for (const address of subscription.addresses) {
      if (isIP(address) === 0) {
        throw new MeshError('bad-request', `"${address}" is not an IP address`);
      }
      if (this.#addresses.size < SUBSCRIPTION_LIMIT) this.#addresses.add(address);
    }
    return this.#services.size + this.#addresses.size > before;
  }

  #acknowledged(nonce: number): void {
    const push = this.#answered(nonce);
    if (push === undefined) return;
    const { metrics, clock } = this.#options;
    this.#held = heldAfter(this.#held, push, push.snapshot);
    this.#refusedVersion = undefined;
    metrics.pushLatency.observe((clock.monotonicMs() - push.changedAtMs) / 1000);
    this.#reviewReports();
    this.#settle(push.complete ? undefined : push.changedAtMs);
  }

  #refuse(nack: Nack__Output): void {
    const push = this.#answered(nack.nonce);
    if (push === undefined) return;
    const reason = nack.reason.slice(0, REASON_LIMIT);
    const culprit = push.resources.find((item) => item.name === nack.resource);
    // A name that was not in the push says nothing, and is not remembered.
    const resource = culprit?.name ?? '';
    this.#options.metrics.refusals.inc();
    this.#options.log.warn(
      { sidecar: this.name, resource, reason },
      'a sidecar refused its configuration',
    );
    this.#reported.set(resource, reason);
    this.#options.refusals.refused(this.name, resource, reason);
    if (culprit === undefined) {
      // Nothing to leave out: it gets nothing until something changes.
      this.#refusedVersion = push.snapshot.version;
      this.#settle(undefined);
    } else {
      // The rest of the push is good, and the sidecar should have it.
      this.#refused = new Map([...this.#refused, [culprit.name, culprit.version]]);
      this.#settle(push.changedAtMs);
    }
  }

  /** The push that an answer is for; undefined when it is for none that we wait for. */
  #answered(nonce: number): OutstandingPush | undefined {
    if (this.#state.kind !== 'pushing' || this.#state.push.nonce !== nonce) return undefined;
    return this.#state.push;
  }

  /** After an answer: pushes again if there is more, or was a change meanwhile. */
  #settle(moreSinceMs: number | undefined): void {
    const changedAtMs =
      this.#state.kind === 'pushing' ? (this.#state.changedAtMs ?? moreSinceMs) : moreSinceMs;
    this.#state = { kind: 'settled' };
    if (changedAtMs !== undefined) this.update(changedAtMs);
  }

  /** Takes back what was reported of resources that are refused no more. */
  #reviewReports(): void {
    const { refusals } = this.#options;
    const over = [...this.#reported.keys()].filter((resource) => !this.#refused.has(resource));
    if (over.length === 0) return;
    for (const resource of over) this.#reported.delete(resource);
    refusals.cleared(this.name);
    for (const [resource, reason] of this.#reported) refusals.refused(this.name, resource, reason);
  }
}
