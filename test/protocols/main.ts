import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { describeError } from '../../runtime/errors.ts';
import { missingForMesh, ProtocolMesh } from './protocol-mesh.ts';
import { type CheckResult, type Result, resultOf } from './result.ts';
import { keepChecks, serveSuite } from './run-suite.ts';
import { type Effort, FULL_EFFORT, QUICK_EFFORT } from './subject.ts';
import type { Suite } from './suite.ts';
import { SUITES } from './suites.ts';
import { formatTable } from './table.ts';
import { install, installCommands, missingTools } from './tools.ts';

const USAGE = `npm run protocols -- [--only <name>] [--quick] [--install] [--list] [--json <path>]

  --only     one suite, or several with commas between
  --quick    little of everything
  --install  installs the programs that are missing (as root, on Debian and its relatives)
  --list     shows what there is, and runs nothing
  --json     writes the rows as JSON too`;

/** How much of a failure is printed; all of it is in the JSON. */
const QUOTED_CHARACTERS = 1_000;

interface Options {
  readonly suites: readonly Suite[];
  readonly effort: Effort;
  readonly install: boolean;
  readonly list: boolean;
  readonly json: string | undefined;
}

/** @throws Error that says what was wrong, and what there is */
function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string' },
      quick: { type: 'boolean', default: false },
      install: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      json: { type: 'string' },
    },
  });
  const { only, quick, list, json } = values;
  const names = only?.split(',') ?? SUITES.map(({ name }) => name);
  const suites = names.map((name) => {
    const suite = SUITES.find((one) => one.name === name);
    if (suite !== undefined) return suite;
    throw new Error(`no suite "${name}"; there are ${SUITES.map((one) => one.name).join(', ')}`);
  });
  return {
    suites,
    effort: quick ? QUICK_EFFORT : FULL_EFFORT,
    install: values.install,
    list,
    json,
  };
}

async function main(options: Options): Promise<boolean> {
  const { suites, effort } = options;
  if (options.list) {
    for (const { name, title, needs } of suites) {
      console.log(`${name.padEnd(12)} ${title.padEnd(32)} ${needs.join(', ')}`);
    }
    return true;
  }
  const reason = await missingForMesh();
  if (reason !== undefined) throw new Error(`network namespaces cannot be used here: ${reason}`);
  const needed = [...new Set(suites.flatMap(({ needs }) => needs))];
  if (options.install) install(missingTools(needed));
  const missing = missingTools(needed);
  if (missing.length > 0) {
    console.error(`Not found: ${missing.join(', ')}. What installs them, as root:`);
    for (const command of installCommands(missing)) console.error(`  ${command.join(' ')}`);
    console.error('or: npm run protocols -- --install\n');
  }

  const mesh = new ProtocolMesh();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => void mesh.end().finally(() => process.exit(130)));
  }
  const results: Result[] = [];
  try {
    await mesh.ready();
    for (const suite of suites) results.push(await rowOf(suite, mesh, effort));
  } finally {
    await mesh.end();
  }
  console.log(`\n${formatTable(results)}`);
  if (options.json !== undefined) {
    writeFileSync(options.json, `${JSON.stringify(results, null, 2)}\n`);
  }
  return results.every(({ checks }) => checks.every(({ error }) => error === undefined));
}

async function rowOf(suite: Suite, mesh: ProtocolMesh, effort: Effort): Promise<Result> {
  const missing = missingTools(suite.needs);
  if (missing.length > 0) return resultOf(suite, [], [], `there is no ${missing.join(', ')} here`);
  console.error(`${suite.name} ...`);
  const reason = await suite.prepare?.(mesh.files);
  if (reason !== undefined) return resultOf(suite, [], [], reason);
  const checks: CheckResult[] = [];
  const check = keepChecks(checks, (line) =>
    console.error(`  ${line.slice(0, QUOTED_CHARACTERS)}`),
  );
  const carried = await serveSuite(suite, mesh, effort, check);
  return resultOf(suite, checks, carried);
}

try {
  process.exitCode = (await main(readOptions(process.argv.slice(2)))) ? 0 : 1;
} catch (error) {
  console.error(`${describeError(error)}\n\n${USAGE}`);
  process.exitCode = 2;
}
