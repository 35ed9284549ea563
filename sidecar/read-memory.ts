/**
 * So much of what was read may wait for its collection. With 8 MiB it counts for so much of
 * a small heap that V8 collects the whole all the same: 60 % more CPU a MiB in 64 KiB bodies.
 */
const COLLECT_EVERY_BYTES = 4 * 1024 * 1024;

/** Node has it with `--expose-gc`. */
const collect = (globalThis as { gc?: (options: { type: 'minor' }) => void }).gc;

let readBytes = 0;

/**
 * Tells of memory outside of V8's heap that a read took. V8 frees it in its small
 * collections, and makes these when small objects fill their space. Bulk makes much
 * memory and few objects: V8 would answer with collections of the whole heap, which
 * cost a third of the time. So the small one is asked for, which takes half a
 * millisecond.
 */
export function tookMemory(bytes: number): void {
  readBytes += bytes;
  if (readBytes < COLLECT_EVERY_BYTES) return;
  readBytes = 0;
  collect?.({ type: 'minor' });
}
