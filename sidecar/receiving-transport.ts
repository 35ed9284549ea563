import type { OwnedTransport, Peer, TransportHandler } from './transport.ts';
import { LIGHT_BYTES, type TurnShare, type Waiting, waitForShare } from './turn-share.ts';

/**
 * What transports have in common: what is received goes to the handler, or waits
 * while it is paused. An end and a clean close wait behind what came before them; a
 * break does not.
 *
 * Pausing is a note and no more, because most pauses end before anything comes.
 */
export abstract class ReceivingTransport implements OwnedTransport, Waiting {
  readonly peer: Peer;
  onClosed: (() => void) | undefined;
  onCounted: (() => void) | undefined;
  bytesRead = 0;
  bytesWritten = 0;
  #handler: TransportHandler | undefined;
  #paused = true;
  /** Received while paused, or more than this turn's share. */
  #held: Buffer[] = [];
  /** `deliver` or `proceed` is to come. */
  #delivering = false;
  #endReceived = false;
  #endTold = false;
  /** No bytes and no end will come, but the close is still to be told. */
  #closing = false;
  /** Destroyed by us: nothing but the close is told any more. */
  #stopped = false;
  #closed = false;
  #error: Error | undefined;

  constructor(peer: Peer) {
    this.peer = peer;
  }

  /** Undefined where somebody else measures what the bytes cost: whoever carries them. */
  protected get share(): TurnShare | undefined {
    return undefined;
  }

  abstract get finished(): boolean;
  abstract write(bytes: Buffer): boolean;
  abstract end(): void;
  abstract destroy(error?: Error): void;

  attach(handler: TransportHandler): void {
    this.#handler = handler;
    if (!this.#endTold && !this.#closed) return;
    // What the handler before was told, the new one must know as well.
    process.nextTick(() => {
      if (this.#handler !== handler) return;
      if (this.#closed) this.#tellClose(handler);
      else handler.onEnd();
    });
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    if (this.#held.length === 0 && this.#endTold === this.#endReceived) {
      if (this.#flowing) this.onFlowing();
    } else if (!this.#delivering) {
      this.#delivering = true;
      process.nextTick(deliver, this);
    }
  }

  /** The handler has taken them. */
  protected abstract onTaken(bytes: number): void;
  /** Nothing is held, and the handler wants more. */
  protected abstract onFlowing(): void;
  /** Something is held: no more should come. */
  protected abstract onHeld(): void;

  /** The close was told, or is going to be when what is held was taken. */
  protected get closed(): boolean {
    return this.#closed || this.#closing;
  }

  /** The handler knows that it is over. */
  protected get closeTold(): boolean {
    return this.#closed;
  }

  protected get endReceived(): boolean {
    return this.#endReceived;
  }

  protected received(bytes: Buffer): void {
    if (this.#closing || this.#stopped || this.#closed) return;
    if (this.#paused || this.#held.length > 0) {
      this.#held.push(bytes);
      this.onHeld();
    } else if (bytes.length > LIGHT_BYTES && this.share?.admits(bytes.length) === false) {
      this.#held.push(bytes);
      this.onHeld();
      this.#waitForShare();
    } else {
      this.#pass(bytes);
    }
  }

  protected receivedEnd(): void {
    if (this.#endReceived || this.#stopped || this.#closed) return;
    this.#endReceived = true;
    if (!this.#paused && this.#held.length === 0) this.#tellEnd();
  }

  protected writable(): void {
    if (!this.#stopped && !this.#closed) this.#handler?.onDrain();
  }

  /** We want nothing more of it; `broken` is to follow. */
  protected stop(): void {
    this.#stopped = true;
    this.#held = [];
  }

  /** Both directions have ended. */
  protected closedCleanly(): void {
    if (this.#closing || this.#stopped || this.#closed) return;
    if (this.#endTold) this.broken(undefined);
    else this.#closing = true;
  }

  /** Whatever is held is lost. */
  protected broken(error: Error | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#held = [];
    this.#error = error;
    this.#tellClose(this.#handler);
  }

  /** For `resume`, a moment later. */
  deliver(): void {
    const held = this.#held;
    let next = 0;
    while (this.#flowing && next < held.length) {
      const bytes = held[next] as Buffer;
      if (this.share?.admits(bytes.length) === false) break;
      next += 1;
      this.#pass(bytes);
    }
    held.splice(0, next);
    this.#delivered();
  }

  proceed(): void {
    const [first] = this.#held;
    if (first !== undefined && this.#flowing) {
      const length = this.share?.slice(first.length) ?? first.length;
      if (length < first.length) this.#held[0] = first.subarray(length);
      // What comes in the midst of it has to wait behind the rest.
      this.#passMeasured(length < first.length ? first.subarray(0, length) : first);
      if (length === first.length) this.#held.shift();
    }
    this.#delivered();
  }

  #delivered(): void {
    this.#delivering = false;
    if (!this.#flowing) return;
    if (this.#held.length > 0) this.#waitForShare();
    else if (this.#endReceived && !this.#endTold) this.#tellEnd();
    else this.onFlowing();
  }

  #waitForShare(): void {
    if (this.#delivering) return;
    this.#delivering = true;
    waitForShare(this);
  }

  get #flowing(): boolean {
    return !this.#paused && !this.#stopped && !this.#closed;
  }

  #pass(bytes: Buffer): void {
    if (bytes.length > LIGHT_BYTES) {
      this.#passMeasured(bytes);
      return;
    }
    this.bytesRead += bytes.length;
    this.#handler?.onData(bytes);
    this.onTaken(bytes.length);
  }

  #passMeasured(bytes: Buffer): void {
    const { share } = this;
    this.bytesRead += bytes.length;
    const startedMs = share === undefined ? 0 : performance.now();
    this.#handler?.onData(bytes);
    share?.spent(bytes.length, performance.now() - startedMs);
    this.onTaken(bytes.length);
  }

  #tellEnd(): void {
    this.#endTold = true;
    this.#handler?.onEnd();
    if (this.#closing) this.broken(undefined);
  }

  #tellClose(handler: TransportHandler | undefined): void {
    handler?.onClose(this.#error);
    this.onClosed?.();
    const counted = this.onCounted;
    this.onCounted = undefined;
    counted?.();
  }
}

function deliver(transport: ReceivingTransport): void {
  transport.deliver();
}
