import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { generateProtoTypes } from './generate.ts';

const committed = fileURLToPath(new URL('./gen', import.meta.url));
const fresh = mkdtempSync(join(tmpdir(), 'remora-proto-'));

after(() => rmSync(fresh, { recursive: true, force: true }));

/** The generated files of a folder by their path in it. */
function read(folder: string): Map<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return new Map(
    names
      .filter((name) => name.endsWith('.ts'))
      .sort()
      .map((name) => [name, readFileSync(join(folder, name), 'utf8')]),
  );
}

test('the types of the messages are those of the schema: else run npm run generate', () => {
  generateProtoTypes(fresh);
  const [have, want] = [read(committed), read(fresh)];
  assert.ok(want.size > 0);
  assert.deepEqual([...have.keys()], [...want.keys()]);
  for (const [name, text] of want) assert.equal(have.get(name), text, `proto/gen/${name} is old`);
});
