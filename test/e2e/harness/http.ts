import { execute } from './kubectl.ts';

/** What `programs/fetch.py` tells of one request. */
export interface Fetched {
  /** 0 when there was no response. */
  status: number;
  error: string;
  seconds: number;
  /** Seconds since the epoch, by the pod's clock, when the answer was complete. */
  at: number;
  headers: Record<string, string>;
  /** JSON where the answer was JSON, else text. */
  body: unknown;
}

/** What `programs/echo.py` answers. */
export interface Echo {
  pod: string;
  version: string;
  path: string;
  headers: Record<string, string>;
  received: string;
}

export interface FetchOptions {
  count?: number;
  /** One connection for all requests. */
  keep?: boolean;
  timeoutSeconds?: number;
  intervalSeconds?: number;
  /** Stops at the first answer whose body holds this. */
  untilText?: string;
  headers?: Readonly<Record<string, string>>;
}

/** Sends requests from within a pod (`deployment/client`), one after the other. */
export async function fetchFrom(
  namespace: string,
  pod: string,
  url: string,
  options: FetchOptions = {},
): Promise<Fetched[]> {
  const { count = 1, timeoutSeconds = 10, intervalSeconds = 0 } = options;
  const output = await execute({ namespace, pod, container: 'app' }, [
    'python3',
    '/programs/fetch.py',
    '--count',
    String(count),
    '--timeout',
    String(timeoutSeconds),
    '--interval',
    String(intervalSeconds),
    ...(options.untilText === undefined ? [] : ['--until', options.untilText]),
    ...(options.keep === true ? ['--keep'] : []),
    ...Object.entries(options.headers ?? {}).flatMap(([name, value]) => [
      '--header',
      `${name}: ${value}`,
    ]),
    url,
  ]);
  return JSON.parse(output) as Fetched[];
}

/** One request. */
export async function fetchOnce(
  namespace: string,
  pod: string,
  url: string,
  options: Omit<FetchOptions, 'count' | 'keep'> = {},
): Promise<Fetched> {
  const [result] = await fetchFrom(namespace, pod, url, options);
  if (result === undefined) throw new Error(`no result of ${url}`);
  return result;
}

/** One request to an echo server; fails unless it answered 200. */
export async function echo(
  namespace: string,
  pod: string,
  url: string,
  options: Omit<FetchOptions, 'count' | 'keep'> = {},
): Promise<Echo> {
  const result = await fetchOnce(namespace, pod, url, options);
  if (result.status !== 200) {
    throw new Error(
      `${url} answered ${result.status} ${result.error} ${JSON.stringify(result.headers)} ${JSON.stringify(result.body)}`,
    );
  }
  return result.body as Echo;
}
