import { until } from '../fakes/until.ts';
import { RawConnection, type RawResponse } from './raw-connection.ts';
import { formatSeen, SEEN_HEADER, type Server } from './servers/server.ts';
import { type Expectation, get, type Seen, type Vector } from './vector.ts';

export interface LaneOptions {
  readonly server: Server;
  /** Of the sidecar in front of the server. */
  readonly port: number;
  /** A rule on this way looks at paths. */
  readonly byPath: boolean;
  /** What the sidecar tells the server of the client; `-` when nothing. */
  readonly trust: string;
}

/**
 * One way to one server. Sends vectors, and after each a request on the same
 * connection and one of another client, who must get their own answers.
 */
export class Lane implements AsyncDisposable {
  readonly #options: LaneOptions;
  #bystander: RawConnection | undefined;
  #count = 0;
  #seenBefore = 0;
  #loggedBefore = 0;
  /** Requests that began before and may be logged late, when they have ended. */
  readonly #begun: string[] = [];

  constructor(options: LaneOptions) {
    this.#options = options;
    this.#seenBefore = options.server.seen.length;
    this.#loggedBefore = options.server.log?.length ?? 0;
  }

  /** What was wrong; empty when all was as it must be. */
  async run(vector: Vector): Promise<string[]> {
    const { server, byPath, trust } = this.#options;
    this.#count += 1;
    const planned = (byPath ? vector.expectedByPath : undefined) ?? vector.expected;
    const expected = { ...planned, seen: planned.seen.map((one) => ({ ...one, trust })) };
    const mayAnswer = vector.ownAnswerBy?.includes(server.name) === true;
    const client = await this.#exchange(vector, expected);
    const bystander = await this.#askBystander();
    const problems = [
      ...checkResponses(client, expected, mayAnswer, this.#canary),
      ...bystander,
      ...this.#checkSeen(expected, mayAnswer),
      ...this.#checkLog(vector, expected, mayAnswer),
    ];
    return problems;
  }

  /** @throws Error when not even a plain request comes through */
  async start(): Promise<void> {
    const problems = await this.#askBystander();
    if (problems.length > 0) throw new Error(problems.join('; '));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#bystander?.close();
  }

  get #canary(): string {
    return `/canary/${this.#count}`;
  }

