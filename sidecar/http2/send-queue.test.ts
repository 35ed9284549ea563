import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { SendQueue } from './send-queue.ts';

suite('what a stream has queued', () => {
  test('leaves it in order, whatever pieces it came in and goes in', () => {
    const step = fc.oneof(
      fc.record({ push: fc.uint8Array({ minLength: 1, maxLength: 700 }) }),
      fc.record({ push: fc.uint8Array({ minLength: 1, maxLength: 3 }) }),
      fc.record({ take: fc.nat(3_000) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const queue = new SendQueue();
        let model = Buffer.alloc(0);
        for (const one of steps) {
          if ('push' in one) {
            queue.push(Buffer.from(one.push));
            model = Buffer.concat([model, one.push]);
          } else {
            const count = Math.min(one.take, model.length);
            const target = Buffer.alloc(count + 2);
            if (count > 0) queue.take(count, target, 1);
            assert.deepEqual(target.subarray(1, count + 1), model.subarray(0, count));
            model = model.subarray(count);
          }
          assert.equal(queue.bytes, model.length);
        }
      }),
    );
  });

  test('costs about as much as it holds, also where it comes byte by byte', () => {
    const queues = Array.from({ length: 100 }, () => new SendQueue());
    const before = process.memoryUsage();
    for (const queue of queues) for (let i = 0; i < 16_384; i++) queue.push(Buffer.of(i));
    const { heapUsed, external } = process.memoryUsage();
    const grewBytes = heapUsed + external - before.heapUsed - before.external;
    // 1.6 MB; as pieces of their own 160 MB. What was not collected yet counts as well.
    assert.ok(queues[0]?.bytes === 16_384 && grewBytes < 64 * 1024 * 1024, `${grewBytes}`);
  });
});
