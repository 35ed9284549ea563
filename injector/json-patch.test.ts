import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applyPatch, type PatchOperation, pointerSegment } from './json-patch.ts';

const cases: readonly { name: string; operation: PatchOperation; result: unknown }[] = [
  {
    name: 'adds a member',
    operation: { op: 'add', path: '/b', value: 1 },
    result: { a: [1, 2], b: 1 },
  },
  {
    name: 'inserts into a list',
    operation: { op: 'add', path: '/a/1', value: 9 },
    result: { a: [1, 9, 2] },
  },
  {
    name: 'appends to a list',
    operation: { op: 'add', path: '/a/-', value: 9 },
    result: { a: [1, 2, 9] },
  },
  {
    name: 'replaces an item',
    operation: { op: 'replace', path: '/a/0', value: 9 },
    result: { a: [9, 2] },
  },
];

for (const { name, operation, result } of cases) {
  test(name, () => {
    const document = { a: [1, 2] };
    assert.deepEqual(applyPatch<unknown>(document, [operation]), result);
    assert.deepEqual(document, { a: [1, 2] }, 'the original was changed');
  });
}

for (const path of ['/missing/b', '/a/5', '/a/x', '']) {
  test(`there is no place "${path}"`, () => {
    assert.throws(() => applyPatch({ a: [1] }, [{ op: 'add', path, value: 1 }]), {
      code: 'bad-patch',
    });
  });
}

test('what is not there cannot be replaced', () => {
  assert.throws(() => applyPatch({}, [{ op: 'replace', path: '/a', value: 1 }]), {
    code: 'bad-patch',
  });
});

test('a key with slash and tilde comes back as it was', () => {
  const key = 'remora.dev/a~b';
  const path = `/${pointerSegment(key)}`;
  assert.deepEqual(applyPatch({}, [{ op: 'add', path, value: 1 }]), { [key]: 1 });
});
