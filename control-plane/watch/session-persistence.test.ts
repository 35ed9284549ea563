import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sessionPersistence } from './session-persistence.ts';

const DEFAULTS = {
  ...{ inHeader: false, name: '', path: '/', permanent: false },
  ...{ absoluteTimeout: undefined, idleTimeout: undefined },
};

const read: [spec: object, expected: object][] = [
  [{}, {}],
  [
    { sessionName: 'a', idleTimeout: '5m' },
    { name: 'a', idleTimeout: '5m' },
  ],
  [{ cookie: { name: 'b', path: '/x' } }, { name: 'b', path: '/x' }],
  [
    { absoluteTimeout: '1h', cookie: { lifetimeType: 'Permanent' } },
    { absoluteTimeout: '1h', permanent: true },
  ],
  [
    { absoluteTimeout: '1h', cookieConfig: { lifetimeType: 'Permanent' } },
    { absoluteTimeout: '1h', permanent: true },
  ],
  [
    { type: 'Header', header: { name: 'X-S' } },
    { inHeader: true, name: 'X-S' },
  ],
  [
    { type: 'Header', sessionName: 'x-s' },
    { inHeader: true, name: 'x-s' },
  ],
];
for (const [spec, expected] of read) {
  test(`${JSON.stringify(spec)} is read`, () =>
    assert.deepEqual(sessionPersistence.parse(spec), { ...DEFAULTS, ...expected }));
}

const refused: [spec: object, message: RegExp][] = [
  [{ cookie: { lifetimeType: 'Permanent' } }, /needs an absoluteTimeout/],
  [{ type: 'Header' }, /needs the name of a header/],
  [{ type: 'Header', header: { name: 'host' } }, /the header:/],
  [{ type: 'Header', sessionName: 'x', cookie: {} }, /no use for a cookie/],
  [{ header: { name: 'x' } }, /no use for a header/],
  [{ sessionName: 'a b' }, /is not the name/],
  [{ cookie: { path: '/;x' } }, /is not a path/],
  [{ idleTimeout: 'soon' }, /is not a duration/],
  [{ sameSite: 'Strict' }, /sameSite/],
];
for (const [spec, message] of refused) {
  test(`${JSON.stringify(spec)} is refused`, () => {
    const text = sessionPersistence.safeParse(spec).error?.issues.map((one) => one.message);
    assert.match(text?.join() ?? 'accepted', message);
  });
}
