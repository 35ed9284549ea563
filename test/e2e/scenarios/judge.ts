import type { CountExpectation, Expected, Received, Result, TextExpectation } from './scenario.ts';

/** What is wrong with the results of a step, each as a sentence; empty when nothing is. */
export function judge(expected: Expected, results: readonly Result[]): string[] {
  return [...judgeAll(expected, results), ...judgeEach(expected, results)];
}

/** What is wrong with a number; undefined when nothing is. */
export function judgeCount(
  what: string,
  expected: CountExpectation,
  count: number,
): string | undefined {
  const { atLeast = 0, atMost = Number.POSITIVE_INFINITY } =
    typeof expected === 'number' ? { atLeast: expected, atMost: expected } : expected;
  if (count >= atLeast && count <= atMost) return undefined;
  return `${what}: expected ${describeCount(expected)}, got ${count}`;
}

function describeCount(expected: CountExpectation): string {
  if (typeof expected === 'number') return String(expected);
  const { atLeast, atMost } = expected;
  if (atMost === undefined) return `at least ${atLeast}`;
  return atLeast === undefined ? `at most ${atMost}` : `${atLeast} to ${atMost}`;
}

/** What the application says that it received; undefined when it was not the application that answered. */
export function receivedOf({ body, headers }: Result): Received | undefined {
  if (headers['x-pod'] === undefined) return undefined;
  try {
    return JSON.parse(body) as Received;
  } catch {
    return undefined;
  }
}

export function versionOf({ headers }: Pick<Result, 'headers'>): string {
  return text(headers['x-version']);
}

function judgeAll(expected: Expected, results: readonly Result[]): string[] {
  const { statuses, shares, counts, pods, podsOfEach } = expected;
  const complaints: (string | undefined)[] = [];
  if (statuses !== undefined) {
    const found = tally(results, ({ status }) => String(status));
    for (const status of new Set([...Object.keys(statuses), ...found.keys()])) {
      const count = found.get(status) ?? 0;
      complaints.push(judgeCount(`answers ${status}`, statuses[Number(status)] ?? 0, count));
    }
  }
  if (shares !== undefined) {
    const found = tally(results, versionOf);
    for (const version of new Set([...Object.keys(shares), ...found.keys()])) {
      const [atLeast, atMost] = sharesByChance(results.length, shares[version] ?? 0);
      const count = found.get(version) ?? 0;
      const what = `of ${results.length} answers by ${version || 'nobody'}`;
      complaints.push(judgeCount(what, { atLeast, atMost }, count));
    }
  }
  if (counts !== undefined) {
    const found = tally(results, versionOf);
    for (const version of new Set([...Object.keys(counts), ...found.keys()])) {
      const what = `answers by ${version || 'nobody'}`;
      complaints.push(judgeCount(what, counts[version] ?? 0, found.get(version) ?? 0));
    }
  }
  if (pods !== undefined) {
    const found = tally(results, ({ headers }) => text(headers['x-pod']));
    complaints.push(judgeCount('pods that answered', pods, found.size));
  }
  if (podsOfEach !== undefined) {
    for (const [session, own] of Map.groupBy(results, (result) => result.session)) {
      const found = tally(own, ({ headers }) => text(headers['x-pod']));
      complaints.push(judgeCount(`pods that answered ${session}`, podsOfEach, found.size));
    }
  }
  return complaints.filter((complaint) => complaint !== undefined);
}

/** Within five standard deviations: once in two million times it is not so. */
function sharesByChance(count: number, percent: number): [atLeast: number, atMost: number] {
  const share = percent / 100;
  const width = 5 * Math.sqrt(count * share * (1 - share));
  return [Math.floor(count * share - width), Math.ceil(count * share + width)];
}

function tally(
  results: readonly Result[],
  keyOf: (result: Result) => string,
): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const result of results) found.set(keyOf(result), (found.get(keyOf(result)) ?? 0) + 1);
  return found;
}

