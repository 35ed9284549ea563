import { readFileSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { describeError } from '../../runtime/errors.ts';
import { Lab } from './lab.ts';
import { Measured } from './measured.ts';
import {
  missingForScenario,
  presentContenders,
  type TableRow,
  tableRow,
  toJson,
} from './result.ts';
import { SCENARIOS, type Scenario, selectScenarios } from './scenarios.ts';
import { formatTable } from './table.ts';
import { findTools, install, installCommands, missingTools, type Tools } from './tools.ts';

const USAGE = `npm run bench -- [--only <row or scenario>] [--rounds <n>] [--json <path>]
               [--list] [--install] [--profile <folder>]

  --only     one row, one scenario, or one quantity of a scenario with all its peers
  --rounds   how often each takes its turn (5)
  --json     writes the rows as JSON too
  --list     shows what there is, and measures nothing
  --install  installs what is missing (as root, on Debian and its relatives)
  --profile  our sidecars write CPU profiles into this folder; the figures then are worth less`;

interface Options {
  readonly only: string | undefined;
  readonly rounds: number;
  readonly json: string | undefined;
  readonly list: boolean;
  readonly install: boolean;
  readonly profile: string | undefined;
}

/** @throws Error that says what was wrong, and what there is */
function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string' },
      rounds: { type: 'string', default: '5' },
      json: { type: 'string' },
      list: { type: 'boolean', default: false },
      install: { type: 'boolean', default: false },
      profile: { type: 'string' },
    },
  });
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > 100) {
    throw new Error(`--rounds must be a whole number from 1 to 100, not ${values.rounds}`);
  }
  const { only, json, list, profile } = values;
  return { only, rounds, json, list, install: values.install, profile };
}

async function main(options: Options): Promise<boolean> {
  const scenarios = selectScenarios(SCENARIOS, options.only);
  if (options.list) {
    for (const { rows, note = '' } of scenarios) {
      for (const { id, title } of rows) console.log(`${id.padEnd(28)} ${title}  ${note}`);
    }
    return true;
  }
  if (options.install) install(missingTools(findTools()));
  const tools = findTools();
  tellMissing(tools);
  const lab = new Lab(tools, options.profile);
  process.on('exit', () => lab.close());
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => process.exit(130));
  }
  const rows: TableRow[] = [];
  try {
    await lab.open();
    for (const scenario of scenarios) {
      rows.push(...(await runScenario(scenario, lab, options.rounds)));
    }
  } finally {
    lab.close();
  }
  console.log(`\n${formatTable(rows)}`);
  console.log(`\nRounds in turns: ${options.rounds}, medians. ${describeMachine()}`);
  if (options.json !== undefined) {
    writeFileSync(options.json, `${JSON.stringify(rows.map(toJson), null, 2)}\n`);
  }
  return rows.every(({ verdict }) => verdict !== 'failed');
}

async function runScenario(scenario: Scenario, lab: Lab, rounds: number): Promise<TableRow[]> {
  const { tools } = lab;
  const reason = missingForScenario(scenario, tools);
  let measured: Measured | undefined;
  if (reason === undefined && scenario.measure !== undefined) {
    console.error(`${scenario.id} ...`);
    const quantities = [...new Set(scenario.rows.map(({ quantity }) => quantity))];
    const contenders = presentContenders(scenario, tools);
    const report = (line: string): void => console.error(`  ${line}`);
    try {
      measured = await scenario.measure({ lab, contenders, rounds, quantities, report });
    } catch (error) {
      measured = new Measured();
      measured.fail('remora', quantities, describeError(error));
      report(describeError(error));
    }
  }
  return scenario.rows.map((row) => tableRow(scenario, row, measured, tools, reason));
}

function tellMissing(tools: Tools): void {
  const missing = missingTools(tools);
  if (missing.length === 0) return;
  console.error(`Not found: ${missing.join(', ')}. What installs them, as root:`);
  for (const command of installCommands(missing)) console.error(`  ${command.join(' ')}`);
  console.error('or: npm run bench -- --install\n');
}

function describeMachine(): string {
  const model = /^model name\s*: (.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1];
  const load = loadavg()[0]?.toFixed(1);
  return `${model ?? process.arch}, load ${load}: compare ratios, not figures of two runs.`;
}

try {
  process.exitCode = (await main(readOptions(process.argv.slice(2)))) ? 0 : 1;
} catch (error) {
  console.error(`${describeError(error)}\n\n${USAGE}`);
  process.exitCode = 2;
}
