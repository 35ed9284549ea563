import type { Manifest } from './manifests.ts';

/**
 * Something that the mesh promises, as anybody could try it out: ordinary manifests,
 * and what is then asked of it. The same scenarios run in local mode (`npm test`) and
 * on a cluster (`npm run e2e`).
 */
export interface Scenario {
  /** A sentence that holds. */
  readonly name: string;
  /** Applied before the steps, and in force when they begin; taken away after them. */
  readonly apply?: readonly Manifest[];
  /** It is the sidecars of the application that act on it: they have to know, too. */
  readonly enforcedBy?: 'callees';
  readonly steps: readonly Step[];
}

/** A pod from which requests are sent, see `workloads.ts`. */
export type Client = 'client' | 'consumer' | 'restricted' | 'outsider';

/** How the application is to treat a request; sent as JSON in `x-behave`. */
export interface Behaviour {
  /** In these versions alone; elsewhere all goes well. */
  readonly on?: readonly string[];
  /** Requests with this key are counted, by each version for itself, and can be looked at by `seen`. */
  readonly key?: string;
  /** Only the first so many requests with the key are treated so. */
  readonly first?: number;
  readonly status?: number;
  readonly grpcStatus?: number;
  /** Before the answer. */
  readonly delayMs?: number;
  /** Between the two halves of the body. */
  readonly slowBodyMs?: number;
  /** The connection, or stream, is reset instead of an answer ... */
  readonly reset?: true;
  /** ... or in the middle of the body. */
  readonly resetMidway?: true;
  /** Of the answer. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Clients that show what responses told them: cookies, and a header. */
export interface Session {
  /** They are the same ones in every step. */
  readonly name: string;
  /** So many take turns. */
  readonly clients: number;
  /** Empty: cookies alone. */
  readonly header: string;
}

export interface Request {
  readonly method: string;
  /** Of `https:`, the server name is the header `host`, where there is one. */
  readonly url: string;
  /** In values, `{n}` stands for the number of the request. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly protocol: 'http1' | 'http2' | 'grpc';
  readonly connection: 'kept' | 'new';
  readonly timeoutMs: number;
  readonly session: Session | undefined;
}

/** What came back, as the agent tells it. */
export interface Result {
  /** 0: no answer. */
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body: string;
  /** Why there is no whole answer. */
  readonly error: string;
  readonly ms: number;
  /** Whose request it was; empty where clients keep nothing. */
  readonly session: string;
}

/** What the application says that it received. */
export interface Received {
  readonly version: string;
  readonly pod: string;
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly host: string;
  readonly httpVersion: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Of the body. */
  readonly bytes: number;
  /** Requests with this key so far, with this one. */
  readonly count: number;
}

/** A text as it is, what it looks like, or (null) that there is none. */
export type TextExpectation = string | RegExp | null;
/** Exactly so many, or between two bounds. */
export type CountExpectation = number | { readonly atLeast?: number; readonly atMost?: number };

/** What all results of a step are to be like. What is absent is not looked at, but for `status`. */
export interface Expected {
  /** Default: 200, and a whole answer. 0: no answer, or half of one. */
  readonly status?: number;
  /** Statuses, each with how many answers have it; takes the place of `status`. */
  readonly statuses?: Readonly<Record<number, CountExpectation>>;
  /** The version that answered every request. */
  readonly from?: string;
  /** Versions that may have answered, each with its share in percent; within what chance allows. */
  readonly shares?: Readonly<Record<string, number>>;
  /** Versions, each with how many answers are its own; others must not answer. */
  readonly counts?: Readonly<Record<string, CountExpectation>>;
  /** How many pods answered. */
  readonly pods?: CountExpectation;
  /** How many pods answered each of the clients with a session. */
  readonly podsOfEach?: CountExpectation;
  /** `x-remora-error` */
  readonly error?: TextExpectation;
  readonly headers?: Readonly<Record<string, TextExpectation>>;
  readonly body?: TextExpectation;
  readonly grpcStatus?: number;
  /** What came to the application. */
  readonly received?: {
    readonly [F in 'method' | 'path' | 'host' | 'body' | 'httpVersion']?: TextExpectation;
  } & {
    readonly headers?: Readonly<Record<string, TextExpectation>>;
    readonly bytes?: number;
    /** Of requests with this key, with this one. */
    readonly count?: CountExpectation;
  };
  /** A lower bound of the time that each took. */
  readonly atLeastMs?: number;
  /** An upper bound, wide enough for a busy machine. */
  readonly atMostMs?: number;
}

/** Requests, and what each and all of them are to bring. */
export interface SendStep {
  readonly kind: 'send';
  readonly from: Client;
  readonly request: Request;
  readonly count: number;
  /** So many at a time. */
  readonly atOnce: number;
  readonly everyMs: number;
  readonly expected: Expected;
  /** Again and again until it holds; for what takes its time by nature. */
  readonly eventually: boolean;
}

/** Puts these manifests in the place of those of the scenario with the same names, and waits until they are in force. */
export interface ChangeStep {
  readonly kind: 'change';
  readonly apply: readonly Manifest[];
  /** Objects that go. */
  readonly remove: readonly Manifest[];
}

/** Changes again and again, each time in force before the next. */
export interface ManyChangesStep {
  readonly kind: 'changes';
  readonly count: number;
  apply(n: number): readonly Manifest[];
}

/** Requests at a steady rate while other steps are taken. */
export interface LoadStep {
  readonly kind: 'load';
  readonly from: Client;
  readonly request: Request;
  readonly perSecond: number;
  readonly during: readonly Step[];
  /** `200 v1`, `503`, or an error, each with how many; what is not named must not occur. */
  readonly expected: Readonly<Record<string, CountExpectation>>;
}

/** A WebSocket that has to answer before, during and after other steps. */
export interface WebSocketStep {
  readonly kind: 'webSocket';
  readonly from: Client;
  readonly url: string;
  readonly during: readonly Step[];
}

/** A condition in the status of an object. */
export interface StatusStep {
  readonly kind: 'status';
  readonly object: Manifest;
  readonly condition: string;
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: RegExp | undefined;
}

/** The object is refused when it is applied, or named as wrong: the message is what a user reads. */
export interface RefusedStep {
  readonly kind: 'refused';
  readonly object: Manifest;
  readonly message: RegExp;
}

/** What came to versions with a key, to all of them together, sooner or later. */
export interface SeenStep {
  readonly kind: 'seen';
  readonly versions: readonly string[];
  readonly key: string;
  readonly count: CountExpectation;
  /** Of each. */
  readonly received: Expected['received'];
}

/** What the client's sidecar says would become of a request. */
export interface ExplainStep {
  readonly kind: 'explain';
  readonly from: Client;
  readonly request: Request;
  readonly outcome: RegExp;
  /** By name, with what became of each. */
  readonly rules: Readonly<Record<string, string>> | undefined;
  /** Somewhere in the answer. */
  readonly says: readonly RegExp[];
}

/** A counter of a sidecar, sooner or later. */
export interface MetricStep {
  readonly kind: 'metric';
  readonly from: Client;
  readonly name: string;
  /** Series that have these are added up. */
  readonly labels: Readonly<Record<string, string>>;
  readonly value: CountExpectation;
}

export type Step =
  | ExplainStep
  | MetricStep
  | SendStep
  | ChangeStep
  | ManyChangesStep
  | LoadStep
  | WebSocketStep
  | StatusStep
  | RefusedStep
  | SeenStep;