/** The first result that is wrong says it for all. */
function judgeEach(expected: Expected, results: readonly Result[]): string[] {
  for (const [i, result] of results.entries()) {
    const complaints = judgeOne(expected, result);
    if (complaints.length === 0) continue;
    const which = results.length === 1 ? '' : `request ${i + 1} of ${results.length}: `;
    return complaints.map((complaint) => `${which}${complaint}`);
  }
  return [];
}

function judgeOne(expected: Expected, result: Result): string[] {
  const { statuses, status = 200, received, grpcStatus, atLeastMs, atMostMs } = expected;
  const complaints: string[] = [];
  const look = (what: string, wanted: TextExpectation | undefined, got: string | undefined) => {
    if (wanted !== undefined && !fits(wanted, got)) {
      complaints.push(
        `${what}: expected ${describeText(wanted)}, got ${describeText(got ?? null)}`,
      );
    }
  };
  if (statuses === undefined) {
    const got = result.error === '' ? result.status : 0;
    if (got !== status) {
      const why =
        result.error || text(result.headers['x-remora-error']) || result.body.slice(0, 80);
      complaints.push(`status: expected ${status}, got ${got} (${why})`);
    }
  }
  if (expected.from !== undefined) look('answered by', expected.from, versionOf(result));
  look('x-remora-error', expected.error, optional(result.headers['x-remora-error']));
  for (const [name, wanted] of Object.entries(expected.headers ?? {})) {
    look(`header ${name}`, wanted, optional(result.headers[name.toLowerCase()]));
  }
  look('body', expected.body, result.body);
  if (grpcStatus !== undefined) {
    look('grpc-status', String(grpcStatus), optional(result.headers['grpc-status']));
  }
  if (received !== undefined) complaints.push(...judgeReceived(received, receivedOf(result)));
  if (atLeastMs !== undefined && result.ms < atLeastMs) {
    complaints.push(`time: expected at least ${atLeastMs} ms, got ${result.ms.toFixed(0)}`);
  }
  if (atMostMs !== undefined && result.ms > atMostMs) {
    complaints.push(`time: expected at most ${atMostMs} ms, got ${result.ms.toFixed(0)}`);
  }
  return complaints;
}

/** What came to the application is as it should be. */
export function judgeReceived(
  expected: NonNullable<Expected['received']>,
  received: (Omit<Received, 'count' | 'bytes'> & Partial<Received>) | undefined,
): string[] {
  if (received === undefined) return ['the application did not say what it received'];
  const complaints: string[] = [];
  const look = (what: string, wanted: TextExpectation | undefined, got: string | undefined) => {
    if (wanted === undefined || fits(wanted, got)) return;
    complaints.push(
      `received ${what}: expected ${describeText(wanted)}, got ${describeText(got ?? null)}`,
    );
  };
  for (const field of ['method', 'path', 'host', 'body', 'httpVersion'] as const) {
    look(field, expected[field], received[field]);
  }
  for (const [name, wanted] of Object.entries(expected.headers ?? {})) {
    look(`header ${name}`, wanted, received.headers[name.toLowerCase()]);
  }
  if (expected.bytes !== undefined) {
    look('bytes', String(expected.bytes), String(received.bytes));
  }
  if (expected.count !== undefined) {
    const complaint = judgeCount('requests of this key', expected.count, received.count ?? 0);
    if (complaint !== undefined) complaints.push(complaint);
  }
  return complaints;
}

function fits(wanted: TextExpectation, got: string | undefined): boolean {
  if (wanted === null) return got === undefined;
  if (got === undefined) return false;
  return typeof wanted === 'string' ? wanted === got : wanted.test(got);
}

function describeText(value: TextExpectation): string {
  if (value === null) return 'none';
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}

function optional(value: string | readonly string[] | undefined): string | undefined {
  return value === undefined ? undefined : text(value);
}

function text(value: string | readonly string[] | undefined): string {
  return typeof value === 'string' ? value : (value ?? []).join(', ');
}
