import { get } from 'node:http';
import { connect } from 'node:net';
import type { SocketAddress } from '../runtime/env.ts';
import type { Probe } from './objects.ts';

/** What a probe needs of its container. */
export interface ProbeTarget {
  /** Where a port, or a port's name, is reached; undefined when there is none of that name. */
  reach(port: number | string): SocketAddress | undefined;
  /** Runs a command in the container; true when it ends with status 0. */
  execute(command: readonly string[], timeoutMs: number): Promise<boolean>;
}

/** Asks once; true when the answer is good. Never rejects. */
export async function askProbe(probe: Probe, target: ProbeTarget): Promise<boolean> {
  const timeoutMs = (probe.timeoutSeconds ?? 1) * 1000;
  if (probe.exec !== undefined) return await target.execute(probe.exec.command, timeoutMs);
  if (probe.httpGet !== undefined) {
    const address = target.reach(probe.httpGet.port);
    if (address === undefined) return false;
    return await askHttp(address, probe.httpGet.path, timeoutMs);
  }
  if (probe.tcpSocket !== undefined) {
    const address = target.reach(probe.tcpSocket.port);
    return address !== undefined && (await askTcp(address, timeoutMs));
  }
  return true;
}

function askHttp(address: SocketAddress, path: string, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get(
      { ...address, path, agent: false, timeout: timeoutMs, headers: { 'user-agent': 'probe' } },
      (response) => {
        response.resume();
        const status = response.statusCode ?? 0;
        resolve(status >= 200 && status < 400);
      },
    );
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(false));
    request.on('close', () => resolve(false));
  });
}

function askTcp(address: SocketAddress, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(address.port, address.host);
    socket.setTimeout(timeoutMs, () => socket.destroy());
    socket.once('connect', () => {
      resolve(true);
      socket.destroy();
    });
    socket.on('error', () => {});
    socket.once('close', () => resolve(false));
  });
}

/** Between two questions while the answer is not good. */
const SOON_MS = 250;

/**
 * Asks again and again, and tells when the verdict changes: a probe fails after
 * `failureThreshold` bad answers in a row (3), and holds after `successThreshold`
 * good ones (1).
 */
export class ProbeLoop {
  readonly #probe: Probe;
  readonly #target: ProbeTarget;
  readonly #onVerdict: (holds: boolean) => void;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #asking = false;
  #good = 0;
  #bad = 0;

  constructor(probe: Probe, target: ProbeTarget, onVerdict: (holds: boolean) => void) {
    this.#probe = probe;
    this.#target = target;
    this.#onVerdict = onVerdict;
  }

  start(): void {
    this.#after((this.#probe.initialDelaySeconds ?? 0) * 1000);
  }

  /** The program was started again: what its predecessor answered counts no more. */
  restart(): void {
    this.#good = 0;
    this.#bad = 0;
    if (this.#asking) return;
    clearTimeout(this.#timer);
    this.#after(SOON_MS);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #after(delayMs: number): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => void this.#ask(), delayMs);
  }

  async #ask(): Promise<void> {
    this.#asking = true;
    const good = await askProbe(this.#probe, this.#target);
    this.#asking = false;
    if (this.#stopped) return;
    this.#good = good ? this.#good + 1 : 0;
    this.#bad = good ? 0 : this.#bad + 1;
    if (this.#good === (this.#probe.successThreshold ?? 1)) this.#onVerdict(true);
    if (this.#bad === (this.#probe.failureThreshold ?? 3)) {
      this.#bad = 0;
      this.#onVerdict(false);
    }
    // Starting programs are asked more often than the kubelet would: people wait here.
    const periodMs = (this.#probe.periodSeconds ?? 10) * 1000;
    this.#after(good ? periodMs : Math.min(periodMs, SOON_MS));
  }
}
