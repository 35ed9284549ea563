import { createRequire } from 'node:module';
import type * as RedisLibrary from '@redis/client';
import type { Clock, Timer } from '../../../runtime/clock.ts';
import { describeError } from '../../../runtime/errors.ts';
import type { Log } from '../../../runtime/log.ts';
import { TAKE_SCRIPT, TAKE_SHA } from './redis-script.ts';

/** Until it is tried again. */
const RETRY_MS = 1_000;
/** For opening a connection, and for its first answer. */
const CONNECT_TIMEOUT_MS = 2_000;
/** So many answers in a row that did not come in time end a connection. */
const MAX_LATE = 3;
/** Questions that wait for their answer; further ones get none. */
const MAX_PENDING = 10_000;

/** Asked for when there is the first store: it takes 19 MB and 30 ms to load. */
const load = createRequire(import.meta.url);

/** A bucket, as the script has it. */
export interface StoredBucket {
  readonly key: string;
  readonly intervalUs: number;
  readonly burst: number;
}

/** What became of a bucket. */
export interface StoredState {
  /** How long until there is a token; 0 when one was taken. */
  readonly waitMs: number;
  readonly remaining: number;
  readonly fullInMs: number;
}

/** Why there is no answer. */
export type StoreFailure = 'timeout' | 'unreachable' | 'error';

type Connection = ReturnType<typeof connectTo>;

type State =
  /** The first connection is being made: whoever asks waits for it, within bounds. */
  | { readonly kind: 'connecting'; readonly connection: Connection }
  | { readonly kind: 'ready'; readonly connection: Connection }
  /** Nobody waits: it is tried again in the background. */
  | { readonly kind: 'down'; readonly connection?: Connection }
  | { readonly kind: 'stopped' };

export interface RedisStoreOptions {
  readonly host: string;
  readonly port: number;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Token buckets in a Redis, for all sidecars together. It holds nobody up for longer
 * than they say: while it does not answer, all are told so at once, and a connection is
 * tried in the background once a second.
 */
export class RedisStore {
  readonly #options: RedisStoreOptions;
  readonly #waiting = new Set<(failure: StoreFailure | undefined) => void>();
  #state: State = { kind: 'down' };
  #pending = 0;
  #late = 0;
  #retry: Timer | undefined;

  constructor(options: RedisStoreOptions) {
    this.#options = options;
    this.#connect('connecting');
  }

  /** Asking is of no use now: {@link take} would say `unreachable`. */
  get isDown(): boolean {
    const { kind } = this.#state;
    return kind === 'down' || kind === 'stopped';
  }

