import { isIP } from 'node:net';
import type { Clock } from '../../runtime/clock.ts';
import type { CompiledConfig, OutboundTarget } from '../compile.ts';
import type { Workload } from '../config/types.ts';
import type { ConfigView } from '../config/view.ts';
import { ADDRESS_TIMEOUT_MS, holdUntil, SERVICE_DETAILS_TIMEOUT_MS } from './hold.ts';

/** What stands behind an address and port, or a name and port. */
export type Destination =
  | { readonly kind: 'service'; readonly target: OutboundTarget }
  /** Reached as it was asked for. */
  | {
      readonly kind: 'direct';
      readonly host: string;
      readonly port: number;
      /** Who answers there, when it is a pod of the mesh. */
      readonly workload: Workload | undefined;
      /** A service whose details the control plane did not tell: its bytes just pass. */
      readonly opaque: boolean;
    }
  /** The control plane was asked. `again` is called once, when it is worth looking again. */
  | { readonly kind: 'pending'; wait(again: () => void): () => void };

/** That many answers that did not come in time are remembered. */
const MAX_OVERDUE = 4096;

/**
 * Finds out what connections are meant for. Details come from the control plane
 * on first use; when it does not answer in time, the connection goes on without
 * them, and later ones do not wait again.
 */
export class Destinations {
  readonly #view: ConfigView;
  readonly #compiled: () => CompiledConfig;
  readonly #clock: Clock;
  readonly #namespace: string;
  /** Services and addresses that were waited for in vain. */
  readonly #overdue = new Set<string>();

  constructor(options: {
    view: ConfigView;
    compiled: () => CompiledConfig;
    clock: Clock;
    /** The pod's own, where names without a namespace are looked up. */
    namespace: string;
  }) {
    this.#view = options.view;
    this.#compiled = options.compiled;
    this.#clock = options.clock;
    this.#namespace = options.namespace;
  }

  /** @param host an address in canonical form, or a name */
  find(host: string, port: number): Destination {
    const target = this.target(host, port);
    if (target !== undefined) return this.#service(target, host, port);
    if (isIP(host) === 0) {
      return { kind: 'direct', host, port, workload: undefined, opaque: false };
    }
    return this.#address(host, port);
  }

  /** The service port that is meant, when one is. */
  target(host: string, port: number): OutboundTarget | undefined {
    const compiled = this.#compiled();
    return isIP(host) === 0
      ? compiled.targetByHost(host, port, this.#namespace)
      : compiled.target(host, port);
  }

  workload(address: string): Workload | undefined {
    return this.#view.current.workloads.get(address) ?? undefined;
  }

  #service(target: OutboundTarget, host: string, port: number): Destination {
    if (target.detailsKnown) {
      this.#overdue.delete(target.name);
      return { kind: 'service', target };
    }
    this.#view.wantService(target.name);
    if (this.#overdue.has(target.name)) {
      const address = isIP(host) === 0 ? (target.service.addresses[0] ?? host) : host;
      return { kind: 'direct', host: address, port, workload: undefined, opaque: true };
    }
    const isKnown = (): boolean => this.target(host, port)?.detailsKnown !== false;
    return this.#pending(target.name, SERVICE_DETAILS_TIMEOUT_MS, isKnown);
  }

  #address(host: string, port: number): Destination {
    const isKnown = (): boolean => this.#view.current.workloads.has(host);
    if (isKnown()) {
      this.#overdue.delete(host);
    } else {
      this.#view.wantAddress(host);
      if (!this.#overdue.has(host)) return this.#pending(host, ADDRESS_TIMEOUT_MS, isKnown);
    }
    return { kind: 'direct', host, port, workload: this.workload(host), opaque: false };
  }

  #pending(key: string, timeoutMs: number, isKnown: () => boolean): Destination {
    return {
      kind: 'pending',
      wait: (again) =>
        holdUntil(this.#view, this.#clock, timeoutMs, isKnown, () => {
          if (!isKnown()) {
            if (this.#overdue.size >= MAX_OVERDUE) this.#overdue.clear();
            this.#overdue.add(key);
          }
          again();
        }),
    };
  }
}
