import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { HttpHop, RawOrigin, roundTrip } from '../../test/fakes/http-hop.ts';
import type { HashSource } from '../config/types.ts';

async function hop(
  hash: HashSource | undefined,
  answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
): Promise<HttpHop> {
  const origin = await new RawOrigin((socket, received) => {
    if (received.endsWith('\r\n\r\n')) socket.write(answer);
  }).start();
  const policy = hash === undefined ? {} : { loadBalancer: { kind: 'ring-hash' as const, hash } };
  const made = await new HttpHop({ endpoints: [origin.port], policy }).start();
  after(() => {
    made.close();
    origin.close();
  });
  return made;
}

const get = (fields = ''): string =>
  `GET / HTTP/1.1\r\nHost: cart\r\nConnection: close\r\n${fields}\r\n`;

const table: { hash: HashSource | undefined; fields: string; key: string | undefined }[] = [
  { hash: undefined, fields: 'X-User: me\r\n', key: undefined },
  { hash: { kind: 'header', name: 'x-user' }, fields: 'X-User: me\r\n', key: 'me' },
  { hash: { kind: 'header', name: 'x-user' }, fields: 'X-User: a\r\nX-User: b\r\n', key: 'a, b' },
  { hash: { kind: 'header', name: 'x-user' }, fields: 'X-User:\r\n', key: undefined },
  { hash: { kind: 'header', name: 'x-user' }, fields: '', key: undefined },
  {
    hash: { kind: 'cookie', name: 'id', ttlSeconds: undefined },
    fields: 'Cookie: a=1; id=7\r\n',
    key: '7',
  },
  { hash: { kind: 'cookie', name: 'id', ttlSeconds: undefined }, fields: '', key: undefined },
  { hash: { kind: 'source' }, fields: '', key: undefined },
];

describe('the key of a request', () => {
  for (const { hash, fields, key } of table) {
    const name = `${JSON.stringify(hash)} and ${JSON.stringify(fields)}`;
    test(`with ${name} is ${JSON.stringify(key)}`, async () => {
      const made = await hop(hash);
      assert.doesNotMatch(await roundTrip(made.port, get(fields)), /set-cookie/i);
      assert.deepEqual(made.hashKeys, [key]);
    });
  }
});

describe('a cookie of our own', () => {
  const hash: HashSource = { kind: 'cookie', name: 'id', ttlSeconds: 60 };

  test('is set where the request has none, and is the key at once', async () => {
    const made = await hop(hash);
    const response = await roundTrip(made.port, get('Cookie: other=1\r\n'));
    const [, value] =
      /\r\nset-cookie: id=([0-9a-f-]{36}); Path=\/; HttpOnly; Max-Age=60\r\n/.exec(response) ?? [];
    assert.ok(value, response);
    assert.deepEqual(made.hashKeys, [value]);
    const next = await roundTrip(made.port, get(`Cookie: id=${value}\r\n`));
    assert.doesNotMatch(next, /set-cookie/i);
    assert.deepEqual(made.hashKeys, [value, value]);
  });

  test('is another one for another client', async () => {
    const made = await hop(hash);
    await roundTrip(made.port, get());
    await roundTrip(made.port, get());
    assert.notEqual(made.hashKeys[0], made.hashKeys[1]);
  });

  test('lives as long as the client where no age is given', async () => {
    const made = await hop({ ...hash, ttlSeconds: 0 });
    const response = await roundTrip(made.port, get());
    assert.match(response, /\r\nset-cookie: id=[0-9a-f-]{36}; Path=\/; HttpOnly\r\n/);
  });

  test("stands beside the application's own", async () => {
    const made = await hop(
      hash,
      'HTTP/1.1 200 OK\r\nSet-Cookie: mine=1\r\nContent-Length: 0\r\n\r\n',
    );
    const response = await roundTrip(made.port, get());
    assert.equal(response.match(/set-cookie/gi)?.length, 2);
    assert.match(response, /Set-Cookie: mine=1\r\n/);
  });

  test('is not set by an answer of ours, which no endpoint gave', async () => {
    const made = await new HttpHop({
      endpoints: [],
      policy: { loadBalancer: { kind: 'ring-hash', hash } },
    }).start();
    after(() => made.close());
    const response = await roundTrip(made.port, get());
    assert.match(response, /^HTTP\/1.1 503 /);
    assert.doesNotMatch(response, /set-cookie/i);
  });
});
