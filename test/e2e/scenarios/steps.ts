import type { Manifest } from './manifests.ts';
import type {
  Behaviour,
  ChangeStep,
  Client,
  CountExpectation,
  Expected,
  ExplainStep,
  LoadStep,
  ManyChangesStep,
  MetricStep,
  RefusedStep,
  Request,
  SeenStep,
  SendStep,
  Session,
  StatusStep,
  Step,
  WebSocketStep,
} from './scenario.ts';

/** What may be said of a request besides method and URL. */
export interface RequestOptions extends Partial<Omit<Request, 'method' | 'url'>> {
  /** What the application is to do with it. */
  readonly behave?: Behaviour;
}

/** Longer than anything here takes, shorter than a test may. */
const TIMEOUT_MS = 20_000;

export function request(method: string, url: string, options: RequestOptions = {}): Request {
  const { behave, headers = {}, ...rest } = options;
  const told = behave === undefined ? {} : { 'x-behave': JSON.stringify(behave) };
  return {
    ...{ method, url, body: '', protocol: 'http1', connection: 'kept', timeoutMs: TIMEOUT_MS },
    session: undefined,
    ...rest,
    headers: { ...headers, ...told },
  };
}

export function get(url: string, options?: RequestOptions): Request {
  return request('GET', url, options);
}

export function post(url: string, options?: RequestOptions): Request {
  return request('POST', url, options);
}

/** A call of gRPC, whose message is a text. */
export function call(url: string, options?: RequestOptions): Request {
  return request('POST', url, { ...options, protocol: 'grpc' });
}

/** So many clients that show the cookies they were told, and a header. */
export function clients(name: string, count: number, header = ''): Session {
  return { name, clients: count, header };
}

/** How a request is sent. */
export interface SendOptions {
  readonly from?: Client;
  readonly count?: number;
  readonly atOnce?: number;
  readonly everyMs?: number;
}

/** Sends a request, or several, and looks at what comes back. */
export function send(request: Request, expected: Expected, options: SendOptions = {}): SendStep {
  const defaults = { from: 'client', count: 1, atOnce: 1, everyMs: 0 } as const;
  return { kind: 'send', eventually: false, ...defaults, ...options, request, expected };
}

/** The same again and again until it holds. */
export function eventually(
  request: Request,
  expected: Expected,
  options: SendOptions = {},
): SendStep {
  return { ...send(request, expected, options), eventually: true };
}

export function change(...apply: readonly Manifest[]): ChangeStep {
  return { kind: 'change', apply, remove: [] };
}

export function remove(...objects: readonly Manifest[]): ChangeStep {
  return { kind: 'change', apply: [], remove: objects };
}

export function changes(count: number, apply: ManyChangesStep['apply']): ManyChangesStep {
  return { kind: 'changes', count, apply };
}

/** Requests at a steady rate while steps are taken. */
export function underLoad(
  request: Request,
  perSecond: number,
  during: readonly Step[],
  expected: LoadStep['expected'],
): LoadStep {
  return { kind: 'load', from: 'client', request, perSecond, during, expected };
}

export function webSocket(url: string, during: readonly Step[]): WebSocketStep {
  return { kind: 'webSocket', from: 'client', url, during };
}

/** @param verdict `Accepted: True Accepted`: type, status and reason of a condition */
export function status(object: Manifest, verdict: string, message?: RegExp): StatusStep {
  const [, condition = '', status, reason = ''] = /^(\w+): (True|False) (\w+)$/.exec(verdict) ?? [];
  if (status !== 'True' && status !== 'False') throw new Error(`no verdict: ${verdict}`);
  return { kind: 'status', object, condition, status, reason, message };
}

export function refused(object: Manifest, message: RegExp): RefusedStep {
  return { kind: 'refused', object, message };
}

/** How many requests with a key came to a version, or to several together, and what they were like. */
export function seen(
  version: string | readonly string[],
  key: string,
  count: CountExpectation,
  received?: Expected['received'],
): SeenStep {
  return { kind: 'seen', versions: [version].flat(), key, count, received };
}

/** The answer of the client's sidecar to the question what would become of a request. */
export function explained(
  request: Request,
  outcome: RegExp,
  { rules, says = [] }: Partial<Pick<ExplainStep, 'rules' | 'says'>> = {},
): ExplainStep {
  return { kind: 'explain', from: 'client', request, outcome, rules, says };
}

/** A counter of a sidecar; series with these labels are added up. */
export function metric(
  from: Client,
  name: string,
  labels: MetricStep['labels'],
  value: CountExpectation,
): MetricStep {
  return { kind: 'metric', from, name, labels, value };
}
