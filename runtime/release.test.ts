import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { RELEASE } from './release.ts';

test('the release is the version of the package', () => {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  assert.equal(RELEASE, (JSON.parse(text) as { version: string }).version);
});