  /**
   * Takes a token out of each bucket when each has one. `told` is called once, later and
   * never within the call.
   */
  take(
    buckets: readonly StoredBucket[],
    timeoutMs: number,
    told: (answer: readonly StoredState[] | StoreFailure) => void,
  ): void {
    let open = true;
    const timer = this.#options.clock.setTimeout(() => {
      answer('timeout');
      if (this.#state.kind === 'ready' && ++this.#late >= MAX_LATE) {
        this.#goDown(this.#state.connection, new Error(`${MAX_LATE} answers in a row were late`));
      }
    }, timeoutMs);
    const answer = (result: readonly StoredState[] | StoreFailure): void => {
      if (!open) return;
      open = false;
      timer.cancel();
      told(result);
    };
    if (this.#state.kind === 'connecting') {
      this.#waiting.add((failure) => {
        if (failure === undefined && open) this.#ask(buckets, answer);
        else answer(failure ?? 'timeout');
      });
    } else {
      queueMicrotask(() => this.#ask(buckets, answer));
    }
  }

  /** Whoever waits is told that there is no answer. */
  stop(): void {
    const { connection } = this.#state as { connection?: Connection };
    this.#state = { kind: 'stopped' };
    this.#retry?.cancel();
    if (connection !== undefined) discard(connection);
    this.#release('unreachable');
  }

  #ask(
    buckets: readonly StoredBucket[],
    answer: (result: readonly StoredState[] | StoreFailure) => void,
  ): void {
    const state = this.#state;
    if (state.kind !== 'ready' || this.#pending >= MAX_PENDING) {
      answer('unreachable');
      return;
    }
    const { connection } = state;
    this.#pending += 1;
    run(connection, buckets).then(
      (states) => {
        this.#pending -= 1;
        this.#late = 0;
        answer(states);
      },
      (error: unknown) => {
        this.#pending -= 1;
        if (error instanceof library().ErrorReply) {
          // It is there, and cannot do this.
          answer('error');
          return;
        }
        answer('unreachable');
        this.#goDown(connection, error);
      },
    );
  }

  #connect(kind: 'connecting' | 'down'): void {
    const { host, port, clock, log } = this.#options;
    const connection = connectTo(host, port);
    this.#state = { kind, connection };
    connection.on('error', (error) => this.#goDown(connection, error));
    const timer = clock.setTimeout(
      () => this.#goDown(connection, new Error('it did not answer in time')),
      CONNECT_TIMEOUT_MS,
    );
    connection
      .connect()
      // A machine may accept connections for a program that hangs.
      .then(() => connection.sendCommand(['SCRIPT', 'LOAD', TAKE_SCRIPT]))
      .then(
        () => {
          timer.cancel();
          if (!this.#isCurrent(connection)) return;
          this.#state = { kind: 'ready', connection };
          this.#late = 0;
          if (kind === 'down') log.info({ redis: `${host}:${port}` }, 'rate limit store is back');
          this.#release(undefined);
        },
        (error: unknown) => {
          timer.cancel();
          this.#goDown(connection, error);
        },
      );
  }

  #goDown(connection: Connection, error: unknown): void {
    if (!this.#isCurrent(connection)) return;
    const { host, port, clock, log } = this.#options;
    if (!this.isDown) {
      const redis = `${host}:${port}`;
      log.warn({ redis, error: describeError(error) }, 'rate limit store does not answer');
    }
    this.#state = { kind: 'down' };
    discard(connection);
    this.#release('unreachable');
    this.#retry = clock.setTimeout(() => this.#connect('down'), RETRY_MS);
  }

  #isCurrent(connection: Connection): boolean {
    return 'connection' in this.#state && this.#state.connection === connection;
  }

  #release(failure: StoreFailure | undefined): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const tell of waiting) tell(failure);
  }
}

function library(): typeof RedisLibrary {
  return load('@redis/client') as typeof RedisLibrary;
}

function connectTo(host: string, port: number) {
  return library().createClient({
    socket: { host, port, connectTimeout: CONNECT_TIMEOUT_MS, reconnectStrategy: false },
    RESP: 2,
    disableOfflineQueue: true,
    disableClientInfo: true,
    maintNotifications: 'disabled',
  });
}

/** What it says afterwards concerns nobody. */
function discard(connection: Connection): void {
  connection.removeAllListeners('error');
  connection.on('error', () => {});
  try {
    connection.destroy();
  } catch {
    // It was never opened, or is closed already.
  }
}

async function run(
  connection: Connection,
  buckets: readonly StoredBucket[],
): Promise<readonly StoredState[]> {
  const keys = buckets.map(({ key }) => key);
  const numbers = buckets.flatMap(({ intervalUs, burst }) => [String(intervalUs), String(burst)]);
  const rest = [String(keys.length), ...keys, ...numbers];
  let reply: unknown;
  try {
    reply = await connection.sendCommand(['EVALSHA', TAKE_SHA, ...rest]);
  } catch (error) {
    // It was told to forget its scripts.
    if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
    reply = await connection.sendCommand(['EVAL', TAKE_SCRIPT, ...rest]);
  }
  return readStates(reply, buckets.length);
}

function readStates(reply: unknown, count: number): StoredState[] {
  if (!Array.isArray(reply) || reply.length !== 3 * count) {
    throw new Error('the reply is not what the script gives');
  }
  return Array.from({ length: count }, (_, i) => ({
    waitMs: Number(reply[3 * i]) / 1000,
    remaining: Number(reply[3 * i + 1]),
    fullInMs: Number(reply[3 * i + 2]) / 1000,
  }));
}
