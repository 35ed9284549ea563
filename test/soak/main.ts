import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { describeError } from '../../runtime/errors.ts';
import { CLIENT, missingForMesh, ProtocolMesh } from '../protocols/protocol-mesh.ts';
import { ConfigChurn } from './config-churn.ts';
import { judgeIdle, judgeSeries } from './judge.ts';
import type { LoadReport } from './load-report.ts';
import { readLog } from './log-lines.ts';
import { Observer } from './observer.ts';
import { formatLoad, formatSeries } from './table.ts';

const USAGE = `npm run soak -- [--minutes <n>] [--load <factor>] [--json <path>]

  --minutes  how long there is load (20)
  --load     how much, of about 150 requests and connections a second (1)
  --json     writes what was found as JSON too`;

/** Idle connections are kept for a minute, and so is the trunk after the last of them. */
const IDLE_MS = 200_000;
/** Caches fill, code is compiled, pools reach their size. */
const WARM_UP_SECONDS = 300;
/** Of a run that is too short for that. */
const WARM_UP_SHARE = 0.5;

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

interface Options {
  readonly minutes: number;
  readonly factor: number;
  readonly json: string | undefined;
}

/** @throws Error that says what was wrong */
function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string', default: '20' },
      load: { type: 'string', default: '1' },
      json: { type: 'string' },
    },
  });
  const [minutes, factor] = [Number(values.minutes), Number(values.load)];
  if (!(minutes >= 2)) throw new Error('--minutes must be 2 or more: the first is for warming up');
  if (!(factor > 0)) throw new Error('--load must be more than 0');
  return { minutes, factor, json: values.json };
}

async function main({ minutes, factor, json }: Options): Promise<boolean> {
  const reason = await missingForMesh();
  if (reason !== undefined) throw new Error(`network namespaces cannot be used here: ${reason}`);
  const mesh = new ProtocolMesh();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => void mesh.end().finally(() => process.exit(130)));
  }
  try {
    mesh.stage(path('manifests/soak.yaml'));
    mesh.stage(path('manifests/churn.yaml'));
    await mesh.ready();
    const observer = await Observer.of(mesh, ['programs']);
    await observer.takeBase();
    const churn = new ConfigChurn(mesh);
    churn.start();
    const load = await runLoad(mesh, observer, minutes, factor).finally(() => churn.stop());
    await observer.untilIdle((series) => judgeIdle(series).length === 0, IDLE_MS);

    const warmUp = Math.min(WARM_UP_SECONDS, minutes * 60 * WARM_UP_SHARE);
    const mistakes = [
      ...Object.entries(load.failed).map(
        ([kind, { count, last }]) => `${kind}: ${count} failed: ${last}`,
      ),
      ...observer.series.flatMap((series) => judgeSeries(series, warmUp)),
      ...(await restarts(mesh)),
    ];
    const warnings: Record<string, number> = {};
    for (const [name, found] of findings(mesh)) {
      mistakes.push(...found.strange.slice(0, 5).map((line) => `${name}: "${line}"`));
      for (const [message, count] of Object.entries(found.warnings)) {
        warnings[`${name}: ${message}`] = count;
      }
    }
    console.log(`${formatLoad(load)}\n\n${formatSeries(observer.series, warmUp)}`);
    console.log(`\n${churn.changes} changes of the configuration. Warnings in logs:`);
    for (const [message, count] of Object.entries(warnings)) console.log(`  ${count} × ${message}`);
    for (const mistake of mistakes) console.log(`failed: ${mistake}`);
    if (json !== undefined) {
      const found = { minutes, load, series: observer.series, warnings, mistakes };
      writeFileSync(json, `${JSON.stringify(found, null, 2)}\n`);
    }
    return mistakes.length === 0;
  } finally {
    await mesh.end();
  }
}

async function runLoad(
  mesh: ProtocolMesh,
  observer: Observer,
  minutes: number,
  factor: number,
): Promise<LoadReport> {
  const shell = await mesh.shell(CLIENT);
  const child = shell.spawn(process.execPath, [path('load.ts'), String(factor)]);
  let report: LoadReport = { done: {}, failed: {} };
  let said = '';
  createInterface({ input: child.stdout ?? process.stdin }).on('line', (line) => {
    report = JSON.parse(line);
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const ended = once(child, 'close');
  observer.start();
  await Promise.race([delay(minutes * 60_000), ended]);
  await observer.stop();
  child.kill('SIGTERM');
  const [status] = await ended;
  if (status !== 0) throw new Error(`the load ended with ${status}: ${said}`);
  return report;
}

/** Nobody but a process that failed is started again. */
async function restarts(mesh: ProtocolMesh): Promise<string[]> {
  const { pods } = await mesh.status();
  return pods.flatMap((pod) =>
    pod.containers
      .filter((container) => container.restarts > 0)
      .map(
        ({ name, restarts: times }) => `${name} of ${pod.name} was started again ${times} times`,
      ),
  );
}

/** Of our own processes, by the names of their logs. */
function findings(mesh: ProtocolMesh): [string, ReturnType<typeof readLog>][] {
  const { logs } = mesh.folder.state;
  return readdirSync(logs)
    .filter((name) => /remora-proxy|control-plane/.test(name))
    .map((name) => [name, readLog(readFileSync(join(logs, name), 'utf8'))]);
}

try {
  process.exitCode = (await main(readOptions(process.argv.slice(2)))) ? 0 : 1;
} catch (error) {
  console.error(`${describeError(error)}\n\n${USAGE}`);
  process.exitCode = 2;
}
