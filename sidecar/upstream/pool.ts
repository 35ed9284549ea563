import type { Clock } from '../../runtime/clock.ts';
import type { TransportHandler } from '../transport.ts';
import type { Dialed } from './dialer.ts';

/**
 * Idle connections that are plain: shorter than the five seconds after which
 * Node and many others close their side, so that a request seldom meets a
 * connection that is just being closed.
 */
const PLAIN_IDLE_MS = 4_000;
/** Streams of the trunk end in a sidecar, which waits longer. */
const TRUNK_IDLE_MS = 60_000;
/** To one endpoint. */
const MAX_IDLE = 256;

class IdleConnection implements TransportHandler {
  readonly dialed: Dialed;
  readonly untilMs: number;
  readonly #pool: IdlePool;

  constructor(dialed: Dialed, untilMs: number, pool: IdlePool) {
    this.dialed = dialed;
    this.untilMs = untilMs;
    this.#pool = pool;
  }

  /** Nobody asked for anything: whoever got these bytes as an answer would be wrong. */
  onData(): void {
    this.dialed.transport.destroy();
  }

  onEnd(): void {
    this.dialed.transport.destroy();
  }

  onDrain(): void {}

  onClose(): void {
    this.#pool.remove(this);
  }
}

/** The idle connections to one endpoint. The one used last is lent first, so that the others may age. */
export class IdlePool {
  /** No connection is idle for longer, be it plain or of the trunk. */
  limitMs = Number.POSITIVE_INFINITY;
  readonly #idle: IdleConnection[] = [];

  get size(): number {
    return this.#idle.length;
  }

  /** @returns false when the connection was not taken, and is closed instead */
  put(dialed: Dialed, nowMs: number): boolean {
    const { transport } = dialed;
    if (transport.finished || this.#idle.length >= MAX_IDLE) {
      transport.destroy();
      return false;
    }
    const ownMs = dialed.mutualTls ? TRUNK_IDLE_MS : PLAIN_IDLE_MS;
    const untilMs = nowMs + Math.min(ownMs, this.limitMs);
    const idle = new IdleConnection(dialed, untilMs, this);
    this.#idle.push(idle);
    transport.attach(idle);
    // Reading, so that an end or stray bytes are noticed at once.
    transport.resume();
    return true;
  }

  take(clock: Clock): Dialed | undefined {
    // Our own limits are sweeping ones; what somebody asked for holds to the moment.
    const nowMs =
      this.limitMs === Number.POSITIVE_INFINITY || this.#idle.length === 0
        ? 0
        : clock.monotonicMs();
    for (;;) {
      const idle = this.#idle.pop();
      if (idle === undefined) return undefined;
      const { transport } = idle.dialed;
      if (!transport.finished && idle.untilMs > nowMs) {
        transport.pause();
        return idle.dialed;
      }
      transport.destroy();
    }
  }

  /** Closes what has been idle for too long. */
  sweep(nowMs: number): void {
    for (const idle of [...this.#idle]) {
      if (idle.untilMs <= nowMs || idle.dialed.transport.finished) this.#drop(idle);
    }
  }

  /** Makes room. False when there is none to drop. */
  dropOldest(): boolean {
    const [oldest] = this.#idle;
    if (oldest !== undefined) this.#drop(oldest);
    return oldest !== undefined;
  }

  clear(): void {
    for (const idle of [...this.#idle]) this.#drop(idle);
  }

  remove(idle: IdleConnection): void {
    const index = this.#idle.indexOf(idle);
    if (index >= 0) this.#idle.splice(index, 1);
  }

  #drop(idle: IdleConnection): void {
    this.remove(idle);
    idle.dialed.transport.destroy();
  }
}
