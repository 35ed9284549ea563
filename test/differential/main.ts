import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { describeError } from '../../runtime/errors.ts';
import { SidecarPair } from '../fakes/sidecar-pair.ts';
import { Lane } from './lane.ts';
import { SERVERS, type ServerKind } from './servers.ts';
import { describeTool, install, isPresent } from './tools.ts';
import type { Vector } from './vector.ts';
import { THEMES } from './vectors.ts';

const USAGE = `npm run differential -- [--server <name>] [--theme <name>] [--only <text>]
                      [--install] [--list]

  --server   one server; may be given several times
  --theme    one theme; may be given several times
  --only     vectors whose name holds the text
  --install  installs the servers that are missing (as root, on Debian and its relatives)
  --list     shows the vectors, and sends none`;

interface Options {
  readonly servers: readonly ServerKind[];
  readonly vectors: readonly Vector[];
  readonly install: boolean;
  readonly list: boolean;
}

/** @throws Error that says what was wrong */
function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      server: { type: 'string', multiple: true, default: [] },
      theme: { type: 'string', multiple: true, default: [] },
      only: { type: 'string', default: '' },
      install: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
    },
  });
  const { server, theme, only, install, list } = values;
  check(
    'server',
    server,
    SERVERS.map(({ name }) => name),
  );
  check('theme', theme, Object.keys(THEMES));
  const themes = Object.entries(THEMES).filter(
    ([name]) => theme.length === 0 || theme.includes(name),
  );
  return {
    servers: SERVERS.filter(({ name }) => server.length === 0 || server.includes(name)),
    vectors: themes.flatMap(([, vectors]) => vectors).filter(({ name }) => name.includes(only)),
    install,
    list,
  };
}

function check(what: string, given: readonly string[], known: readonly string[]): void {
  const unknown = given.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw new Error(`no ${what} is called ${unknown.join(', ')}; there are ${known.join(', ')}`);
  }
}

async function main(options: Options): Promise<boolean> {
  if (options.list) {
    for (const { name } of options.vectors) console.log(name);
    return true;
  }
  const missing = options.servers.filter(({ tool }) => !isPresent(tool));
  if (options.install) install(missing.map(({ tool }) => tool));
  let failures = 0;
  for (const kind of options.servers) {
    if (!isPresent(kind.tool)) {
      console.log(`${kind.name.padEnd(10)} not installed: ${describeTool(kind.tool)}`);
      continue;
    }
    failures += await runServer(kind, options.vectors);
  }
  return failures === 0;
}

/** How many vectors failed. */
async function runServer(kind: ServerKind, vectors: readonly Vector[]): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'remora-differential-'));
  // Some servers give up their rights before they read their files.
  chmodSync(directory, 0o755);
  try {
    await using server = await kind.start(directory);
    await using pair = await SidecarPair.start({ directory, applicationPort: server.port });
    const ways = [
      { name: 'inbound', port: pair.inboundPort, byPath: false, trust: '-' },
      { name: 'pair', port: pair.outboundPort, byPath: true, trust: pair.clientTrust },
    ];
    let failures = 0;
    for (const { name, ...way } of ways) {
      await using lane = new Lane({ server, ...way });
      await lane.start();
      const startedMs = performance.now();
      let failed = 0;
      for (const vector of vectors) {
        const problems = await lane.run(vector);
        if (problems.length === 0) continue;
        failed += 1;
        console.log(`${kind.name} ${name}: ${vector.name}\n  ${problems.join('\n  ')}`);
      }
      const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
      console.log(
        `${kind.name.padEnd(10)} ${name.padEnd(8)} ${vectors.length - failed} of ${vectors.length} vectors as they must be, ${seconds} s`,
      );
      failures += failed;
    }
    return failures;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

try {
  process.exitCode = (await main(readOptions(process.argv.slice(2)))) ? 0 : 1;
} catch (error) {
  console.error(`${describeError(error)}\n\n${USAGE}`);
  process.exitCode = 2;
}
