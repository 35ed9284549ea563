import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { parseMetrics } from '../protocols/carriage.ts';

/** What a process holds at one moment. */
export interface Sample {
  /** Since the beginning of the load. */
  readonly seconds: number;
  readonly residentBytes: number;
  readonly descriptors: number;
  readonly sockets: number;
  /** Of sidecars alone; else 0. */
  readonly heapBytes: number;
  /** Connections that the sidecar carries, streams of the trunk among them; else 0. */
  readonly connections: number;
}

/** What is sampled. */
export type Quantity = Exclude<keyof Sample, 'seconds'>;

/**
 * Looks at a process from outside.
 *
 * @param metrics of a sidecar; undefined for any other process
 */
export function takeSample(pid: number, seconds: number, metrics: string | undefined): Sample {
  const descriptors = readdirSync(`/proc/${pid}/fd`);
  const sockets = descriptors.filter((name) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${name}`).startsWith('socket:');
    } catch {
      // It was closed while we looked.
      return false;
    }
  });
  const samples = metrics === undefined ? [] : parseMetrics(metrics);
  const sum = (name: string): number =>
    samples.reduce((total, sample) => total + (sample.name === name ? sample.value : 0), 0);
  return {
    seconds,
    residentBytes: residentBytes(readFileSync(`/proc/${pid}/status`, 'utf8')),
    descriptors: descriptors.length,
    sockets: sockets.length,
    heapBytes: sum('nodejs_heap_size_used_bytes'),
    connections: sum('remora_connections_active'),
  };
}

/** @throws Error when the text is no `/proc/PID/status` of a process that lives */
function residentBytes(text: string): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(text)?.[1];
  if (kib === undefined) throw new Error(`no VmRSS in: ${text}`);
  return Number(kib) * 1024;
}
