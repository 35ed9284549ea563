import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { Manifests, parseManifests } from './manifests.ts';

const SERVICE = 'apiVersion: v1\nkind: Service\nmetadata:\n  name: stock\n  namespace: shop\n';
const CONFIG = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: stock\n  namespace: shop\n';

suite('parseManifests names what is wrong, and where', () => {
  const cases = [
    {
      name: 'broken YAML',
      text: `${SERVICE}spec: [\n`,
      where: 'f.yaml:7',
      message: /flow sequence/i,
    },
    {
      name: 'a field of the wrong type',
      text: `${SERVICE}spec:\n  ports:\n    - port: eighty\n`,
      where: 'f.yaml:8',
      message: /Service refused: spec\.ports\.0\.port: .*number/,
    },
    {
      name: 'a field that is missing',
      text: 'apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {}\n',
      where: 'f.yaml:4',
      message: /Pod refused: spec\.containers/,
    },
    {
      name: 'a kind that is not run',
      text: 'apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: nightly}\n',
      where: 'f.yaml:2',
      message: /does not run a CronJob: default\/nightly/,
    },
    {
      name: 'the second document',
      text: `${CONFIG}---\nkind: Service\n`,
      where: 'f.yaml:7',
      message: /apiVersion/,
    },
  ];
  for (const { name, text, where, message } of cases) {
    test(name, () => {
      const { problems } = parseManifests(text, 'f.yaml');
      assert.equal(problems[0]?.where, where);
      assert.match(problems[0]?.message ?? '', message);
    });
  }

  test('the good documents of the same file are taken', () => {
    const { objects } = parseManifests(`${CONFIG}---\nkind: Service\n`, 'f.yaml');
    assert.deepEqual([...objects.keys()], ['ConfigMap/shop/stock']);
  });

  test('kinds that nobody knows here are let through', () => {
    const { objects, problems } = parseManifests(
      'apiVersion: x/v1\nkind: Odd\nmetadata: {name: a}\n',
      'f',
    );
    assert.deepEqual([...objects.keys()], ['Odd/default/a']);
    assert.deepEqual(problems, []);
  });
});

test('a file that breaks keeps its last good state until it is repaired', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'remora manifests '));
  try {
    const path = join(folder, 'service.yaml');
    const manifests = new Manifests(folder);
    writeFileSync(path, `${SERVICE}spec:\n  ports:\n    - port: 80\n`);
    assert.equal(await manifests.refresh(), true);
    assert.equal(await manifests.refresh(), false);
    assert.equal(manifests.list('Service').length, 1);

    writeFileSync(path, `${SERVICE}spec: [\n`);
    assert.equal(await manifests.refresh(), true);
    assert.equal(manifests.list('Service')[0]?.spec.ports?.[0]?.port, 80);
    assert.equal(manifests.problems[0]?.where, `${path}:7`);

    writeFileSync(path, `${SERVICE}spec:\n  ports:\n    - port: 8081\n`);
    await manifests.refresh();
    assert.equal(manifests.list('Service')[0]?.spec.ports?.[0]?.port, 8081);
    assert.deepEqual(manifests.problems, []);

    rmSync(path);
    assert.equal(await manifests.refresh(), true);
    assert.deepEqual(manifests.list('Service'), []);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
