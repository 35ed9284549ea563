import type { Clock, Timer } from '../../runtime/clock.ts';
import { MeshError } from '../../runtime/errors.ts';
import type { EventLog } from '../../runtime/throttled-log.ts';
import type { AccessLog } from '../access-log/access-log.ts';
import type { Endpoint, Protocol } from '../config/types.ts';
import type { HttpConnection, HttpContext } from '../context.ts';
import { countHttpConnection } from '../count-connection.ts';
import { DRAIN_GRACE_MS, serveHttp1 } from '../http1/serve.ts';
import type { ConnectionTable, ConnectionWay, TcpPolicy } from '../route/connections.ts';
import { serveHttp2 } from '../streams/serve.ts';
import type { ConnectionRecord, Direction, Party, TrafficObserver } from '../telemetry/types.ts';
import type { OwnedTransport, TransportHandler } from '../transport.ts';
import type { Acquisition, Cluster, UpstreamConnection } from '../upstream/types.ts';
import { NOBODY } from './accepted-connection.ts';
import type { ClientHello } from './client-hello.ts';
import { beginsHttp2Server, type ServerFirstPorts } from './detect.ts';
import { isHttp, judgeFirstBytes, type Verdict } from './first-bytes.ts';
import { type ConnectionEnd, endBeforeRelay, endOfRelay, logConnection } from './log-connection.ts';
import type { OpenConnection } from './open-connections.ts';
import { Relay } from './relay.ts';

/** A client that is silent for this long may be waiting for the server to speak. */
const SILENCE_MS = 50;
/**
 * For the rest of what says which protocol it is, where much depends on it: of a ClientHello that a
 * rule is going to look at, or of a preface of HTTP/2. As the codec of HTTP/2 has it.
 */
const PATIENCE_MS = 10_000;
/** A client of a declared HTTP port may open a connection ahead of its first request. */
const FIRST_BYTE_TIMEOUT_MS = 300_000;

/** All that was decided about a connection before its first byte. */
export interface ConnectionPlan {
  readonly direction: Direction;
  readonly protocol: Protocol;
  /** Under which it is remembered that servers speak first there. */
  readonly key: string;
  /** `host:port` */
  readonly originalDestination: string;
  /** `<namespace>/<name>`; empty when no service is meant. */
  readonly service: string;
  readonly source: Party;
  /** Of an inbound connection; outbound it is the endpoint's workload. */
  readonly destination: Party;
  /** The accepted connection itself is protected. */
  readonly mutualTls: boolean;
  /** For connections that are not HTTP. */
  readonly cluster: Cluster;
  readonly tcp: TcpPolicy;
  /** Decides instead, where there are rules. */
  readonly connections?: ConnectionTable | undefined;
  readonly http: HttpContext;
}

export interface DownstreamOptions {
  readonly serverFirst: ServerFirstPorts;
  readonly observer: TrafficObserver;
  readonly clock: Clock;
  readonly log: EventLog;
  readonly accessLog?: AccessLog | undefined;
}

/**
 * - *peeking*: the client has not said enough to know the protocol.
 * - *racing*: the client was silent, so an upstream is open (or being opened);
 *   who speaks first decides.
 * - *connecting*: it is not HTTP, and waits for an upstream.
 * - *relay*, *http*: decided.
 */
type State =
  | { readonly name: 'peeking' | 'racing' | 'connecting' | 'closed' }
  | { readonly name: 'relay'; readonly relay: Relay }
  | { readonly name: 'http'; readonly connection: HttpConnection };

/**
 * An accepted connection whose destination is known: finds out its protocol, and
 * hands it to the HTTP engine or relays it.
 */
