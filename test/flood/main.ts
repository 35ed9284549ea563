import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { describeError } from '../../runtime/errors.ts';
import { SidecarPair } from '../fakes/sidecar-pair.ts';
import { freePorts } from '../fakes/sidecar-process.ts';
import type { Attack, AttackReport } from './attack.ts';
import type { AttackerOptions } from './attacker.ts';
import { ATTACKS, findAttack } from './attacks.ts';
import { Bystander, together } from './bystander.ts';
import { type FloodResult, formatTable, problemsOf } from './result.ts';

const USAGE = `npm run flood -- <attack>|all [--seconds <n>]

  --seconds  how long each attack goes on; its own time when left out

Attacks:
${ATTACKS.map(({ name, what }) => `  ${name.padEnd(20)} ${what}`).join('\n')}

A bystander asks all the while and must get every answer; the sidecar's memory is bounded.`;

const CALM_MS = 4_000;
const MEMORY_INTERVAL_MS = 100;

/** @throws Error that says what was wrong */
function readOptions(args: readonly string[]): { attacks: readonly Attack[]; seconds: number } {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { seconds: { type: 'string' } },
  });
  if (positionals.length === 0) throw new Error('an attack is wanted, or all');
  const seconds = Number(values.seconds ?? 0);
  if (!(seconds >= 0)) throw new Error(`--seconds must be a number, not ${values.seconds}`);
  const attacks = positionals.includes('all') ? ATTACKS : positionals.map(findAttack);
  return { attacks, seconds };
}

async function main(attacks: readonly Attack[], seconds: number): Promise<boolean> {
  const results: FloodResult[] = [];
  for (const attack of attacks) {
    if (attack.notYet !== undefined) {
      console.log(`${attack.name}: not yet: ${attack.notYet}`);
      continue;
    }
    const result = await flood(attack, seconds || attack.seconds);
    results.push(result);
    for (const problem of problemsOf(result)) console.log(`${attack.name}: ${problem}`);
    // What is known so far, should somebody lose patience.
    console.error(formatTable([result]).split('\n').at(-1));
  }
  console.log(`\n${formatTable(results)}`);
  return results.every((result) => problemsOf(result).length === 0);
}

/** A sidecar, its application and its bystanders, all new for each attack. */
async function flood(attack: Attack, seconds: number): Promise<FloodResult> {
  console.error(`${attack.name}, ${seconds} s ...`);
  const directory = mkdtempSync(join(tmpdir(), 'remora-flood-'));
  const [applicationPort = 0] = await freePorts(1);
  const application = start('application.ts', String(applicationPort));
  const pair = await SidecarPair.start({ directory, applicationPort });
  const bystanders = [pair.inboundPort, pair.outboundPort].map((port) => new Bystander(port));
  let attacker: ChildProcess | undefined;
  try {
    for (const bystander of bystanders) bystander.start();
    await delay(CALM_MS / 2);
    // The first requests, while everything is compiled, say nothing.
    for (const bystander of bystanders) bystander.take();
    await delay(CALM_MS);
    const before = together(bystanders.map((bystander) => bystander.take()));
    const memory = new MemoryWatch(pair.inbound.pid);
    const attackerOptions: AttackerOptions = {
      attack: attack.name,
      plainPort: pair.inboundPort,
      trunkPort: pair.trunkPort,
      applicationPort,
      directory,
    };
    attacker = start('attacker.ts', JSON.stringify(attackerOptions));
    const report = latestReport(attacker);
    await delay(seconds * 1000);
    const during = together(bystanders.map((bystander) => bystander.take()));
    memory.stop();
    return { attack, report: report(), before, during, ...memory.found };
  } finally {
    attacker?.kill('SIGKILL');
    await Promise.all(bystanders.map((bystander) => bystander.stop()));
    await pair[Symbol.asyncDispose]();
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

/** The most memory that a process had since now. */
class MemoryWatch {
  readonly #pid: number;
  readonly #timer: NodeJS.Timeout;
  readonly #before: number;
  #max: number;

  constructor(pid: number) {
    this.#pid = pid;
    this.#before = residentBytes(pid);
    this.#max = this.#before;
    this.#timer = setInterval(() => {
      this.#max = Math.max(this.#max, residentBytes(this.#pid));
    }, MEMORY_INTERVAL_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  get found(): { memoryBefore: number; memoryMax: number } {
    return { memoryBefore: this.#before, memoryMax: this.#max };
  }
}

function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}

try {
  const { attacks, seconds } = readOptions(process.argv.slice(2));
  process.exitCode = (await main(attacks, seconds)) ? 0 : 1;
} catch (error) {
  console.error(`${describeError(error)}\n\n${USAGE}`);
  process.exitCode = 2;
}
