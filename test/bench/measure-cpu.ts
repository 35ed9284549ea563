import { Checker } from './checked-client.ts';
import { type Load, runH2load } from './h2load.ts';
import type { Lab, Setup, Subject } from './lab.ts';
import { measureInTurns } from './measure-rounds.ts';
import type { Measure } from './measured.ts';
import { GRPC_PATH } from './origin.ts';
import { cpuMicroseconds } from './process-cost.ts';

/** A load of which the CPU time of the proxies is taken. */
export interface CpuOptions {
  readonly hop: Setup['hop'];
  readonly protocol: Setup['protocol'];
  /** What each request asks for; not with gRPC. */
  readonly path?: string;
  readonly connections: number;
  readonly streams?: number;
  /** Of each proxy. */
  readonly threads?: number;
  /** Rules of the service, of which requests match the last. One when nothing is said. */
  readonly rules?: number;
  /** Further fields of each request, `name: value`. */
  readonly fields?: readonly string[];
  /** In one round, of one contender. */
  readonly requests: number;
  readonly per: 'request' | 'MiB';
}

const MIB = 1024 * 1024;

/** CPU microseconds per request or MiB, of all processes of a contender together. */
export function cpu(options: CpuOptions): Measure {
  return async (run) => {
    const { lab } = run;
    const port = lab.origin.port(options.protocol);
    const { hop, protocol, threads = 1, rules = 1 } = options;
    const setup = { hop, protocol, threads, rules, services: 1, used: 1 };
    return await measureInTurns(run, {
      setup,
      warmUp: (subject) => costOfLoad(lab, options, subject),
      sample: async (subject) => ({
        '': await costOfLoad(lab, options, subject),
      }),
      // Not a proxy's cost: the origin's, which shows what the machine does today.
      direct: async () => {
        const subject = { ports: [port], pids: lab.originPids, processes: [] };
        return { '': await costOfLoad(lab, options, subject) };
      },
    });
  };
}

async function costOfLoad(lab: Lab, options: CpuOptions, subject: Subject): Promise<number> {
  const { requests } = options;
  const port = subject.ports[0] ?? 0;
  const path = options.protocol === 'grpc' ? GRPC_PATH : (options.path ?? '/1k');
  const bodyBytes = lab.origin.body(path).length;
  const load: Load = {
    program: lab.h2load,
    ...{ port, path, requests, bodyBytes },
    protocol: options.protocol === 'h2c' || options.protocol === 'grpc' ? 'h2c' : 'http1',
    connections: options.connections,
    streams: options.streams ?? 1,
    ...(options.fields === undefined ? {} : { fields: options.fields }),
    ...(options.protocol === 'grpc' ? { grpcRequest: lab.origin.grpcRequest } : {}),
  };
  const before = cpuMicroseconds(subject.pids);
  const paths = [path, '/check-1', '/check-2', '/check-3'];
  const checker = new Checker(port, options.protocol, lab.origin, paths);
  try {
    await runH2load(load);
  } finally {
    await checker.stop();
  }
  const spent = cpuMicroseconds(subject.pids) - before;
  return options.per === 'request'
    ? spent / (requests + checker.answers)
    : spent / ((requests * bodyBytes + checker.bytes) / MIB);
}
