import type { Clock } from '../../runtime/clock.ts';
import type { AccessLogSettings } from '../config/types.ts';
import type { Party } from '../telemetry/types.ts';
import type { Peer } from '../transport.ts';
import type { ConnectionEntry, RequestEntry } from './entry.ts';
import { JsonLine, type Line, TextLine } from './line.ts';

export interface AccessLogOptions {
  readonly settings: AccessLogSettings;
  /** This sidecar's own SPIFFE ID. */
  readonly identity: () => string | undefined;
  readonly clock: Clock;
  readonly output: { write(line: string): void };
}

/** Writes a line for each request and each connection, when it is over. Entries are read during the call only. */
export class AccessLog {
  readonly #options: AccessLogOptions;
  readonly #line: Line;
  readonly #includesQuery: boolean;
  readonly #time: TimeText;

  constructor(options: AccessLogOptions) {
    const { settings, clock } = options;
    this.#options = options;
    this.#line = settings.format === 'json' ? new JsonLine() : new TextLine();
    this.#includesQuery = settings.includesQuery;
    this.#time = new TimeText(clock);
  }

  request(entry: RequestEntry): void {
    const line = this.#line;
    line.begin();
    line.word('time', this.#time.begunBefore(entry.durationMs));
    line.word('direction', entry.direction);
    line.word('protocol', entry.protocol);
    line.text('method', entry.method);
    line.text('authority', entry.authority);
    line.text('path', this.#path(entry));
    if (entry.status > 0) line.number('status', entry.status);
    if (entry.grpcStatus !== undefined) line.number('grpcStatus', entry.grpcStatus);
    this.#end(entry);
    if (entry.responseHeadMs !== undefined) {
      line.number('responseHeadMs', micros(entry.responseHeadMs));
    }
    line.number('attempts', entry.attempts);
    line.text('route', entry.route);
    this.#parties(entry);
    line.word('traceId', entry.traceId);
    line.text('requestId', entry.requestId);
    line.text('userAgent', entry.userAgent);
    this.#options.output.write(line.end());
  }

  connection(entry: ConnectionEntry): void {
    const line = this.#line;
    line.begin();
    line.word('time', this.#time.begunBefore(entry.durationMs));
    line.word('direction', entry.direction);
    line.word('protocol', entry.protocol);
    line.text('originalDestination', entry.originalDestination);
    line.text('serverName', entry.serverName);
    line.text('alpn', entry.alpn.join(','));
    this.#end(entry);
    this.#parties(entry);
    this.#options.output.write(line.end());
  }

  #path({ path, query }: RequestEntry): string {
    return this.#includesQuery && query !== undefined ? `${path}?${query}` : path;
  }

  #end(entry: RequestEntry | ConnectionEntry): void {
    const line = this.#line;
    line.word('outcome', entry.outcome);
    line.text('errorCode', entry.errorCode);
    line.text('error', entry.error);
    line.number('bytesIn', entry.bytesIn);
    line.number('bytesOut', entry.bytesOut);
    line.number('durationMs', micros(entry.durationMs));
  }

  #parties(entry: RequestEntry | ConnectionEntry): void {
    const line = this.#line;
    const { direction, mutualTls, peerIdentity } = entry;
    line.text('service', entry.service);
    line.text('client', addressOf(entry.client));
    line.text('upstream', entry.upstream);
    line.text('source', partyName(entry.source));
    line.text('destination', partyName(entry.destination));
    line.flag('mutualTls', mutualTls);
    if (!mutualTls) return;
    const own = this.#options.identity() ?? '';
    line.text('sourceIdentity', direction === 'outbound' ? own : peerIdentity);
    line.text('destinationIdentity', direction === 'outbound' ? peerIdentity : own);
  }
}

/** Milliseconds with three digits behind the point at most. */
function micros(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}

function partyName({ namespace, workload }: Party): string {
  return `${namespace}/${workload}`;
}

function addressOf({ address, port }: Peer): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** Times as text; that of a whole second is made once. */
class TimeText {
  readonly #clock: Clock;
  #second = -1;
  #secondText = '';

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** ISO 8601 of so many milliseconds ago. */
  begunBefore(durationMs: number): string {
    const wallMs = Math.round(this.#clock.wallMs() - durationMs);
    const second = Math.floor(wallMs / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#secondText = new Date(second * 1000).toISOString().slice(0, 20);
    }
    return `${this.#secondText}${String(wallMs - second * 1000).padStart(3, '0')}Z`;
  }
}
