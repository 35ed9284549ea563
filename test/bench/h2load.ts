import { execFile } from 'node:child_process';

/** A fixed load. */
export interface Load {
  /** Path of h2load. */
  readonly program: string;
  readonly port: number;
  readonly path: string;
  readonly protocol: 'http1' | 'h2c';
  readonly connections: number;
  /** At a time on a connection; 1 with HTTP/1.1. */
  readonly streams: number;
  readonly requests: number;
  /** Of each response. */
  readonly bodyBytes: number;
  /** A file that is sent as the request's body, with the content type of gRPC. */
  readonly grpcRequest?: string;
  /** Further fields of each request, `name: value`. */
  readonly fields?: readonly string[];
}

/** What h2load counted. */
export interface LoadCounts {
  readonly requestsPerSecond: number;
  readonly succeeded: number;
  /** Of all response bodies together. */
  readonly dataBytes: number;
}

/** The longest that a load may take. */
const TIMEOUT_MS = 120_000;

/** @throws Error when a line is missing */
export function parseH2load(output: string): LoadCounts {
  const number = (pattern: RegExp): number => {
    const text = pattern.exec(output)?.[1];
    if (text === undefined) throw new Error(`h2load said no ${pattern.source}: ${output}`);
    return Number(text);
  };
  return {
    requestsPerSecond: number(/^finished in .*, ([\d.]+) req\/s/m),
    succeeded: Math.min(
      number(/^requests: .*?(\d+) succeeded/m),
      number(/^status codes: (\d+) 2xx/m),
    ),
    dataBytes: number(/\((\d+)\) data$/m),
  };
}

/**
 * Runs a load to its end.
 *
 * @returns requests a second
 * @throws Error unless every response was 2xx, and all bodies together have the right length
 */
export async function runH2load(load: Load): Promise<number> {
  const output = await new Promise<string>((resolve, reject) => {
    execFile(load.program, argumentsOf(load), { timeout: TIMEOUT_MS }, (error, stdout) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`h2load: ${error.killed ? 'not done in time' : error.message}`));
    });
  });
  const counts = parseH2load(output);
  const expectedBytes = load.requests * load.bodyBytes;
  if (counts.succeeded !== load.requests || counts.dataBytes !== expectedBytes) {
    throw new Error(
      `wrong answers: ${counts.succeeded} of ${load.requests} were 2xx, ` +
        `with ${counts.dataBytes} of ${expectedBytes} bytes`,
    );
  }
  return counts.requestsPerSecond;
}

function argumentsOf(load: Load): string[] {
  return [
    ...(load.protocol === 'http1' ? ['--h1'] : ['-m', String(load.streams)]),
    ...['-t', '1', '-c', String(load.connections), '-n', String(load.requests)],
    ...(load.grpcRequest === undefined
      ? []
      : ['-d', load.grpcRequest, '-H', 'content-type: application/grpc', '-H', 'te: trailers']),
    ...(load.fields ?? []).flatMap((field) => ['-H', field]),
    `http://127.0.0.1:${load.port}${load.path}`,
  ];
}
