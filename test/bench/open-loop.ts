import { performance } from 'node:perf_hooks';
import { CheckedConnection } from './checked-client.ts';
import type { Origin } from './origin.ts';

/** Requests that come when they are due, whatever became of those before. */
export interface OpenLoop {
  readonly port: number;
  readonly path: string;
  readonly requestsPerSecond: number;
  readonly durationMs: number;
  readonly connections: number;
}

/**
 * Sends at a fixed rate, and returns each request's time in microseconds.
 *
 * A request that finds all connections busy waits, and its wait counts: a proxy
 * that stands still for a moment pays for all who came meanwhile. The time begins
 * when this process's timer sent the request off, not when the plan said so: a
 * client that is late is not the proxy's fault.
 *
 * @throws Error of the first wrong answer
 */
export async function runOpenLoop(load: OpenLoop, origin: Origin): Promise<number[]> {
  const all = Array.from(
    { length: load.connections },
    () => new CheckedConnection(load.port, origin),
  );
  const free = [...all];
  const waiting: number[] = [];
  const times: number[] = [];
  const total = Math.round((load.requestsPerSecond * load.durationMs) / 1000);
  const startedMs = performance.now();
  let sent = 0;
  try {
    await new Promise<void>((resolve, reject) => {
      const send = (connection: CheckedConnection, dueMs: number): void => {
        connection.request(load.path, (error) => {
          if (error !== undefined) {
            reject(error);
            return;
          }
          times.push((performance.now() - dueMs) * 1000);
          const next = waiting.shift();
          if (next === undefined) free.push(connection);
          else send(connection, next);
          if (times.length === total) resolve();
        });
      };
      const tick = setInterval(() => {
        const nowMs = performance.now();
        const due = Math.min(total, ((nowMs - startedMs) * load.requestsPerSecond) / 1000);
        for (; sent < due; sent += 1) {
          const connection = free.pop();
          if (connection === undefined) waiting.push(nowMs);
          else send(connection, nowMs);
        }
        if (sent >= total) clearInterval(tick);
      }, 1);
    });
  } finally {
    for (const connection of all) connection.close();
  }
  return times;
}
