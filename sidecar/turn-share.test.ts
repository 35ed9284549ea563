import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { ReceivingTransport } from './receiving-transport.ts';
import type { TransportHandler } from './transport.ts';
import { TurnShare } from './turn-share.ts';

const PEER = { address: '127.0.0.1', port: 1, identity: undefined, workload: undefined };
const READ_BYTES = 64 * 1024;

/** A transport that is fed by the test. */
class FedTransport extends ReceivingTransport {
  readonly finished = false;
  readonly #share = new TurnShare();
  /** No more should come. */
  isHeld = false;

  constructor() {
    super(PEER);
  }

  protected override get share(): TurnShare {
    return this.#share;
  }

  feed(bytes: Buffer): void {
    this.received(bytes);
  }

  feedEnd(): void {
    this.receivedEnd();
  }

  write(): boolean {
    return true;
  }

  end(): void {}

  destroy(): void {
    this.stop();
  }

  protected onTaken(): void {}

  protected onFlowing(): void {
    this.isHeld = false;
  }

  protected onHeld(): void {
    this.isHeld = true;
  }
}

/** What a handler got, and how many times. */
class Taken implements TransportHandler {
  bytes = 0;
  pieces = 0;
  ended = false;
  readonly #msPerByte: number;

  constructor(msPerByte: number) {
    this.#msPerByte = msPerByte;
  }

  onData(bytes: Buffer): void {
    this.bytes += bytes.length;
    this.pieces += 1;
    const untilMs = performance.now() + bytes.length * this.#msPerByte;
    while (performance.now() < untilMs) {}
  }

  onEnd(): void {
    this.ended = true;
  }

  onDrain(): void {}
  onClose(): void {}
}

/** A millisecond for each 1,000 bytes, or next to nothing. */
function open(msPerByte: number): { transport: FedTransport; taken: Taken } {
  const transport = new FedTransport();
  const taken = new Taken(msPerByte);
  transport.attach(taken);
  transport.resume();
  return { transport, taken };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await nextTurn();
}

describe('a turn is shared', () => {
  test('bytes that cost much are taken in slices, all of them, before the end', async () => {
    const { transport, taken } = open(1e-3);
    transport.feed(Buffer.alloc(READ_BYTES));
    transport.feedEnd();
    assert.equal(transport.isHeld, true);
    assert.equal(taken.ended, false);
    await until(() => taken.ended);
    assert.equal(taken.bytes, READ_BYTES);
    assert.ok(taken.pieces > 20, `${taken.pieces} slices`);
  });

  test('a small read does not wait for those that ask for much', async () => {
    const dear = Array.from({ length: 10 }, () => open(1e-3));
    for (const { transport } of dear) transport.feed(Buffer.alloc(READ_BYTES));
    await until(() => dear.some(({ taken }) => taken.bytes > 0));
    const { transport, taken } = open(0);
    transport.feed(Buffer.alloc(500));
    assert.equal(taken.bytes, 500);
    for (const one of dear) one.transport.destroy();
  });

  test('none of those that wait is forgotten', async () => {
    const dear = Array.from({ length: 10 }, () => open(1e-4));
    for (const { transport } of dear) transport.feed(Buffer.alloc(READ_BYTES));
    await until(() => dear.every(({ taken }) => taken.bytes === READ_BYTES));
    assert.ok(dear.every(({ transport }) => !transport.isHeld));
  });

  test('a pause holds back the slices to come', async () => {
    const { transport, taken } = open(1e-3);
    transport.feed(Buffer.alloc(READ_BYTES));
    await until(() => taken.bytes > 0);
    transport.pause();
    const { bytes } = taken;
    for (let i = 0; i < 5; i++) await nextTurn();
    assert.equal(taken.bytes, bytes);
    transport.resume();
    await until(() => taken.bytes === READ_BYTES);
  });
});
