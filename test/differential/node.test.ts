import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, suite, test } from 'node:test';
import { SidecarPair } from '../fakes/sidecar-pair.ts';
import { Lane } from './lane.ts';
import { startNode } from './servers/node.ts';
import type { Server } from './servers/server.ts';
import type { Vector } from './vector.ts';
import { THEMES } from './vectors.ts';

const MINIMUM_VECTORS = 300;

suite('what Node’s server behind the sidecar reads', () => {
  const directory = mkdtempSync(join(tmpdir(), 'remora-differential-'));
  let server: Server;
  let pair: SidecarPair;

  before(async () => {
    server = await startNode();
    pair = await SidecarPair.start({ directory, applicationPort: server.port });
  });

  after(async () => {
    await pair[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  });

  const vectors = Object.values(THEMES).flat();
  runAll('of plain clients', vectors, () => ({
    server,
    port: pair.inboundPort,
    byPath: false,
    trust: '-',
  }));
  // The rest of this way is the same code; the command sends everything.
  const byPath = vectors.filter(({ expectedByPath }) => expectedByPath !== undefined);
  runAll('through the trunk, where a rule looks at the path', byPath, () => ({
    server,
    port: pair.outboundPort,
    byPath: true,
    trust: pair.clientTrust,
  }));
});

function runAll(
  what: string,
  vectors: readonly Vector[],
  way: () => ConstructorParameters<typeof Lane>[0],
): void {
  describe(what, () => {
    let lane: Lane;
    before(async () => {
      lane = new Lane(way());
      await lane.start();
    });
    after(() => lane[Symbol.asyncDispose]());
    for (const vector of vectors) {
      test(vector.name, async () => assert.deepEqual(await lane.run(vector), []));
    }
  });
}

test('the vectors are many, and no two have the same name', () => {
  for (const [theme, vectors] of Object.entries(THEMES)) {
    const names = vectors.map(({ name }) => name);
    assert.deepEqual([...new Set(names)], names, theme);
  }
  assert.ok(Object.values(THEMES).flat().length >= MINIMUM_VECTORS);
});
