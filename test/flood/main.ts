import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { describeError } from '../../runtime/errors.ts';
import { freePorts } from '../fakes/sidecar-process.ts';
import type { Attack, AttackReport, Entry } from './attack.ts';
import type { AttackerOptions } from './attacker.ts';
import { ATTACKS, findAttack } from './attacks.ts';
import { Bystander, together } from './bystander.ts';
import { startHaproxy, startSidecar } from './defender.ts';
import { type Defence, type FloodResult, formatTable, problemsOf } from './result.ts';

const USAGE = `npm run flood -- <attack>|all [--seconds <n>] [--peer]

  --seconds  how long each attack goes on; its own time when left out
  --peer     the same against HAProxy, where it has what is attacked; bystanders of the
             sidecar may wait twice as long as its own

Attacks:
${ATTACKS.map(({ name, what }) => `  ${name.padEnd(20)} ${what}`).join('\n')}

A bystander asks all the while and must get every answer; the sidecar's memory is bounded.`;

const CALM_MS = 4_000;
const MEMORY_INTERVAL_MS = 100;

interface Options {
  readonly attacks: readonly Attack[];
  /** 0: the attack's own time. */
  readonly seconds: number;
  readonly peer: boolean;
}

/** @throws Error that says what was wrong */
function readOptions(args: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { seconds: { type: 'string' }, peer: { type: 'boolean', default: false } },
  });
  if (positionals.length === 0) throw new Error('an attack is wanted, or all');
  const seconds = Number(values.seconds ?? 0);
  if (!(seconds >= 0)) throw new Error(`--seconds must be a number, not ${values.seconds}`);
  const attacks = positionals.includes('all') ? ATTACKS : positionals.map(findAttack);
  return { attacks, seconds, peer: values.peer };
}

async function main({ attacks, seconds, peer }: Options): Promise<boolean> {
  const results: FloodResult[] = [];
  for (const attack of attacks) {
    if (attack.notYet !== undefined) {
      console.log(`${attack.name}: not yet: ${attack.notYet}`);
      continue;
    }
    const forMs = (seconds || attack.seconds) * 1000;
    console.error(`${attack.name}, ${forMs / 1000} s ...`);
    const ours = await flood(attack, forMs, startSidecar);
    const theirs =
      peer && entryOf(attack) === 'plain' ? await flood(attack, forMs, startHaproxy) : undefined;
    const result = { attack, ours, theirs };
    results.push(result);
    for (const problem of problemsOf(result)) console.log(`${attack.name}: ${problem}`);
    // What is known so far, should somebody lose patience.
    console.error(formatTable([result]).split('\n').at(-1));
  }
  console.log(`\n${formatTable(results)}`);
  return results.every((result) => problemsOf(result).length === 0);
}

/** Asks it of the attack, which does not get as far as to connect. */
function entryOf(attack: Attack): Entry | undefined {
  let found: Entry | undefined;
  const keep = (_count: number, entry: Entry): void => {
    found = entry;
  };
  attack.start({ applicationPort: 0, keep });
  return found;
}

/** A defender, its application and its bystanders, all new for each attack. */
async function flood(
  attack: Attack,
  forMs: number,
  startDefender: typeof startSidecar,
): Promise<Defence> {
  const directory = mkdtempSync(join(tmpdir(), 'remora-flood-'));
  const [applicationPort = 0] = await freePorts(1);
  const application = start('application.ts', String(applicationPort));
  const defender = await startDefender({ directory, applicationPort });
  const bystanders = defender.bystanderPorts.map((port) => new Bystander(port));
  // Nothing stands between it and the application: what it waits for is the machine.
  const direct = new Bystander(applicationPort);
  const all = [...bystanders, direct];
  let attacker: ChildProcess | undefined;
  try {
    for (const bystander of all) bystander.start();
    await delay(CALM_MS / 2);
    // The first requests, while everything is compiled, say nothing.
    for (const bystander of all) bystander.take();
    await delay(CALM_MS);
    const before = together(bystanders.map((bystander) => bystander.take()));
    direct.take();
    const memory = new MemoryWatch(defender.pid);
    const processor = new ProcessorWatch(defender.pid);
    const attackerOptions: AttackerOptions = {
      attack: attack.name,
      plainPort: defender.plainPort,
      trunkPort: defender.trunkPort,
      applicationPort,
      directory,
    };
    attacker = start('attacker.ts', JSON.stringify(attackerOptions));
    const report = latestReport(attacker);
    await delay(forMs);
    const during = together(bystanders.map((bystander) => bystander.take()));
    memory.stop();
    return {
      report: report(),
      before,
      during,
      directP99Ms: direct.take().p99Ms,
      waitedPart: processor.waitedPart,
      death: defender.death,
      ...memory.found,
    };
  } finally {
    attacker?.kill('SIGKILL');
    await Promise.all(all.map((bystander) => bystander.stop()));
    await defender[Symbol.asyncDispose]();
    await end(application);
    rmSync(directory, { recursive: true, force: true });
  }
}

function start(file: string, argument: string): ChildProcess {
  const path = fileURLToPath(new URL(file, import.meta.url));
  // Their standard input ends with this process, and they with it.
  return spawn(process.execPath, [path, argument], { stdio: ['pipe', 'pipe', 'inherit'] });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

/** The last whole line of what the attacker tells. */
function latestReport(attacker: ChildProcess): () => AttackReport {
  let latest: AttackReport = { opened: 0, cut: 0, refused: 0, livedMs: [] };
  let text = '';
  attacker.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    const lines = text.split('\n');
    text = lines.pop() ?? '';
    const line = lines.at(-1);
    if (line !== undefined) latest = JSON.parse(line) as AttackReport;
  });
  return () => latest;
}

/** How much of the time in which it had work a process waited for a processor. */
class ProcessorWatch {
  readonly #pid: number;
  readonly #before: readonly number[];

  constructor(pid: number) {
    this.#pid = pid;
    this.#before = this.#read();
  }

  get waitedPart(): number {
    const [ran = 0, waited = 0] = this.#read().map((value, i) => value - (this.#before[i] ?? 0));
    return waited / (ran + waited);
  }

  /** Nanoseconds on a processor, and in the queue for one. */
  #read(): number[] {
    try {
      return readFileSync(`/proc/${this.#pid}/schedstat`, 'utf8').split(' ', 2).map(Number);
    } catch {
      return [];
    }
  }
}

/** The most memory that a process had since now. */
class MemoryWatch {
  readonly #pid: number;
  readonly #timer: NodeJS.Timeout;
  readonly #before: number;
  #max: number;

  constructor(pid: number) {
    this.#pid = pid;
    this.#before = residentBytes(pid) ?? 0;
    this.#max = this.#before;
    this.#timer = setInterval(() => {
      this.#max = Math.max(this.#max, residentBytes(this.#pid) ?? 0);
    }, MEMORY_INTERVAL_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  get found(): { memoryBefore: number; memoryMax: number } {
    return { memoryBefore: this.#before, memoryMax: this.#max };
  }
}

/** Undefined when there is no such process any more. */
function residentBytes(pid: number): number | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return undefined;
  }
}

try {
  process.exitCode = (await main(readOptions(process.argv.slice(2)))) ? 0 : 1;
} catch (error) {
  console.error(`${describeError(error)}\n\n${USAGE}`);
  // Whoever was started ends with this process.
  process.exit(2);
}
