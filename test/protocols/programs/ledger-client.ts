/**
 * Load on the ledger: `<url>`. Takes orders by lines: `begin <phase> <framings>`,
 * `disturbed`, `stop`. Notes `running <phase>` when requests go well, and
 * `recovered <phase>` when they do again after a disturbance.
 *
 * Each request must have one clear outcome: a whole and right answer, an error of
 * the mesh that says so, or a broken connection.
 */
import assert from 'node:assert/strict';
import { Agent, type IncomingMessage, request } from 'node:http';
import { Digest, patternBytes } from './pattern.ts';
import { check, note, orders } from './report.ts';

const base = process.argv[2] ?? '';
const WORKERS = 20;
/** So many in a row, and all is well. */
const WELL = 100;
const SIZES = [0, 100, 5_000, 200_000, 1_000_000];
/** A request without an outcome for this long has none. */
const HANGS_MS = 30_000;

type Outcome = 'right' | 'refused' | 'broken' | { readonly wrong: string };

let lastNumber = 0;

/** One request and its outcome. Never rejects. */
async function ask(agent: Agent, framing: string): Promise<Outcome> {
  lastNumber += 1;
  const number = lastNumber;
  const size = SIZES[Math.floor(Math.random() * SIZES.length)] ?? 0;
  const method = Math.random() < 0.5 ? 'POST' : 'GET';
  const url = `${base}/${number}/${size}/${framing}`;
  let timer: NodeJS.Timeout | undefined;
  try {
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const asking = request(url, { agent, method }, resolve);
      asking.on('error', reject);
      timer = setTimeout(() => asking.destroy(new Error('hangs')), HANGS_MS);
      asking.end(method === 'POST' ? patternBytes(0, size) : undefined);
    });
    const body = new Digest();
    // Throws when the connection breaks before the body is whole.
    for await (const chunk of answer) body.add(chunk);
    return judge(answer, body, number, size);
  } catch (error) {
    if (error instanceof Error && error.message === 'hangs') return { wrong: `${url} hangs` };
    return 'broken';
  } finally {
    clearTimeout(timer);
  }
}

function judge(answer: IncomingMessage, body: Digest, number: number, size: number): Outcome {
  const { statusCode, headers } = answer;
  if (statusCode === 200) {
    const expected = new Digest();
    expected.add(patternBytes(number, number + size));
    if (body.hex === expected.hex) return 'right';
    return { wrong: `${body.bytes} bytes for whole, and ${size} expected, or other ones` };
  }
  if (headers['x-remora-error'] !== undefined) return 'refused';
  return { wrong: `status ${statusCode} of nobody` };
}

/** Load until it is told to stop, and what came of it. */
class Phase {
  readonly name: string;
  readonly counts = { right: 0, refused: 0, broken: 0 };
  readonly wrong: string[] = [];
  readonly #framings: string[];
  #wellInRow = 0;
  #disturbed = false;
  #stopped = false;
  #over: Promise<unknown>;

  constructor(name: string, framings: string[]) {
    this.name = name;
    this.#framings = framings;
    this.#over = Promise.all(Array.from({ length: WORKERS }, () => this.#work()));
  }

  disturbed(): void {
    this.#disturbed = true;
    this.#wellInRow = 0;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#over;
  }

  async #work(): Promise<void> {
    const agent = new Agent({ keepAlive: true });
    for (let i = 0; !this.#stopped; i += 1) {
      const outcome = await ask(agent, this.#framings[i % this.#framings.length] ?? 'length');
      this.#count(outcome);
      // Who is refused does not insist.
      if (outcome !== 'right') await new Promise((resolve) => setTimeout(resolve, 50));
    }
    agent.destroy();
  }

  #count(outcome: Outcome): void {
    if (typeof outcome === 'object') this.wrong.push(outcome.wrong);
    else this.counts[outcome] += 1;
    this.#wellInRow = outcome === 'right' ? this.#wellInRow + 1 : 0;
    if (this.#wellInRow >= WELL) note(`${this.#disturbed ? 'recovered' : 'running'} ${this.name}`);
  }
}

let phase: Phase | undefined;
for await (const order of orders()) {
  const [verb, name = '', framings = ''] = order.split(' ');
  if (verb === 'begin') phase = new Phase(name, framings.split(','));
  else if (verb === 'disturbed') phase?.disturbed();
  else if (verb === 'stop' && phase !== undefined) {
    const { counts, wrong } = phase;
    await phase.stop();
    const said = `${counts.right} right, ${counts.refused} refused, ${counts.broken} broken`;
    await check(`${phase.name}: each request has one clear outcome`, () => {
      assert.deepEqual(wrong, [], said);
    });
    if (!framings && name === 'strictly') {
      await check(`${phase.name}: none fails`, () => {
        assert.deepEqual([counts.refused, counts.broken], [0, 0], said);
      });
    }
    note(`over ${phase.name}`);
  } else if (verb === 'end') process.exit();
}