export class DownstreamConnection implements OpenConnection, TransportHandler {
  readonly #transport: OwnedTransport;
  readonly #plan: ConnectionPlan;
  readonly #options: DownstreamOptions;
  #state: State = { name: 'peeking' };
  #first: Buffer | undefined;
  /** The time for more of what the client began to say runs, or has run. */
  #askedForMore = false;
  #hello: ClientHello | undefined;
  #draining = false;
  #timer: Timer | undefined;
  #acquisition: Acquisition | undefined;
  #upstream: UpstreamConnection | undefined;
  /** What it said before the client said anything. */
  #fromUpstream: Buffer | undefined;
  readonly #tried: Endpoint[] = [];
  /** Why there is no upstream, once that is certain. */
  #refusal: MeshError | undefined;
  readonly #startedMs: number;
  /** Of what is not HTTP. */
  #way: ConnectionWay;

  constructor(transport: OwnedTransport, plan: ConnectionPlan, options: DownstreamOptions) {
    this.#transport = transport;
    this.#plan = plan;
    this.#options = options;
    this.#startedMs = options.clock.monotonicMs();
    this.#way = plan;
  }

  /**
   * @param first bytes that were read already
   * @param upstream where the connection may go, opened ahead
   */
  start(first?: Buffer, upstream?: UpstreamConnection): void {
    const { protocol, key, connections } = this.#plan;
    // Of TLS the hello is looked at; a port that was declared so by mistake works as well.
    const peeks = protocol === 'detect' || protocol === 'tls';
    this.#transport.attach(this);
    if (isHttp(protocol)) {
      upstream?.release(true);
      this.#arm(FIRST_BYTE_TIMEOUT_MS, () => this.destroy());
    } else if (connections?.needsFirstBytes === true) {
      this.#arm(FIRST_BYTE_TIMEOUT_MS, () => this.destroy());
    } else if (upstream !== undefined) {
      this.#state = { name: peeks ? 'racing' : 'connecting' };
      this.#first = peeks ? undefined : first;
      this.#onUpstream(upstream);
      if (!peeks) return;
    } else if (peeks) {
      const silenceMs = this.#options.serverFirst.has(key) ? 0 : SILENCE_MS;
      if (silenceMs === 0 && first === undefined) this.#race();
      else this.#arm(SILENCE_MS, () => this.#race());
    } else {
      this.#first = first;
      this.#becomeTcp();
      return;
    }
    if (first !== undefined && first.length > 0) this.onData(first);
    if (this.#state.name === 'peeking' || this.#state.name === 'racing') this.#transport.resume();
  }

  get idleSinceMs(): number | undefined {
    const { name } = this.#state;
    if (this.#state.name === 'http') return this.#state.connection.idleSinceMs;
    // Whose protocol is not known yet has asked for nothing.
    return name === 'peeking' || name === 'racing' ? this.#startedMs : undefined;
  }

  drain(): void {
    if (this.#state.name === 'http') this.#state.connection.drain();
    this.#draining = true;
    if (this.#state.name !== 'peeking' || this.#first !== undefined) return;
    // Nothing is owed, but a first request may be on its way.
    if (isHttp(this.#plan.protocol)) this.#arm(DRAIN_GRACE_MS, () => this.destroy());
  }

  destroy(): void {
    const reason = new MeshError('draining', 'the sidecar closed the connection');
    if (this.#state.name === 'relay') this.#state.relay.destroy(reason);
    else this.#transport.destroy(reason);
  }

  onData(bytes: Buffer): void {
    this.#first = this.#first === undefined ? bytes : Buffer.concat([this.#first, bytes]);
    if (this.#state.name !== 'peeking' && this.#state.name !== 'racing') return;
    const verdict = judgeFirstBytes(this.#plan.protocol, this.#first);
    if (verdict.becomes === 'more') this.#askForMore(verdict);
    else this.#become(verdict.becomes, verdict.hello);
  }

  onEnd(): void {
    if (this.#state.name !== 'peeking' && this.#state.name !== 'racing') return;
    const { protocol } = this.#plan;
    if (this.#first === undefined && isHttp(protocol)) this.#transport.destroy();
    else if (protocol === 'http1') this.#becomeHttp('http1');
    else this.#becomeTcp();
  }

  onDrain(): void {}

  onClose(error: Error | undefined): void {
    this.#timer?.cancel();
    // On a port that was declared HTTP, this was a connection on which nothing was asked.
    if (!isHttp(this.#plan.protocol) || this.#state.name === 'connecting') {
      const bytesIn = this.#first?.length ?? 0;
      this.#log(endBeforeRelay(this.#refusal ?? error, this.#refusal !== undefined, bytesIn));
    }
    this.#state = { name: 'closed' };
    this.#letGo();
  }

  #askForMore({ seems, patience }: Extract<Verdict, { becomes: 'more' }>): void {
    if (patience !== 'each' && this.#askedForMore) return;
    this.#askedForMore = true;
    // Where all depends on it, a slow client is given more time.
    const ruled = this.#plan.connections?.needsFirstBytes === true;
    const waitMs = ruled || patience === 'long' ? PATIENCE_MS : SILENCE_MS;
    this.#arm(waitMs, () => this.#become(seems, undefined));
  }

  #become(protocol: 'http1' | 'http2' | 'tcp', hello: ClientHello | undefined): void {
    const { direction, key } = this.#plan;
    const found = hello === undefined ? protocol : 'tls';
    this.#options.log.debug({ direction, key, protocol: found, ...hello }, 'protocol found');
    this.#hello = hello;
    if (protocol === 'tcp') this.#becomeTcp();
    else this.#becomeHttp(protocol);
  }

  #race(): void {
    this.#state = { name: 'racing' };
    this.#connect();
  }

  #becomeHttp(version: 'http1' | 'http2'): void {
    this.#timer?.cancel();
    this.#letGo(version);
    this.#transport.pause();
    // Outbound it is the connections to the endpoints that count.
    const { direction } = this.#plan;
    if (direction === 'inbound') {
      countHttpConnection(this.#options.observer, this.#transport, this.#plan);
    }
    const serve = version === 'http1' ? serveHttp1 : serveHttp2;
    const connection = serve(this.#transport, this.#first, this.#plan.http);
    this.#first = undefined;
    this.#state = { name: 'http', connection };
    if (this.#draining) connection.drain();
  }

  #becomeTcp(): void {
    this.#timer?.cancel();
    this.#transport.pause();
    this.#state = { name: 'connecting' };
    const way = this.#plan.connections?.select(this.#hello?.serverName) ?? this.#plan;
    if (way instanceof MeshError) {
      const { service, connections } = this.#plan;
      const destination = connections?.destination?.(this.#hello?.serverName) ?? service;
      this.#options.observer.refused(destination, way.code);
      this.#giveUp(way, 'connection refused');
      return;
    }
    // What was opened ahead leads elsewhere.
    if (way.cluster !== this.#way.cluster) this.#letGo();
    this.#way = way;
    if (this.#upstream !== undefined) this.#relay(this.#upstream, this.#fromUpstream);
    else if (this.#acquisition === undefined) this.#connect();
  }

  #connect(): void {
    const { cluster, tcp } = this.#way;
    let done = false;
    const acquisition = cluster.acquire(
      { tried: this.#tried, connectTimeoutMs: tcp.connectTimeoutMs, pooled: false },
      {
        onConnection: (connection) => {
          done = true;
          this.#acquisition = undefined;
          this.#onUpstream(connection);
        },
        onError: (error, endpoint) => {
          done = true;
          this.#acquisition = undefined;
          this.#onConnectFailed(error, endpoint);
        },
      },
    );
    if (!done) this.#acquisition = acquisition;
  }

  #onUpstream(connection: UpstreamConnection): void {
    this.#upstream = connection;
    if (this.#state.name === 'connecting') {
      this.#relay(connection);
      return;
    }
    connection.transport.attach({
      onData: (bytes) => {
        if (this.#fromUpstream === undefined && beginsHttp2Server(bytes)) {
          // It says so whoever calls, and waits for the client as before.
          this.#fromUpstream = bytes;
          connection.transport.pause();
          return;
        }
        this.#options.serverFirst.remember(this.#plan.key);
        this.#relay(connection, bytes);
      },
      onEnd: () => this.#relay(connection),
      onDrain: () => {},
      onClose: (error) => {
        const sentence = 'the server cut the connection before anything was said';
        this.#refusal = new MeshError('upstream-reset', sentence, { cause: error });
        this.#upstream = undefined;
        this.#transport.destroy(error);
      },
    });
    connection.transport.resume();
  }

  #onConnectFailed(error: MeshError, endpoint: Endpoint | undefined): void {
    if (endpoint !== undefined) {
      const { cluster, tcp } = this.#way;
      this.#tried.push(endpoint);
      if (this.#tried.length <= tcp.connectRetries && cluster.hasUntried(this.#tried)) {
        this.#options.observer.retried(this.#service, error.code);
        this.#connect();
        return;
      }
    }
    this.#giveUp(error, 'connection failed');
  }

  /** `<namespace>/<name>`; empty when no service is meant. */
  get #service(): string {
    return this.#way.service ?? this.#plan.service;
  }

  #giveUp(error: MeshError, message: string): void {
    const { direction, key } = this.#plan;
    const what = { direction, service: this.#service, key, code: error.code };
    this.#options.log.info({ ...what, error: error.message }, message);
    this.#refusal = error;
    this.#transport.destroy(error);
  }

  #relay(upstream: UpstreamConnection, fromUpstream?: Buffer): void {
    const { clock, observer } = this.#options;
    this.#timer?.cancel();
    this.#transport.pause();
    upstream.transport.pause();
    const record = this.#record(upstream);
    observer.connectionOpened(record);
    const relay = new Relay(this.#transport, upstream.transport, {
      clock,
      idleTimeoutMs: this.#way.tcp.idleTimeoutMs,
      onEnd: (result) => {
        const { bytesSent, bytesReceived, brokenBy } = result;
        observer.connectionClosed(record, bytesSent, bytesReceived);
        const failed = brokenBy === 'upstream' && bytesReceived === 0;
        upstream.report(failed ? 'gateway-error' : 'success');
        this.#log(endOfRelay(result));
      },
    });
    this.#state = { name: 'relay', relay };
    const first = this.#first;
    this.#first = undefined;
    relay.start(first, fromUpstream);
  }

  #record(upstream: UpstreamConnection): ConnectionRecord {
    const { direction, source, destination, mutualTls } = this.#plan;
    const { workload } = upstream.endpoint;
    const outbound = direction === 'outbound';
    return {
      direction,
      service: this.#service,
      source,
      destination: outbound
        ? { namespace: workload.namespace, workload: workload.workload }
        : destination,
      mutualTls: outbound ? upstream.mutualTls : mutualTls,
      protocol: 'tcp',
    };
  }

  #log(end: ConnectionEnd): void {
    const { accessLog, clock } = this.#options;
    if (accessLog === undefined) return;
    const connection = {
      plan: { ...this.#plan, service: this.#service },
      client: this.#transport.peer,
      hello: this.#hello,
      upstream: this.#upstream,
      durationMs: clock.monotonicMs() - this.#startedMs,
    };
    logConnection(accessLog, connection, end);
  }

  /** An upstream that was opened for a silent client is not wanted any more, or of use to others. */
  #letGo(version?: 'http1' | 'http2'): void {
    this.#acquisition?.cancel();
    this.#acquisition = undefined;
    const upstream = this.#upstream;
    if (upstream === undefined) return;
    this.#upstream = undefined;
    const said = this.#fromUpstream;
    this.#fromUpstream = undefined;
    upstream.transport.attach(NOBODY);
    if (version === 'http2') upstream.share(said);
    else upstream.release(said === undefined);
  }

  #arm(delayMs: number, callback: () => void): void {
    this.#timer?.cancel();
    this.#timer = this.#options.clock.setTimeout(callback, delayMs);
  }
}