  async #exchange(vector: Vector, expected: Expectation): Promise<RawConnection> {
    const methods = [...expected.seen.map(({ method }) => method), 'GET'];
    const client = await RawConnection.open(this.#options.port, methods);
    for (const [index, piece] of vector.pieces.entries()) {
      if (index > 0) await client.wait(() => client.interims + client.responses.length > 0);
      client.send(piece);
    }
    if (vector.ends === true) client.end();
    const answers = expected.seen.length + (expected.refusal === undefined ? 0 : 1);
    await client.wait(() => client.responses.length >= answers);
    if (vector.ends !== true) client.send(get(this.#canary, 'Connection: close\r\n'));
    await client.wait(() => false);
    client.close();
    return client;
  }

  /** Somebody else, whose requests may share connections to the server with those of the attacker. */
  async #askBystander(): Promise<string[]> {
    const target = `/bystander/${this.#count}`;
    if (this.#bystander === undefined || this.#bystander.over) {
      this.#bystander = await RawConnection.open(this.#options.port, ['GET']);
    }
    const bystander = this.#bystander;
    const before = bystander.responses.length;
    bystander.send(get(target));
    await bystander.wait(() => bystander.responses.length > before);
    const response = bystander.responses[before];
    if (response?.headers.get(SEEN_HEADER)?.startsWith(`GET ${target} `) !== true) {
      bystander.close();
      this.#bystander = undefined;
      return [`the bystander got ${describe(response)}`];
    }
    const { server } = this.#options;
    const isThere = (): boolean =>
      server.seen.some((one) => one.target === target) &&
      (server.log === undefined || server.log.includes(`GET ${target}`));
    await until(isThere, 'the line about the bystander');
    return [];
  }

  #checkSeen(expected: Expectation, mayAnswer: boolean): string[] {
    const { seen } = this.#options.server;
    const found = seen.slice(this.#seenBefore).filter((one) => !this.#isOwn(one.target));
    this.#seenBefore = seen.length;
    return compare(
      'the server read',
      found.map(formatSeen),
      expected.seen.map(formatSeen),
      mayAnswer,
    );
  }

  #checkLog(vector: Vector, expected: Expectation, mayAnswer: boolean): string[] {
    const { log } = this.#options.server;
    if (log === undefined) return [];
    if (expected.begun === true) this.#begun.push(beginOf(vector));
    const wanted = expected.seen.map(({ method, target }) => `${method} ${target}`);
    const found: string[] = [];
    for (const line of log.slice(this.#loggedBefore)) {
      if (this.#isOwn(line.split(' ')[1] ?? '')) continue;
      const late = wanted[found.length] === line ? -1 : this.#begun.indexOf(line);
      if (late >= 0) this.#begun.splice(late, 1);
      else found.push(line);
    }
    this.#loggedBefore = log.length;
    return compare('the proxy before the server read', found, wanted, mayAnswer);
  }

  #isOwn(target: string): boolean {
    return target.startsWith('/canary/') || target.startsWith('/bystander/');
  }
}

/** How a log names the request that began and did not end. */
function beginOf({ pieces }: Vector): string {
  return (pieces[0] ?? '').split(' ', 2).join(' ');
}

function checkResponses(
  client: RawConnection,
  expected: Expectation,
  mayAnswer: boolean,
  canary: string,
): string[] {
  const problems: string[] = [];
  const responses = [...client.responses];
  for (const one of expected.seen) {
    const response = responses.shift();
    if (isAnswerTo(response, one)) continue;
    if (mayAnswer && isOwnAnswer(response)) continue;
    problems.push(`instead of an answer to "${formatSeen(one)}" came ${describe(response)}`);
  }
  const { refusal } = expected;
  if (refusal !== undefined) {
    const response = responses.shift();
    const code = response?.headers.get('x-remora-error');
    if (response?.status !== refusal.status || code !== refusal.code) {
      problems.push(`instead of ${refusal.status} ${refusal.code} came ${describe(response)}`);
    }
  }
  const last = responses.shift();
  if (last !== undefined) {
    const own = last.headers.get(SEEN_HEADER)?.startsWith(`GET ${canary} `) === true;
    if (!own) problems.push(`the next request on the connection got ${describe(last)}`);
    if (refusal?.goesOn === false) problems.push('the connection went on after a refusal');
  }
  if (responses.length > 0) problems.push(`${responses.length} answers too many`);
  if (client.rest !== '')
    problems.push(`no answer at all: ${JSON.stringify(client.rest.slice(0, 200))}`);
  if (!client.over) problems.push('the connection stayed open');
  return problems;
}

function isAnswerTo(response: RawResponse | undefined, one: Seen): boolean {
  return response?.status === 200 && response.headers.get(SEEN_HEADER) === formatSeen(one);
}

/** Of its own will, or because it closed the connection instead of answering. */
function isOwnAnswer(response: RawResponse | undefined): boolean {
  if (response === undefined || response.headers.has(SEEN_HEADER)) return false;
  const code = response.headers.get('x-remora-error');
  return code === undefined || code.startsWith('upstream-');
}

function compare(
  what: string,
  found: readonly string[],
  wanted: readonly string[],
  mayAnswer: boolean,
): string[] {
  if (found.join('\n') === wanted.join('\n')) return [];
  if (mayAnswer && found.every((line) => wanted.includes(line) || line.startsWith('<'))) return [];
  return [`${what} ${JSON.stringify(found)} instead of ${JSON.stringify(wanted)}`];
}

function describe(response: RawResponse | undefined): string {
  if (response === undefined) return 'nothing';
  const { status, headers, body } = response;
  const code = headers.get('x-remora-error') ?? headers.get(SEEN_HEADER) ?? body.slice(0, 80);
  return `${status} ${JSON.stringify(code)}`;
}
